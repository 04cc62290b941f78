"""What a training run will hold in memory, counted before anything is loaded, and which kind of base fits.

For a Qwen2-like decoder with H hidden, I inner, KV key width, L layers, V tokens, sequences of T tokens and LoRA of
rank r on all seven linears:

    linears  P = L (2 H² + 2 H·KV + 3 H·I)          adapter  p = L r (4 H + 2 (H + KV) + 3 (H + I))
    checkpointed activations  2 or 4 B × L T H      one layer recomputed  see `_layer_bytes`
    log-probs in chunks of C  8 B × C V             optimiser, gradient and weights of the adapter  16 B × p

Counts live tensors at the peak, which is in the log-probs or in the layer that is computed again, not in both. On a GPU
both are counted: its allocator keeps the freed blocks of one while the other is made. What the runtime takes for itself
is left out, but for a fixed share on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.base import BaseKind

GIB = 1 << 30
ORDER: tuple[BaseKind, ...] = ("gguf", "int8", "bf16", "nf4")
"""On a GPU. The served blocks first: every other kind is another policy than the server's."""
_BYTES: Mapping[BaseKind, float] = {"int8": 1.0, "bf16": 2.0, "nf4": 4.127 / 8, "fp32": 4.0}
_GPU_RUNTIME = int(0.8 * GIB)
_ADAPTER_BYTES = 16
"""float32 weight, gradient, and Adam's two moments."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """`blocks` are the bytes of the file's linears as they are served, `vocabulary_blocks` those of its embedding and,
    where it has one of its own, its head."""

    hidden: int
    inner: int
    kv: int
    layers: int
    vocabulary: int
    blocks: int
    vocabulary_blocks: int
    tied: bool

    @property
    def linears(self) -> int:
        h = self.hidden
        return self.layers * (2 * h * h + 2 * h * self.kv + 3 * h * self.inner)

    def adapter(self, rank: int) -> int:
        h = self.hidden
        return self.layers * rank * (4 * h + 2 * (h + self.kv) + 3 * (h + self.inner))


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """Bytes at the peak, by what they are for."""

    kind: BaseKind
    base: int
    head: int
    adapter: int
    activations: int
    """Checkpoints of all layers."""
    working: int
    """The log-probs' chunk and the one layer that is computed again."""
    runtime: int
    available: int
    offload: bool = False
    """Whether the checkpointed activations lie in main memory."""

    @property
    def needed(self) -> int:
        return self.base + self.head + self.adapter + self.activations + self.working + self.runtime

    @property
    def fits(self) -> bool:
        return self.needed <= self.available

    def sentence(self) -> str:
        parts = (
            f"{self.kind}: base {_gib(self.base)} + head {_gib(self.head)} + adapter {_gib(self.adapter)}"
            f" + activations {_gib(self.activations)} + working {_gib(self.working)}"
        )
        said = f"{parts} = {_gib(self.needed)} of {_gib(self.available)} GiB"
        where = ", checkpoints in main memory" if self.offload else ""
        return f"{'fits' if self.fits else 'does not fit'}: {said}{where}"


def plan_training(
    sizes: Sizes,
    kind: BaseKind,
    *,
    tokens: int,
    rank: int,
    available: int,
    chunk_tokens: int,
    on_gpu: bool,
    offload: bool = False,
) -> TrainPlan:
    width = 4 if not on_gpu and kind in ("gguf", "fp32") else 2
    dense = sizes.hidden * sizes.vocabulary
    base = sizes.blocks if kind == "gguf" else int(sizes.linears * _BYTES[kind])
    embedding = sizes.vocabulary_blocks if kind == "gguf" else 0 if sizes.tied else dense * width
    logprobs = min(chunk_tokens, tokens) * sizes.vocabulary * 8
    kept = 0 if offload else sizes.layers * tokens * sizes.hidden * width
    scratch = sizes.inner * sizes.hidden * 4 * 2 if kind == "gguf" else 0  # the largest matrix's numbers, made twice
    layer = _layer_bytes(sizes, tokens, width) + scratch
    return TrainPlan(
        kind=kind,
        base=base + embedding,
        head=dense * width,
        adapter=_ADAPTER_BYTES * sizes.adapter(rank),
        activations=kept,
        working=layer + logprobs if on_gpu else max(layer, logprobs),
        runtime=_GPU_RUNTIME if on_gpu else 0,
        available=available,
        offload=offload,
    )


def choose_base(plans: Mapping[BaseKind, TrainPlan]) -> tuple[BaseKind, str]:
    """The first kind in ORDER that fits, and why it is that one; the smallest where none does."""
    for kind in ORDER:
        if kind in plans and plans[kind].fits:
            why = "the served weights themselves" if kind == "gguf" else "what comes before it does not fit"
            return kind, f"{kind}, {why}"
    least = min(plans.values(), key=lambda one: one.needed)
    return least.kind, f"{least.kind} is the smallest, and even that does not fit"


def sizes_of(fields: Mapping[str, Any], blocks: int, vocabulary_blocks: int, *, tied: bool) -> Sizes:
    """From a GGUF's metadata and the bytes of its matrices."""

    def own(name: str) -> int:
        return int(fields[f"qwen2.{name}"])

    heads, kv_heads = own("attention.head_count"), own("attention.head_count_kv")
    return Sizes(
        hidden=own("embedding_length"),
        inner=own("feed_forward_length"),
        kv=own("embedding_length") // heads * kv_heads,
        layers=own("block_count"),
        vocabulary=len(fields["tokenizer.ggml.tokens"]),
        blocks=blocks,
        vocabulary_blocks=vocabulary_blocks,
        tied=tied,
    )


def _layer_bytes(sizes: Sizes, tokens: int, width: int) -> int:
    """What one decoder layer keeps for its backward pass: its norms, the seven products and their inputs, the adapter's
    inputs in float32 where the base is narrower."""
    values = 8 * sizes.hidden + 4 * sizes.kv + 5 * sizes.inner
    return tokens * values * width


def _gib(count: int) -> str:
    return f"{count / GIB:.2f}"
