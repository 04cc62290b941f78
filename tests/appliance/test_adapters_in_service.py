"""An adapter that serves: chosen by the ledger or by the request, named in the records, refused where it cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.assembly import ADAPTER, RealWorkshop, adapter_path
from appliance.config import Config, GenerateSettings
from appliance.errors import PartMissing
from appliance.ledger import Ledger
from appliance.requests import find_profile, shelf
from appliance.steps import RunRequest
from appliance.store import Store
from models.tiny import write_tiny_gguf
from tests.models.adapter import write_tiny_adapter

REQUEST = RunRequest(brief="A bakery", profile="small", model="tiny")


@pytest.fixture
def config(tmp_path):
    config = Config(tmp_path, generate=GenerateSettings(model="tiny"))
    shelf(config).import_(write_tiny_gguf(tmp_path / "tiny.gguf"))
    return config


@pytest.fixture
def store(config):
    with Store(config.home) as store:
        yield store


def trained(config, store, name="a1", weights=""):
    path = adapter_path(config, name)
    path.parent.mkdir(parents=True)
    write_tiny_adapter(path)
    weights = weights or shelf(config).get("tiny").weights.sha256
    return Ledger(store).add_adapter(name, "tiny", weights, "", None, {})


def test_a_model_without_an_adapter_serves_as_it_came(config, store):
    workshop = RealWorkshop(config)
    assert workshop._adapter(REQUEST, store) is None
    assert workshop._weights(REQUEST, None) == shelf(config).get("tiny").weights.sha256


def test_the_champion_serves_unless_the_request_says_otherwise(config, store):
    trained(config, store, "a1")
    trained(config, store, "a2")
    Ledger(store).promote("tiny", "a1", "gain")
    workshop = RealWorkshop(config)
    assert workshop._adapter(REQUEST, store).id == "a1"
    assert workshop._adapter(replace(REQUEST, extras={ADAPTER: "a2"}), store).id == "a2"
    assert workshop._adapter(replace(REQUEST, extras={ADAPTER: ""}), store) is None
    row = workshop._adapter(REQUEST, store)
    assert workshop._weights(REQUEST, row).endswith("+a1")
    settings = workshop._settings(REQUEST, find_profile(config, "small"), shelf(config).get("tiny"), row)
    assert settings.adapters == ((adapter_path(config, "a1"), 1.0),)


def test_an_adapter_of_another_file_or_without_a_file_is_refused_in_words(config, store):
    trained(config, store, "old", weights="other")
    trained(config, store, "gone")
    adapter_path(config, "gone").unlink()
    workshop = RealWorkshop(config)
    with pytest.raises(PartMissing, match="trained on another file of tiny"):
        workshop._adapter(replace(REQUEST, extras={ADAPTER: "old"}), store)
    with pytest.raises(PartMissing, match="file of adapter gone is gone"):
        workshop._adapter(replace(REQUEST, extras={ADAPTER: "gone"}), store)
