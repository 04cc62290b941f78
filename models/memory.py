"""Does a model fit? Counted from the file's own metadata, before anything is loaded.

Counts weights, KV cache, compute buffers, the projector and a fixed share for the GPU's runtime. Leaves out the running
state of hybrid models (a few MiB) and the picture encoder's scratch memory (0.5-1.5 GiB for a large screenshot).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.gguf_file import GgufFile, read_gguf

KvType = Literal["f16", "q8_0"]

GIB = 1 << 30
# ggml stores a q8_0 block of 32 values in 34 bytes.
_KV_VALUE_BYTES = {"f16": 2.0, "q8_0": 34 / 32}
# Context and kernels of CUDA or Vulkan, taken once per process.
_GPU_RUNTIME_BYTES = 300 << 20
_F32 = 4
# What llama.cpp's CPU backend keeps a second time in another order, for its fast kernels on x86.
_REPACKED_TYPES = frozenset({"Q4_0", "Q4_K", "Q6_K", "Q2_K", "IQ4_NL"})


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """`layers_that_fit` counts as llama.cpp does: the output matrix is one more layer, and goes to the GPU first.

    On a CPU `weights_bytes` includes the rearranged copy; the mapped original can be given back under pressure.
    """

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    projector_bytes: int
    available_bytes: int
    layers: int
    layers_that_fit: int

    @property
    def needed_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes + self.projector_bytes

    @property
    def fits(self) -> bool:
        return self.needed_bytes <= self.available_bytes

    def sentence(self) -> str:
        parts = (
            f"weights {_gib(self.weights_bytes)} + cache {_gib(self.kv_bytes)} + buffers {_gib(self.compute_bytes)}"
            + (f" + projector {_gib(self.projector_bytes)}" if self.projector_bytes else "")
            + f" = {_gib(self.needed_bytes)} of {_gib(self.available_bytes)} GiB"
        )
        if self.fits:
            return f"fits: {parts}"
        return f"does not fit: {parts}; {self.layers_that_fit} of {self.layers} layers do"


def plan(
    path: Path,
    context_tokens: int,
    *,
    memory_bytes: int,
    kv_type: KvType = "f16",
    projector: Path | None = None,
    batch_tokens: int = 512,
    on_gpu: bool = True,
) -> MemoryPlan:
    """`memory_bytes`: free VRAM, or free RAM with `on_gpu=False`. `context_tokens`: all tokens the cache shall hold."""
    front = read_gguf(path)
    compute = compute_bytes(front, context_tokens, batch_tokens) + (_GPU_RUNTIME_BYTES if on_gpu else 0)
    picture = 0 if projector is None else read_gguf(projector).weights_bytes
    kv = kv_bytes_by_layer(front, context_tokens, kv_type)
    repacked = 0 if on_gpu else sum(t.size_bytes for t in front.tensors if t.type_name in _REPACKED_TYPES)
    return MemoryPlan(
        weights_bytes=front.weights_bytes + repacked,
        kv_bytes=sum(kv),
        compute_bytes=compute,
        projector_bytes=picture,
        available_bytes=memory_bytes,
        layers=len(kv) + 1,
        layers_that_fit=_layers_that_fit(front, kv, memory_bytes - compute - picture),
    )


def kv_bytes_by_layer(front: GgufFile, context_tokens: int, kv_type: KvType) -> list[int]:
    """Keys and values: heads x (key length + value length) x bytes per value x tokens, for each layer with attention.

    After llama.cpp's llama_kv_cache constructor, which allocates both for the whole context; layers with a running
    state instead (every one but each n-th in hybrid models) hold none.
    """
    layers, heads = front.number("block_count"), front.number("attention.head_count")
    default_length = front.number("embedding_length") // heads
    row = front.number_or("attention.key_length", default_length)
    row += front.number_or("attention.value_length", default_length)
    interval = front.number_or("full_attention_interval", 1)
    by_layer = _kv_heads(front, layers)
    per_head = row * _KV_VALUE_BYTES[kv_type] * context_tokens
    return [int(by_layer[i] * per_head) if (i + 1) % interval == 0 else 0 for i in range(layers)]


def compute_bytes(front: GgufFile, context_tokens: int, batch_tokens: int) -> int:
    """The buffer in which llama.cpp lays out one batch: its widest layer step, the attention mask, a row of logits.

    An upper estimate; with flash attention the scores themselves are never stored.
    """
    embedding = front.number("embedding_length")
    wide = front.number_or("feed_forward_length", 4 * embedding)
    vocabulary = front.array_lengths.get("tokenizer.ggml.tokens", 0)
    activations = batch_tokens * (2 * wide + 6 * embedding) * _F32
    mask = batch_tokens * context_tokens * _F32
    return activations + mask + 16 * vocabulary * _F32


def _kv_heads(front: GgufFile, layers: int) -> list[int]:
    value = front.metadata.get(f"{front.architecture}.attention.head_count_kv")
    if isinstance(value, tuple):
        return [int(n) for n in value]
    return [front.number_or("attention.head_count_kv", front.number("attention.head_count"))] * layers


def _layers_that_fit(front: GgufFile, kv: list[int], room: int) -> int:
    """From the output backwards, as llama.cpp offloads them; the token embeddings stay in RAM."""
    weights = [0] * len(kv)
    output = 0
    for tensor in front.tensors:
        head, _, rest = tensor.name.partition(".")
        if head == "blk":
            weights[int(rest.split(".")[0])] += tensor.size_bytes
        elif head.startswith("output"):
            output += tensor.size_bytes
    fitting = 0
    for size in [output, *(w + k for w, k in zip(weights[::-1], kv[::-1], strict=True))]:
        room -= size
        if room < 0:
            return fitting
        fitting += 1
    return fitting


def _gib(count: int) -> str:
    return f"{count / GIB:.2f}"
