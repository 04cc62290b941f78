"""What a model's process does all day: frames in on stdin, frames out on stdout, requests told apart by their keys.

It ends when stdin does: that is how it notices that its parent is gone, even killed, from whichever thread of the
parent it was started (the kernel's parent-death signal would fire when that thread ends).
"""

import os
import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, Protocol, TypeVar

from models.chat import ChatMessage, Completion, Constraint, Gbnf, JsonSchema, Sampling
from models.errors import ModelError
from models.wire import Frame, read_frame, write_frame

OnText = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Request:
    messages: tuple[ChatMessage, ...]
    samplings: tuple[Sampling, ...]
    constraint: Constraint | None
    record: bool
    prefill: str


Outcome = list[Completion] | ModelError


class ChildEngine(Protocol):
    @property
    def is_busy(self) -> bool: ...

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int: ...

    def begin(self, key: int, request: Request, on_text: OnText) -> None:
        """Raises ModelError for a request that can never be answered."""

    def step(self) -> list[tuple[int, Outcome]]:
        """Goes a little further with what was begun; gives what ended by it."""

    def cancel(self, key: int) -> None:
        """Ends the writing for a request soon, also before it was begun; called from another thread."""


class OneByOne:
    """An engine that answers one request at a time, as one that others wait in line for."""

    def __init__(self, generate: "Callable[[Request, OnText, Callable[[], bool]], list[Completion]]") -> None:
        self._generate = generate
        self._line: deque[tuple[int, Request, OnText]] = deque()
        self._cancelled: set[int] = set()

    @property
    def is_busy(self) -> bool:
        return bool(self._line)

    def begin(self, key: int, request: Request, on_text: OnText) -> None:
        self._line.append((key, request, on_text))

    def step(self) -> list[tuple[int, Outcome]]:
        key, request, on_text = self._line.popleft()
        try:
            return [(key, self._generate(request, on_text, lambda: key in self._cancelled))]
        except ModelError as error:
            return [(key, error)]
        finally:
            self._cancelled.discard(key)

    def cancel(self, key: int) -> None:
        self._cancelled.add(key)


E = TypeVar("E", bound=ChildEngine)


def run_child(
    load: Callable[[dict[str, Any]], tuple[E, Frame]], others: Mapping[str, Callable[[E, Frame], None]]
) -> None:
    """Ends the process when the parent is gone. `load` gives the engine and what the parent shall know of it;
    `others` are the operations that only this kind of engine has."""
    try:
        sys.exit(_run(load, others))
    except BrokenPipeError:
        os._exit(0)
    except Exception:
        traceback.print_exc()
        os._exit(1)


def _run(load: Callable[[dict[str, Any]], tuple[E, Frame]], others: Mapping[str, Callable[[E, Frame], None]]) -> int:
    frames_in, frames_out = _private_pipes()
    first = read_frame(frames_in)
    if first is None:
        return 0
    try:
        engine, known = load(first[0]["options"])
    except ModelError as error:
        write_frame(frames_out, _error(error))
        return 1
    write_frame(frames_out, {"event": "ready", **known})
    work: queue.Queue[tuple[Frame, list[bytes]]] = queue.Queue()
    threading.Thread(target=_listen, args=(frames_in, engine, work), daemon=True).start()
    while True:
        while not engine.is_busy or not work.empty():
            frame, blobs = work.get()
            if frame["op"] in others:
                while engine.is_busy:
                    _step(engine, frames_out)
            try:
                _begin(engine, frame, blobs, frames_out, others)
            except ModelError as error:
                write_frame(frames_out, {**_error(error), "key": frame["key"]})
        _step(engine, frames_out)


def _step(engine: ChildEngine, frames_out: IO[bytes]) -> None:
    for key, outcome in engine.step():
        if isinstance(outcome, ModelError):
            write_frame(frames_out, {**_error(outcome), "key": key})
        else:
            write_frame(frames_out, {"event": "done", "key": key, "completions": [asdict(c) for c in outcome]})


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Native code prints to stdout when it likes; from here on that lands in stderr, not among the frames."""
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, frames_out


def _listen(frames_in: IO[bytes], engine: ChildEngine, work: "queue.Queue[tuple[Frame, list[bytes]]]") -> None:
    while (received := read_frame(frames_in)) is not None:
        if received[0]["op"] == "cancel":
            engine.cancel(received[0]["key"])
        else:
            work.put(received)
    os._exit(0)


def _begin(
    engine: E,
    frame: Frame,
    blobs: Sequence[bytes],
    frames_out: IO[bytes],
    others: Mapping[str, Callable[[E, Frame], None]],
) -> None:
    key = frame["key"]
    match frame["op"]:
        case "count":
            tokens = engine.count_tokens(_messages(frame, blobs))
            write_frame(frames_out, {"event": "done", "key": key, "tokens": tokens})
        case "generate":
            request = Request(
                _messages(frame, blobs),
                tuple(Sampling(**{**s, "stop": tuple(s["stop"])}) for s in frame["samplings"]),
                _constraint(frame["constraint"]),
                frame["record"],
                frame["prefill"],
            )

            def tell(n: int, text: str) -> None:
                write_frame(frames_out, {"event": "text", "key": key, "draft": n, "text": text})

            engine.begin(key, request, tell)
        case op if op in others:
            others[op](engine, frame)
            write_frame(frames_out, {"event": "done", "key": key})
        case op:
            raise ValueError(f"unknown op {op!r}")


def _messages(frame: Frame, blobs: Sequence[bytes]) -> tuple[ChatMessage, ...]:
    pictures = iter(blobs)
    return tuple(
        ChatMessage(m["role"], m["content"], tuple(next(pictures) for _ in range(m["images"])))
        for m in frame["messages"]
    )


def _constraint(sent: dict[str, Any] | None) -> Constraint | None:
    match sent:
        case {"schema": schema}:
            return JsonSchema(schema)
        case {"grammar": grammar}:
            return Gbnf(grammar)
    return None


def _error(error: ModelError) -> Frame:
    return {"event": "error", "kind": type(error).__name__, "message": str(error)}
