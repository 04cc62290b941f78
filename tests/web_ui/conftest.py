"""A data folder with one finished site (scripted model, local container, real Chromium), and the app on it."""

from __future__ import annotations

import shutil

import pytest

from appliance.store import Store
from models.catalog import load_catalog
from models.fetch import ModelShelf
from models.tiny import write_tiny_gguf
from tests.appliance.rooms import GOOD, THROWS, fenced
from tests.web_ui.visits import SECTION, Visitor, config_of, work_on
from web_ui.app import create_app


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder and its finished run, not to be changed by tests."""
    home = tmp_path_factory.mktemp("made")
    tiny = write_tiny_gguf(home / "tiny.gguf")
    ModelShelf(home / "models", load_catalog()).import_(tiny)
    (home / "config.toml").write_text('[generate]\nmodel = "tiny"\n')
    run = work_on(home, [fenced(GOOD), fenced(THROWS), *[SECTION] * 8], steps=5, drafts=2)
    assert run.status == "done"
    return home, run


@pytest.fixture
def home(made, tmp_path):
    """A copy of that folder of one's own."""
    shutil.copytree(made[0], tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def run(made):
    return made[1]


@pytest.fixture
def visitor(home):
    app = create_app(*config_of(home))
    yield Visitor(app)
    app.extensions["desk"].pool.close()


@pytest.fixture
def store(home):
    with Store(home) as opened:
        yield opened
