"""A safetensors folder through the real converter and quantizer: random weights, the starter model's own vocabulary.

Needs torch and transformers (the `vision` or `train` extra); without them the test fails, because a converter that
nobody ran is not one.
"""

import json
import sys
from pathlib import Path

import pytest

from models.catalog import Catalog
from models.convert import ConverterSettings, is_safetensors_folder
from models.errors import ConversionFailed, ModelFileMissing
from models.fetch import ModelShelf
from models.gguf_file import read_gguf
from models.self_test import self_test


@pytest.fixture(scope="module")
def cache(starter_gguf: Path) -> Path:
    """Beside the starter model, so that the converter is fetched once for all runs."""
    return starter_gguf.parent.parent / ".converter"


@pytest.fixture(scope="module")
def qwen_folder(starter_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("safetensors") / "Random-Qwen2"
    write_random_qwen2(folder, starter_gguf)
    return folder


def write_random_qwen2(folder: Path, vocabulary_from: Path) -> None:
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(vocabulary_from.parent, gguf_file=vocabulary_from.name)
    shape = Qwen2Config(
        vocab_size=151936,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
        eos_token_id=151645,
    )
    torch.manual_seed(0)
    Qwen2ForCausalLM(shape).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_safetensors_folder_becomes_a_model_that_decodes(qwen_folder: Path, tmp_path: Path, cache: Path) -> None:
    (qwen_folder / "modeling_evil.py").write_text("raise SystemExit('code from the folder ran')")
    shelf = ModelShelf(tmp_path / "shelf", Catalog(()), ConverterSettings(cache))
    model = shelf.import_(qwen_folder, name="random-qwen2")
    front = read_gguf(model.path)
    assert (model.origin, model.family) == ("converted", "qwen2")
    assert {t.type_name for t in front.tensors} - {"F32"}
    assert str(tmp_path) not in json.dumps({k: str(v) for k, v in front.metadata.items()})
    assert [p.name for p in shelf.root.glob(".convert-*")] == []
    assert self_test(model.path).tokens_decoded == 2


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_folder_that_cannot_be_converted_ends_in_one_sentence(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["NoSuchModelForCausalLM"], "model_type": "nosuch"}')
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    shelf = ModelShelf(tmp_path / "shelf", Catalog(()), ConverterSettings(cache))
    with pytest.raises(ConversionFailed, match="could not be converted"):
        shelf.import_(folder)
    assert shelf.list() == ()


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not is_safetensors_folder(tmp_path)
    with pytest.raises(ModelFileMissing, match=r"\.safetensors"):
        ModelShelf(tmp_path / "shelf", Catalog(())).import_(tmp_path)


def test_a_missing_extra_is_named_with_the_line_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    with pytest.raises(ConversionFailed, match=r"pip install 'webgen-appliance\[vision\]'"):
        ModelShelf(tmp_path / "shelf", Catalog(())).import_(tmp_path)
