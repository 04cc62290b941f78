"""A model's file is compared with what its publisher promised each time it is loaded."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.catalog import Catalog, CatalogFile, load_catalog
from models.errors import ModelFileCorrupt
from models.fetch import ModelShelf
from models.llama import LlamaChild, LlamaSettings
from models.tiny import write_tiny_gguf
from models.unchanged import promised_sha256, refuse_changed

KNOWN = load_catalog().get("qwen2.5-coder-0.5b")


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    source = write_tiny_gguf(tmp_path / "mine.gguf")
    return ModelShelf(tmp_path / "models", load_catalog()).import_(source, name="mine").path


def change_last_byte(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))


def test_one_changed_bit_is_not_loaded(imported: Path) -> None:
    with LlamaChild(LlamaSettings(imported, context_tokens=4096, threads=1)) as model:
        assert model.process_id is not None
    change_last_byte(imported)
    with pytest.raises(ModelFileCorrupt, match="it is not loaded"):
        LlamaChild(LlamaSettings(imported, context_tokens=4096, threads=1))


def test_a_file_changed_while_the_model_served_is_not_loaded_again(imported: Path) -> None:
    with LlamaChild(LlamaSettings(imported, context_tokens=4096, threads=1)) as model:
        model.close()
        change_last_byte(imported)
        with pytest.raises(ModelFileCorrupt):
            model.count_tokens([])
        assert model.process_id is None


def test_the_publishers_hash_counts_whatever_the_record_says(tmp_path: Path) -> None:
    """Somebody who changes the file can change the record; the catalog belongs to the program."""
    content = write_tiny_gguf(tmp_path / "tiny.gguf").read_bytes()
    official = hashlib.sha256(content).hexdigest()
    catalog = Catalog((replace(KNOWN, files=(CatalogFile("weights", "w.gguf", len(content), official),)),))
    folder = tmp_path / KNOWN.name
    folder.mkdir()
    (folder / "w.gguf").write_bytes(content)
    (folder / "model.json").write_text(
        json.dumps({"name": KNOWN.name, "weights": {"name": "w.gguf", "sha256": "0" * 64}, "projector": None})
    )
    refuse_changed(folder / "w.gguf", catalog)
    (folder / "w.gguf").write_bytes(content + b"more")
    changed = hashlib.sha256(content + b"more").hexdigest()
    (folder / "model.json").write_text(
        json.dumps({"name": KNOWN.name, "weights": {"name": "w.gguf", "sha256": changed}, "projector": None})
    )
    with pytest.raises(ModelFileCorrupt, match="publisher"):
        refuse_changed(folder / "w.gguf", catalog)


def test_a_file_outside_any_shelf_has_no_promise(tiny_gguf: Path) -> None:
    assert promised_sha256(tiny_gguf, load_catalog()) is None


def test_a_damaged_record_is_no_way_around(imported: Path) -> None:
    (imported.parent / "model.json").write_text("{}")
    with pytest.raises(ModelFileCorrupt, match="record"):
        LlamaChild(LlamaSettings(imported, context_tokens=4096, threads=1))
