from contextlib import suppress
from pathlib import Path

import pytest
from gguf import GGUFReader
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ModelFileCorrupt, ModelFileMissing
from models.gguf_file import read_gguf
from models.tiny import write_tiny_gguf


@pytest.fixture(scope="module")
def tiny_bytes(tiny_gguf: Path) -> bytes:
    return tiny_gguf.read_bytes()


def test_the_front_agrees_with_the_reference_reader(tiny_gguf: Path) -> None:
    front, reference = read_gguf(tiny_gguf), GGUFReader(tiny_gguf)
    assert [(t.name, t.size_bytes) for t in front.tensors] == [(t.name, int(t.n_bytes)) for t in reference.tensors]
    assert front.architecture == "qwen2"
    assert front.number("block_count") == 2
    assert front.array_lengths["tokenizer.ggml.tokens"] == 259


@given(share=st.floats(0, 0.9999))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_anywhere_is_refused(
    tiny_bytes: bytes, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    cut = tmp_path_factory.mktemp("cut") / "cut.gguf"
    cut.write_bytes(tiny_bytes[: int(len(tiny_bytes) * share)])
    with pytest.raises(ModelFileCorrupt):
        read_gguf(cut)


@given(at=st.integers(0, 9000), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_damaged_header_is_read_or_refused_but_never_a_crash(
    tiny_bytes: bytes, tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    bad = tmp_path_factory.mktemp("bad") / "bad.gguf"
    bad.write_bytes(tiny_bytes[:at] + bytes([byte]) + tiny_bytes[at + 1 :])
    with suppress(ModelFileCorrupt):
        assert read_gguf(bad).size_bytes == len(tiny_bytes)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>" * 10, b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_gguf_is_named_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFileCorrupt, match="not a GGUF"):
        read_gguf(path)


def test_a_missing_file_is_missing_not_corrupt(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing):
        read_gguf(tmp_path / "none.gguf")


def test_two_tiny_models_of_one_seed_are_the_same_file(tmp_path: Path) -> None:
    first, second = (write_tiny_gguf(tmp_path / name, seed=3).read_bytes() for name in ("a.gguf", "b.gguf"))
    assert first == second
