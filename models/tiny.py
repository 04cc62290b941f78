"""A GGUF of a few hundred kilobytes with random weights, made on the spot.

Real enough for the engine: an architecture it knows, a byte vocabulary, a chat template. What it says is noise.
"""

from pathlib import Path
from typing import Literal

import gguf
import numpy as np
import numpy.typing as npt

EMBEDDING_LENGTH = 256
_LAYERS, _WIDTH, _FEED_FORWARD, _HEADS, _KV_HEADS = 2, EMBEDDING_LENGTH, 512, 4, 2
_CONTEXT_TOKENS = 8192
_END, _START = "<|im_end|>", "<|im_start|>"
_PICTURE_SIGNS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
_CONTROLS = (_END, _START, *_PICTURE_SIGNS)
_ROPE_SECTIONS = (8, 12, 12, 0)
"""How qwen2vl divides half a head among time, height and width."""
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

Architecture = Literal["qwen2", "qwen2vl"]
_Kind = gguf.GGMLQuantizationType
Blocks = npt.NDArray[np.uint8]
_KINDS = (
    *(("ffn_down", _Kind.Q6_K), ("ffn", _Kind.Q4_K), ("attn_output", _Kind.Q4_0)),
    *(("output.weight", _Kind.Q6_K), ("attn_v", _Kind.Q4_K)),
)
_K_BLOCKS = {_Kind.Q4_K: (144, ((0, 0.0012), (2, 0.009))), _Kind.Q6_K: (210, ((208, 0.000146),))}
"""Bytes that hold 256 weights, and where in them which factor lies."""


def write_tiny_gguf(path: Path, *, seed: int = 0, quantized: bool = True, architecture: Architecture = "qwen2") -> Path:
    """`qwen2vl` is the language half of a vision pair.

    `quantized` stores the matrices in the kinds whose kernels differ most from CPU to CPU; otherwise the same
    numbers are stored as float32, so that one file tells whether the engine multiplies right with the other."""
    writer = gguf.GGUFWriter(path, architecture)
    tokens = [*_vocabulary(), *(_PICTURE_SIGNS if architecture == "qwen2vl" else ())]
    _write_metadata(writer, tokens)
    if architecture == "qwen2vl":
        writer.add_rope_dimension_sections(_ROPE_SECTIONS)
    random = np.random.default_rng(seed)
    for name, shape in _tensors(len(tokens)):
        _write_tensor(writer, name, shape, random, quantized=quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_metadata(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    writer.add_name("tiny")
    writer.add_context_length(_CONTEXT_TOKENS)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if t in _CONTROLS else gguf.TokenType.NORMAL for t in tokens])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(tokens.index(_END))
    writer.add_bos_token_id(tokens.index(_START))
    writer.add_add_bos_token(False)
    writer.add_chat_template(_TEMPLATE)


def _vocabulary() -> list[str]:
    """Every byte by the sign GPT-2's vocabulary gives it, one merge, and the two signs of a turn."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    signs = {b: chr(b) for b in printable} | {b: chr(256 + n) for n, b in enumerate(others)}
    return [*(signs[b] for b in range(256)), "ab", _END, _START]


def _tensors(vocabulary: int) -> list[tuple[str, tuple[int, ...]]]:
    kv_width = _WIDTH // _HEADS * _KV_HEADS
    tensors: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (vocabulary, _WIDTH)),
        ("output_norm.weight", (_WIDTH,)),
        ("output.weight", (vocabulary, _WIDTH)),
    ]
    for n in range(_LAYERS):
        block = f"blk.{n}."
        tensors += [(block + "attn_norm.weight", (_WIDTH,)), (block + "ffn_norm.weight", (_WIDTH,))]
        for name, rows in (("q", _WIDTH), ("k", kv_width), ("v", kv_width)):
            tensors += [(f"{block}attn_{name}.weight", (rows, _WIDTH)), (f"{block}attn_{name}.bias", (rows,))]
        tensors += [
            (block + "attn_output.weight", (_WIDTH, _WIDTH)),
            (block + "ffn_gate.weight", (_FEED_FORWARD, _WIDTH)),
            (block + "ffn_up.weight", (_FEED_FORWARD, _WIDTH)),
            (block + "ffn_down.weight", (_WIDTH, _FEED_FORWARD)),
        ]
    return tensors


def _write_tensor(
    writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], random: np.random.Generator, *, quantized: bool
) -> None:
    if name.endswith("norm.weight"):
        writer.add_tensor(name, np.ones(shape, dtype=np.float32))
        return
    if len(shape) < 2:
        writer.add_tensor(name, (random.standard_normal(shape) * 0.2).astype(np.float32))
        return
    kind = next((kind for part, kind in _KINDS if part in name), _Kind.Q8_0)
    blocks = _random_blocks(shape, kind, random)
    if quantized:
        writer.add_tensor(name, blocks, raw_dtype=kind)
    else:
        writer.add_tensor(name, gguf.quants.dequantize(blocks, kind))


def _random_blocks(shape: tuple[int, ...], kind: gguf.GGMLQuantizationType, random: np.random.Generator) -> Blocks:
    """Weights of spread 0.2 around 0. The library can read K-quants but not write them, so their bytes are drawn."""
    if kind not in _K_BLOCKS:
        return gguf.quants.quantize((random.standard_normal(shape) * 0.2).astype(np.float32), kind)
    size, scales = _K_BLOCKS[kind]
    blocks = random.integers(0, 256, (shape[0], shape[1] // 256, size), dtype=np.uint8)
    for at, value in scales:
        blocks[:, :, at : at + 2] = np.frombuffer(np.float16(value).tobytes(), dtype=np.uint8)
    return blocks.reshape(shape[0], -1)
