"""A model's process: started when it is needed, asked by one or several threads, ended when it is closed.

The child is the only process that loads native code. When it dies the calls that were running get EngineCrashed, and
the next call starts a new one. Memory of a GPU comes back only when a process ends, so closing ends it.
"""

import itertools
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO, Any, Literal

from models import errors
from models.chat import ChatMessage, Completion, Constraint, Gbnf
from models.child_process import child_environment, death_note, module_command
from models.errors import EngineCrashed, EngineMissing, EngineRefused, ModelError
from models.wire import Frame, FrameBuffer, write_frame

_POLL_S = 0.1
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ChildProgram:
    """`missing` is said when a package that the module imports is not installed."""

    module: str
    missing: str
    start_timeout_s: float
    environment: Mapping[str, str]


class EngineProcess:
    """`greeting` gives what a new child is told first; its first frame loads the model. What it raises starts none."""

    def __init__(self, program: ChildProgram, name: str, greeting: Callable[[], Sequence[Frame]]) -> None:
        self._program, self._name, self._greeting = program, name, greeting
        self._sending, self._reading = threading.Lock(), threading.Lock()
        self._keys = itertools.count()
        self._letters: dict[int, SimpleQueue[Frame | ModelError]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._frames = FrameBuffer()
        self.ready = self._start()

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    def ask(
        self,
        frame: Frame,
        messages: Sequence[ChatMessage] = (),
        on_text: Callable[[int, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Frame:
        """May be called from several threads; the child works on all that is asked at once."""
        with self._sending:
            if self._process is None:
                self.ready = self._start()
            key = next(self._keys)
            letters = self._letters[key] = SimpleQueue()
            sent = [{"role": m.role, "content": m.content, "images": len(m.images)} for m in messages]
            images = [image for m in messages for image in m.images]
            self._send({**frame, "key": key, "messages": sent}, images)
        try:
            return self._await(key, letters, on_text, cancelled)
        finally:
            self._letters.pop(key, None)

    def close(self) -> None:
        self._close_own()
        self._tell_all(EngineCrashed(f"The engine of '{self._name}' was closed while it was asked."))

    def _close_own(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _start(self) -> Frame:
        """The frame in which the child says what it loaded."""
        load, *others = self._greeting()  # may refuse; no process is there yet
        # In memory: a file of the temporary folder begins with a trial, which a kill at that moment would leave behind.
        self._stderr = os.fdopen(os.memfd_create("engine's errors"), "w+b")
        self._frames = FrameBuffer()
        self._process = subprocess.Popen(
            module_command(self._program.module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**child_environment(), **self._program.environment},
            start_new_session=True,
        )
        try:
            self._send(load)
            ready = self._greeted(monotonic() + self._program.start_timeout_s)
            for frame in others:
                self._send({**frame, "key": -1})
                self._greeted()
        except BaseException:
            self.close()
            raise
        return ready

    def _send(self, frame: Frame, blobs: Sequence[bytes] = ()) -> None:
        try:
            write_frame(_pipe(self._process, "stdin"), frame, blobs)
        except BrokenPipeError:
            pass  # the child died; what it said before, or how it died, is read next
        except BaseException:
            self.close()
            raise

    def _greeted(self, deadline: float | None = None) -> Frame:
        """The answer to a new child's first frames, while nobody else talks to it."""
        while True:
            for frame in self._receive():
                if frame["event"] == "error":
                    raise _error(frame)
                return frame
            if deadline is not None and monotonic() > deadline:
                raise EngineRefused(
                    f"'{self._name}' was not loaded within {self._program.start_timeout_s:g} s; try a smaller model."
                )

    def _await(
        self,
        key: int,
        letters: "SimpleQueue[Frame | ModelError]",
        on_text: Callable[[int, str], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Frame:
        """The frame that ends the request. Whatever interrupts the waiting also ends the child, so that nothing is
        computed for nobody; where others wait too, only the request."""
        is_cancelling = False
        try:
            while True:
                for frame in self._due(letters):
                    if isinstance(frame, ModelError):
                        raise frame
                    match frame["event"]:
                        case "text" if on_text is not None:
                            on_text(frame["draft"], frame["text"])
                        case "done":
                            return frame
                        case "error":
                            raise _error(frame)
                if cancelled is not None and not is_cancelling and cancelled():
                    self._cancel(key)
                    is_cancelling = True
        except ModelError:
            raise
        except BaseException:
            if len(self._letters) > 1:
                self._cancel(key)
            else:
                self.close()
            raise

    def _cancel(self, key: int) -> None:
        with self._sending:
            self._send({"op": "cancel", "key": key})

    def _due(self, letters: "SimpleQueue[Frame | ModelError]") -> "Iterator[Frame | ModelError]":
        """What came for one asker, after a short wait for any. One of those who wait reads the pipe for all."""
        if letters.empty() and self._reading.acquire(blocking=False):
            try:
                if letters.empty():  # else whoever read before has left it here
                    self._distribute()
            finally:
                self._reading.release()
        wait_s = _POLL_S if self._reading.locked() else 0.0
        try:
            yield letters.get(timeout=wait_s) if wait_s else letters.get_nowait()
            while True:
                yield letters.get_nowait()
        except Empty:
            return

    def _distribute(self) -> None:
        try:
            frames = self._receive()
        except ModelError as error:
            self._tell_all(error)
            return
        for frame in frames:
            if (letters := self._letters.get(frame["key"])) is not None:  # else nobody waits for it any more
                letters.put(frame)

    def _tell_all(self, error: ModelError) -> None:
        for letters in list(self._letters.values()):
            letters.put(error)

    def _receive(self) -> list[Frame]:
        """The frames that are there, after a short wait for any."""
        process = self._process
        if process is None:
            raise EngineCrashed(f"The engine of '{self._name}' was closed while it was asked.")
        pipe = _pipe(process, "stdout")
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
        self._close_own()
        if words.startswith("ModuleNotFoundError: No module named"):
            return EngineMissing(self._program.missing)
        return EngineCrashed(f"The engine of '{self._name}' {death_note(exit_code, words)}")


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


def completion_from_wire(sent: Mapping[str, Any]) -> Completion:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in sent.items()}
    return Completion(**fields)


def constraint_on_wire(constraint: Constraint | None) -> Frame | None:
    if constraint is None:
        return None
    return {"grammar": constraint.grammar} if isinstance(constraint, Gbnf) else {"schema": dict(constraint.schema)}
