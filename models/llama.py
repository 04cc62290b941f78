"""A GGUF model in a child process of its own, by llama.cpp; with its projector it sees pictures too."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from models.catalog import load_catalog
from models.chat import ChatMessage, Completion, Constraint, Engine, Sampling
from models.engine_process import ChildProgram, EngineProcess, completion_from_wire, constraint_on_wire
from models.gguf_file import read_gguf
from models.hardware import cpu_flags, installed_variant
from models.llama_settings import (
    LlamaSettings,
    gpu_layers_to_use,
    read_tokens,
    refuse_context,
    refuse_projector,
    require_adapters,
)
from models.unchanged import refuse_changed
from models.wire import Frame

_MISSING = "llama-cpp-python is not installed for this Python; run set-up again."

__all__ = ["LlamaChild", "LlamaSettings"]

Adapter = tuple[Path, float]


class LlamaChild:
    def __init__(self, settings: LlamaSettings) -> None:
        front = read_gguf(settings.path)
        refuse_context(settings, front)
        refuse_projector(settings.projector)
        self.settings = settings
        self.name = settings.path.stem
        self.context_tokens = settings.context_tokens
        self._gpu_layers = gpu_layers_to_use(settings)
        self.engine: Engine = installed_variant() if self._gpu_layers else "cpu"
        require_adapters(settings.adapters)
        self._adapters: tuple[Adapter, ...] = settings.adapters
        program = ChildProgram("models.llama_child", _MISSING, settings.start_timeout_s, {})
        self._child = EngineProcess(program, self.name, self._greeting)

    @property
    def process_id(self) -> int | None:
        return self._child.process_id

    @property
    def gpu_layers(self) -> int:
        return self._gpu_layers

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        tokens: int = self._child.ask({"op": "count"}, messages)["tokens"]
        return tokens

    def chat(
        self,
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        *,
        constraint: Constraint | None = None,
        record: bool = False,
        prefill: str = "",
        on_text: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        one = None if on_text is None else lambda _, text: on_text(text)
        return self._generate(messages, [sampling], constraint, record, prefill, one, cancelled)[0]

    def drafts(
        self,
        messages: Sequence[ChatMessage],
        samplings: Sequence[Sampling],
        *,
        record: bool = False,
        prefill: str = "",
        on_text: Callable[[int, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        return self._generate(messages, samplings, None, record, prefill, on_text, cancelled)

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """The LoRA files in force from now on, with their scales; none restores the base model exactly.

        Raises AdapterError and keeps the old set when one does not fit.
        """
        wanted = tuple((Path(path), float(scale)) for path, scale in adapters)
        require_adapters(wanted)
        self._child.ask({"op": "adapters", "adapters": _adapters_on_wire(wanted)})
        self._adapters = wanted

    def close(self) -> None:
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _generate(
        self,
        messages: Sequence[ChatMessage],
        samplings: Sequence[Sampling],
        constraint: Constraint | None,
        record: bool,
        prefill: str,
        on_text: Callable[[int, str], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> list[Completion]:
        frame = {
            "op": "generate",
            "samplings": [asdict(s) for s in samplings],
            "constraint": constraint_on_wire(constraint),
            "record": record,
            "prefill": prefill,
        }
        return [completion_from_wire(c) for c in self._child.ask(frame, messages, on_text, cancelled)["completions"]]

    def _greeting(self) -> list[Frame]:
        catalog = load_catalog()
        for path in (self.settings.path, self.settings.projector):
            if path is not None:
                refuse_changed(path, catalog)
        load: Frame = {"op": "load", "options": self._options()}
        return [load, {"op": "adapters", "adapters": _adapters_on_wire(self._adapters)}] if self._adapters else [load]

    def _options(self) -> Frame:
        settings = self.settings
        default_kv = settings.context_tokens * (1 if self._gpu_layers else 2)
        return {
            "path": str(settings.path.resolve()),
            "projector": None if settings.projector is None else str(settings.projector.resolve()),
            "context_tokens": settings.context_tokens,
            "kv_tokens": max(settings.kv_tokens or default_kv, settings.context_tokens),
            "batch_tokens": settings.batch_tokens,
            "read_tokens": read_tokens(settings, self._gpu_layers, cpu_flags()),
            "threads": settings.threads or len(os.sched_getaffinity(0)),
            "gpu_layers": self._gpu_layers,
            "parallel": settings.parallel,
            "kv_type": settings.kv_type,
            "thinking": settings.thinking,
        }


def _adapters_on_wire(adapters: Sequence[Adapter]) -> list[list[Any]]:
    return [[str(path.resolve()), scale] for path, scale in adapters]
