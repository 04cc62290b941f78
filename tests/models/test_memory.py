"""The plan against figures that were computed by hand from each model's published shape."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from models.chat import ChatMessage, Sampling
from models.gguf_file import read_gguf
from models.llama import LlamaChild, LlamaSettings
from models.memory import GIB, kv_bytes_by_layer, plan
from models.tiny import write_tiny_gguf

# layers, heads, KV heads; the head length is 128 everywhere.
SHAPES = {
    "Qwen2.5-Coder-1.5B": (28, 12, 2),
    "Qwen2.5-Coder-7B": (28, 28, 4),
    "Qwen2.5-Coder-14B": (48, 40, 8),
    "Qwen3-VL-8B": (36, 32, 8),
}


def write_shape(path: Path, layers: int, heads: int, kv_heads: int, interval: int = 1) -> Path:
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_embedding_length(heads * 64)
    writer.add_key_length(128)
    writer.add_value_length(128)
    writer.add_context_length(32768)
    if interval > 1:
        writer.add_uint32("qwen3.full_attention_interval", interval)
    writer.add_tensor("output.weight", np.zeros((64, 64), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("model", "context", "kv_type", "expected_gib"),
    [
        ("Qwen2.5-Coder-1.5B", 8192, "f16", 0.22),
        ("Qwen2.5-Coder-1.5B", 32768, "q8_0", 0.46),
        ("Qwen2.5-Coder-7B", 16384, "f16", 0.88),
        ("Qwen2.5-Coder-7B", 16384, "q8_0", 0.46),
        ("Qwen2.5-Coder-14B", 32768, "f16", 6.00),
        ("Qwen3-VL-8B", 16384, "q8_0", 1.20),
    ],
)
def test_the_cache_is_as_large_as_the_shape_says(
    tmp_path: Path, model: str, context: int, kv_type: str, expected_gib: float
) -> None:
    front = read_gguf(write_shape(tmp_path / "m.gguf", *SHAPES[model]))
    assert kv_type in ("f16", "q8_0")
    size = sum(kv_bytes_by_layer(front, context, "f16" if kv_type == "f16" else "q8_0"))
    assert size / GIB == pytest.approx(expected_gib, abs=0.011)


def test_only_each_fourth_layer_of_a_hybrid_holds_a_cache(tmp_path: Path) -> None:
    dense = read_gguf(write_shape(tmp_path / "d.gguf", 32, 16, 4))
    hybrid = read_gguf(write_shape(tmp_path / "h.gguf", 32, 16, 4, interval=4))
    assert sum(kv_bytes_by_layer(hybrid, 8192, "f16")) * 4 == sum(kv_bytes_by_layer(dense, 8192, "f16"))


def test_what_fits_says_so_and_what_does_not_says_how_much_would(tiny_gguf: Path) -> None:
    roomy = plan(tiny_gguf, 4096, memory_bytes=8 * GIB)
    assert roomy.fits
    assert roomy.layers_that_fit == roomy.layers == 3
    assert roomy.sentence().startswith("fits: weights")
    assert roomy.weights_bytes == read_gguf(tiny_gguf).weights_bytes
    tight = plan(tiny_gguf, 4096, memory_bytes=roomy.needed_bytes - (1 << 20))
    assert not tight.fits
    assert 0 < tight.layers_that_fit < 3
    assert "of 3 layers do" in tight.sentence()
    assert plan(tiny_gguf, 4096, memory_bytes=0).layers_that_fit == 0


def test_a_longer_context_a_projector_and_a_gpu_each_take_more(tiny_gguf: Path, tmp_path: Path) -> None:
    base = plan(tiny_gguf, 4096, memory_bytes=GIB, on_gpu=False).needed_bytes
    assert plan(tiny_gguf, 8192, memory_bytes=GIB, on_gpu=False).needed_bytes > base
    assert plan(tiny_gguf, 4096, memory_bytes=GIB).needed_bytes > base
    projector = write_tiny_gguf(tmp_path / "p.gguf")
    assert plan(tiny_gguf, 4096, memory_bytes=GIB, projector=projector, on_gpu=False).projector_bytes > 0


@pytest.mark.model
def test_the_plan_of_the_starter_model_covers_what_its_child_uses(starter_gguf: Path) -> None:
    settings = LlamaSettings(starter_gguf, context_tokens=8192, kv_tokens=8192)
    with LlamaChild(settings) as model:
        model.chat([ChatMessage("user", "word " * 600)], Sampling(max_tokens=2))
        status = Path(f"/proc/{model.process_id}/status").read_text(encoding="ascii")
    used = int(status.split("VmRSS:")[1].split()[0]) << 10
    planned = plan(starter_gguf, 8192, memory_bytes=4 * GIB, on_gpu=False).needed_bytes
    python = 120 << 20
    assert planned * 0.8 < used < planned * 1.1 + python
