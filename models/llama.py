"""A GGUF model in a child process of its own, by llama.cpp.

The child is the only process that loads native code. When it dies the call that was running gets EngineCrashed, and the
next call starts a new one. Memory of a GPU comes back only when a process ends, so closing ends it.
"""

import os
import select
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Any, Literal, Self

from models import errors
from models.chat import (
    ChatMessage,
    Completion,
    Constraint,
    Engine,
    Gbnf,
    Sampling,
)
from models.child_process import child_environment, death_note, module_command
from models.errors import EngineCrashed, EngineMissing, EngineRefused, ModelError
from models.gguf_file import read_gguf
from models.hardware import installed_variant
from models.llama_settings import LlamaSettings, gpu_layers_to_use, refuse_context, refuse_projector
from models.wire import Frame, FrameBuffer, write_frame

_POLL_S = 0.1
_READ_BYTES = 1 << 16

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
        self._adapters: tuple[Adapter, ...] = ()
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._frames = FrameBuffer()
        self._start()

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def gpu_layers(self) -> int:
        return self._gpu_layers

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        tokens: int = self._ask({"op": "count"}, messages)["tokens"]
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
        for path, _ in wanted:
            if not read_gguf(path).is_adapter:
                raise errors.AdapterError(f"'{path.name}' is a model, not a LoRA adapter; name an adapter file.")
        self._ask({"op": "adapters", "adapters": _adapters_on_wire(wanted)})
        self._adapters = wanted

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

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
            "constraint": _constraint_on_wire(constraint),
            "record": record,
            "prefill": prefill,
        }
        return [_completion(c) for c in self._ask(frame, messages, on_text, cancelled)["completions"]]

    def _ask(
        self,
        frame: Frame,
        messages: Sequence[ChatMessage] = (),
        on_text: Callable[[int, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Frame:
        with self._turn:
            if self._process is None:
                self._start()
            sent = [{"role": m.role, "content": m.content, "images": len(m.images)} for m in messages]
            self._send({**frame, "messages": sent}, [image for m in messages for image in m.images])
            return self._await(on_text, cancelled)

    def _start(self) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._frames = FrameBuffer()
        self._process = subprocess.Popen(
            module_command("models.llama_child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=child_environment(),
            start_new_session=True,
        )
        try:
            self._send({"op": "load", "options": self._options()})
            self._await(None, None, deadline=monotonic() + self.settings.start_timeout_s)
            if self._adapters:
                self._send({"op": "adapters", "adapters": _adapters_on_wire(self._adapters)})
                self._await(None, None)
        except ModelError:
            self.close()
            raise

    def _options(self) -> Frame:
        settings = self.settings
        default_kv = settings.context_tokens * (1 if self._gpu_layers else 2)
        return {
            "path": str(settings.path.resolve()),
            "projector": None if settings.projector is None else str(settings.projector.resolve()),
            "context_tokens": settings.context_tokens,
            "kv_tokens": max(settings.kv_tokens or default_kv, settings.context_tokens),
            "batch_tokens": settings.batch_tokens,
            "threads": settings.threads or len(os.sched_getaffinity(0)),
            "gpu_layers": self._gpu_layers,
            "parallel": settings.parallel,
            "kv_type": settings.kv_type,
            "thinking": settings.thinking,
        }

    def _send(self, frame: Frame, blobs: Sequence[bytes] = ()) -> None:
        try:
            write_frame(_pipe(self._process, "stdin"), frame, blobs)
        except BrokenPipeError:
            pass  # the child died; what it said before, or how it died, is read next
        except BaseException:
            self.close()
            raise

    def _await(
        self,
        on_text: Callable[[int, str], None] | None,
        cancelled: Callable[[], bool] | None,
        deadline: float | None = None,
    ) -> Frame:
        """The frame that ends the request. Whatever interrupts the waiting also ends the child: half a conversation
        on a pipe cannot be taken up again."""
        try:
            return self._listen(on_text, cancelled, deadline)
        except ModelError:
            raise
        except BaseException:
            self.close()
            raise

    def _listen(
        self,
        on_text: Callable[[int, str], None] | None,
        cancelled: Callable[[], bool] | None,
        deadline: float | None,
    ) -> Frame:
        is_cancelling = False
        while True:
            for frame in self._receive():
                match frame["event"]:
                    case "text" if on_text is not None:
                        on_text(frame["draft"], frame["text"])
                    case "done" | "ready":
                        return frame
                    case "error":
                        raise _error(frame)
            if cancelled is not None and not is_cancelling and cancelled():
                self._send({"op": "cancel"})
                is_cancelling = True
            if deadline is not None and monotonic() > deadline:
                self.close()
                raise EngineRefused(
                    f"'{self.name}' was not loaded within {self.settings.start_timeout_s:g} s; try a smaller model."
                )

    def _receive(self) -> list[Frame]:
        """The frames that are there, after a short wait for any."""
        pipe = _pipe(self._process, "stdout")
        readable, _, _ = select.select([pipe], [], [], _POLL_S)
        if not readable:
            return []
        piece = os.read(pipe.fileno(), _READ_BYTES)
        if not piece:
            raise self._crash()
        return self._frames.feed(piece)

    def _crash(self) -> ModelError:
        process, stderr = self._process, self._stderr
        if process is None or stderr is None:
            raise ValueError("no child to bury")
        exit_code = process.wait()
        words = _last_words(stderr)
        self.close()
        if "No module named 'llama_cpp'" in words:
            return EngineMissing("llama-cpp-python is not installed for this Python; run set-up again.")
        return EngineCrashed(f"The engine of '{self.name}' {death_note(exit_code, words)}")


def _pipe(process: "subprocess.Popen[bytes] | None", end: Literal["stdin", "stdout"]) -> IO[bytes]:
    pipe: IO[bytes] | None = getattr(process, end)
    if pipe is None:
        raise ValueError("the child was started without pipes")
    return pipe


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Its stdin closes first, which ends a child in good health at once; the whole process group is killed after."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):  # it may be dead already
                pipe.close()
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_words(stderr: IO[bytes]) -> str:
    stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - 4096))
    lines = stderr.read().decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _error(frame: Frame) -> ModelError:
    kind: type[ModelError] = getattr(errors, frame["kind"])
    return kind(frame["message"])


def _completion(sent: Mapping[str, Any]) -> Completion:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in sent.items()}
    return Completion(**fields)


def _constraint_on_wire(constraint: Constraint | None) -> Frame | None:
    if constraint is None:
        return None
    return {"grammar": constraint.grammar} if isinstance(constraint, Gbnf) else {"schema": dict(constraint.schema)}


def _adapters_on_wire(adapters: Sequence[Adapter]) -> list[list[Any]]:
    return [[str(path.resolve()), scale] for path, scale in adapters]
