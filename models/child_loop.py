"""What a model's process does all day: frames in on stdin, frames out on stdout, one request at a time.

It ends when stdin does: that is how it notices that its parent is gone, even killed, from whichever thread of the
parent it was started (the kernel's parent-death signal would fire when that thread ends).
"""

import os
import queue
import sys
import threading
import traceback
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


class ChildEngine(Protocol):
    def count_tokens(self, messages: Sequence[ChatMessage]) -> int: ...

    def generate(self, request: Request, on_text: OnText) -> list[Completion]: ...

    def cancel(self) -> None:
        """Ends the running generation soon; called from another thread."""


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
        frame, blobs = work.get()
        try:
            if frame["op"] in others:
                others[frame["op"]](engine, frame)
                write_frame(frames_out, {"event": "done"})
            else:
                write_frame(frames_out, _answer(engine, frame, blobs, frames_out))
        except ModelError as error:
            write_frame(frames_out, _error(error))


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Native code prints to stdout when it likes; from here on that lands in stderr, not among the frames."""
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, frames_out


def _listen(frames_in: IO[bytes], engine: ChildEngine, work: "queue.Queue[tuple[Frame, list[bytes]]]") -> None:
    while (received := read_frame(frames_in)) is not None:
        if received[0]["op"] == "cancel":
            engine.cancel()
        else:
            work.put(received)
    os._exit(0)


def _answer(engine: ChildEngine, frame: Frame, blobs: Sequence[bytes], frames_out: IO[bytes]) -> Frame:
    match frame["op"]:
        case "count":
            return {"event": "done", "tokens": engine.count_tokens(_messages(frame, blobs))}
        case "generate":
            request = Request(
                _messages(frame, blobs),
                tuple(Sampling(**{**s, "stop": tuple(s["stop"])}) for s in frame["samplings"]),
                _constraint(frame["constraint"]),
                frame["record"],
                frame["prefill"],
            )
            completions = engine.generate(
                request, lambda n, text: write_frame(frames_out, {"event": "text", "draft": n, "text": text})
            )
            return {"event": "done", "completions": [asdict(c) for c in completions]}
    raise ValueError(f"unknown op {frame['op']!r}")


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
