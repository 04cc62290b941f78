"""A GGUF of a few hundred kilobytes with random weights, made on the spot.

Real enough for the engine: an architecture it knows, a byte vocabulary, a chat template. What it says is noise.
"""

from pathlib import Path

import gguf
import numpy as np

_LAYERS, _WIDTH, _FEED_FORWARD, _HEADS, _KV_HEADS = 2, 256, 512, 4, 2
_CONTEXT_TOKENS = 8192
_END, _START = "<|im_end|>", "<|im_start|>"
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_gguf(path: Path, *, seed: int = 0, quantized: bool = True) -> Path:
    """`quantized` stores the matrices as Q8_0 and Q4_0, whose kernels differ most from CPU to CPU."""
    writer = gguf.GGUFWriter(path, "qwen2")
    tokens = _vocabulary()
    _write_metadata(writer, tokens)
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
    controls = (_END, _START)
    writer.add_token_types([gguf.TokenType.CONTROL if t in controls else gguf.TokenType.NORMAL for t in tokens])
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
    weights = (random.standard_normal(shape) * 0.2).astype(np.float32)
    if not quantized or len(shape) < 2:
        writer.add_tensor(name, weights)
        return
    kind = gguf.GGMLQuantizationType.Q4_0 if "ffn" in name else gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)
