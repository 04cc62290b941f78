"""How a model is loaded, and what of it this machine and this file allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.chat import MIN_CONTEXT_TOKENS
from models.errors import AdapterError, ContextTooSmall, EngineVariantError, ModelFileCorrupt
from models.gguf_file import GgufFile, read_gguf
from models.hardware import EngineVariant, detect_hardware, installed_variant
from models.memory import plan

FEW_HEADS_FLAGS = frozenset({"avx512f", "avx512bw", "avx512dq"})
FEW_HEADS_READ = 48
"""Prompt tokens at once for setup/few_heads.hpp, which takes up to 63 rows. More are a sixth faster in an empty cache
and three times slower in a full one: llama.cpp's attention for 64 rows and more converts the whole mask for every head.
So few also let `CoreShare` and a cancellation be heard three times a second. Other processors gain nothing by it."""


@dataclass(frozen=True, slots=True)
class LlamaSettings:
    """`threads=0`: every core this process may use. `gpu_layers=-1`: as many as the memory plan says fit.

    `parallel` is how many sequences the cache keeps apart: drafts at once, and conversations remembered.
    `projector` is the second file of a vision pair (mmproj); without it the model reads text alone.
    `kv_tokens=0`: twice the context on a CPU, the context on a GPU; drafts that do not fit into it run in turns.
    """

    path: Path
    projector: Path | None = None
    context_tokens: int = 8192
    threads: int = 0
    gpu_layers: int = -1
    parallel: int = 8
    kv_tokens: int = 0
    kv_type: Literal["f16", "q8_0"] = "f16"
    batch_tokens: int = 512
    thinking: bool = False
    start_timeout_s: float = 600
    adapters: tuple[tuple[Path, float], ...] = ()
    """LoRA files in force from the start, with their scales."""


def refuse_context(settings: LlamaSettings, front: GgufFile) -> None:
    if settings.context_tokens < MIN_CONTEXT_TOKENS:
        raise ContextTooSmall(
            f"A context of {settings.context_tokens} tokens is too small: one page and the talk about it need at least"
            f" {MIN_CONTEXT_TOKENS}; set a larger context."
        )
    trained = front.number("context_length")
    if settings.context_tokens > trained:
        raise ContextTooSmall(
            f"'{settings.path.name}' was trained for a context of {trained} tokens, not {settings.context_tokens};"
            " set a smaller context or take another model."
        )


def refuse_projector(projector: Path | None) -> None:
    if projector is not None and not read_gguf(projector).is_projector:
        raise ModelFileCorrupt(
            f"'{projector.name}' is not a projector (mmproj) file; give the one published with the model."
        )


def require_adapters(adapters: Sequence[tuple[Path, float]]) -> None:
    for path, _ in adapters:
        if not read_gguf(path).is_adapter:
            raise AdapterError(f"'{path.name}' is a model, not a LoRA adapter; name an adapter file.")


def gpu_layers_to_use(settings: LlamaSettings) -> int:
    variant: EngineVariant = installed_variant()
    if variant == "cpu":
        if settings.gpu_layers > 0:
            raise EngineVariantError(
                "The installed engine was built for the CPU alone and cannot put layers on a GPU; run set-up again."
            )
        return 0
    if settings.gpu_layers >= 0:
        return settings.gpu_layers
    free_mib = [g.free_mib for g in detect_hardware().gpus if g.free_mib is not None]
    if not free_mib:
        raise EngineVariantError(
            f"The engine is the {variant} build but no GPU tells how much memory it has; say how many layers to put on"
            " it (gpu_layers), or 0 for none."
        )
    made = plan(
        settings.path,
        settings.context_tokens,
        kv_type=settings.kv_type,
        projector=settings.projector,
        memory_bytes=max(free_mib) << 20,
    )
    return made.layers_that_fit


def read_tokens(settings: LlamaSettings, gpu_layers: int, cpu_flags: frozenset[str]) -> int:
    """How many tokens of a prompt are computed together."""
    has_few_heads = not gpu_layers and cpu_flags >= FEW_HEADS_FLAGS
    return min(settings.batch_tokens, FEW_HEADS_READ) if has_few_heads else settings.batch_tokens
