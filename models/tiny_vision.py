"""A vision pair of a megabyte with random weights, made on the spot: language half and projector of Qwen2.5-VL's kind.

Real enough for the engine: windowed attention, positions in three dimensions, as many tokens for a picture as the real
one takes. What it sees is noise.
"""

from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np

from models.tiny import EMBEDDING_LENGTH, write_tiny_gguf

_LAYERS, _WIDTH, _FEED_FORWARD, _HEADS = 2, 64, 128, 4
_PATCH_PX, _MERGE = 14, 2
_MIN_PIXELS, _MAX_PIXELS = 56 * 56, 1024 * 1024


class TinyVisionPair(NamedTuple):
    weights: Path
    projector: Path


def write_tiny_vision_pair(folder: Path, *, seed: int = 0) -> TinyVisionPair:
    weights = write_tiny_gguf(folder / "tiny-vision.gguf", seed=seed, architecture="qwen2vl")
    return TinyVisionPair(weights, _write_projector(folder / "tiny-vision-mmproj.gguf", seed))


def _write_projector(path: Path, seed: int) -> Path:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_name("tiny-vision")
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("qwen2.5vl_merger")
    writer.add_vision_use_silu(True)
    writer.add_vision_projection_dim(EMBEDDING_LENGTH)
    writer.add_vision_image_size(560)
    writer.add_vision_patch_size(_PATCH_PX)
    writer.add_vision_embedding_length(_WIDTH)
    writer.add_vision_feed_forward_length(_FEED_FORWARD)
    writer.add_vision_block_count(_LAYERS)
    writer.add_vision_head_count(_HEADS)
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_n_wa_pattern(_LAYERS)
    writer.add_vision_min_pixels(_MIN_PIXELS)
    writer.add_vision_max_pixels(_MAX_PIXELS)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.25, 0.25, 0.25])
    random = np.random.default_rng(seed)
    for name, shape in _tensors():
        ones = name.endswith(("ln1.weight", "ln2.weight", "post_ln.weight"))
        values = np.ones(shape) if ones else random.standard_normal(shape) * 0.1
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors() -> list[tuple[str, tuple[int, ...]]]:
    merged = _WIDTH * _MERGE**2
    tensors: list[tuple[str, tuple[int, ...]]] = [
        # A still picture is a film of two equal frames; each has its own half of the first matrix.
        ("v.patch_embd.weight", (_WIDTH, 3, _PATCH_PX, _PATCH_PX)),
        ("v.patch_embd.weight.1", (_WIDTH, 3, _PATCH_PX, _PATCH_PX)),
        ("v.post_ln.weight", (_WIDTH,)),
        *_matrix("mm.0", merged, merged),
        *_matrix("mm.2", EMBEDDING_LENGTH, merged),
    ]
    for n in range(_LAYERS):
        block = f"v.blk.{n}."
        tensors += [(block + "ln1.weight", (_WIDTH,)), (block + "ln2.weight", (_WIDTH,))]
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors += _matrix(block + name, _WIDTH, _WIDTH)
        tensors += _matrix(block + "ffn_gate", _FEED_FORWARD, _WIDTH)
        tensors += _matrix(block + "ffn_up", _FEED_FORWARD, _WIDTH)
        tensors += _matrix(block + "ffn_down", _WIDTH, _FEED_FORWARD)
    return tensors


def _matrix(name: str, rows: int, columns: int) -> list[tuple[str, tuple[int, ...]]]:
    return [(f"{name}.weight", (rows, columns)), (f"{name}.bias", (rows,))]
