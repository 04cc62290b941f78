import re

import pytest

from models.catalog import DEFAULT_MODEL, load_catalog
from models.errors import UnknownModel


def test_the_starter_models_can_be_pulled_and_everything_pinned_is_whole() -> None:
    catalog = load_catalog()
    pullable = {m.name for m in catalog if m.is_pullable}
    assert pullable == {DEFAULT_MODEL, "qwen2.5-coder-0.5b"}
    for model in catalog:
        for source in model.sources:
            assert sum(part.blob_bytes for part in source.parts) == model.weights.size_bytes
            assert all(re.fullmatch("[0-9a-f]{64}", part.sha256) for part in source.parts)


def test_a_model_that_sees_names_its_projector_and_one_that_does_not_has_none() -> None:
    for model in load_catalog():
        assert (model.projector is not None) == (model.role != "coder")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match=r"qwen2\.5-coder-1\.5b"):
        load_catalog().get("gpt-9")
