"""Runs made outside the worker's own process: a ticket goes out, a result comes back, whatever happens in between.

`make_run` is the whole task, the same on every executor. It works in a scratch store of its own and touches nothing of
the head's; the head alone writes the history.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from appliance.assembly import RealWorkshop
from appliance.config import load_config
from appliance.run_copy import Ticket, place, result
from appliance.scratch import SCRATCH, scratch
from appliance.store import Store
from appliance.worker import Workshop, execute, stop_on_signals

OpenWorkshop = Callable[[], tuple[Path, Workshop]]
"""Called where the run is made: the data folder there, and what opens the parts. A function of a module, so that it
can be named to another process."""


@dataclass(frozen=True, slots=True)
class Came:
    ticket: Ticket
    result: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Whoever had the run is gone, and so were those who tried it again."""

    ticket: Ticket
    reason: str


class RunExecutor(Protocol):
    """Every ticket comes back exactly once, as one or the other. Whoever opens it closes it."""

    name: str

    def places(self) -> int:
        """How many runs it can have in hand now."""

    def submit(self, ticket: Ticket) -> None: ...

    def cancel(self, ticket: Ticket) -> None:
        """The run ends at its next look, and comes back with the steps it has."""

    def wait(self, timeout_s: float) -> list[Came | Lost]:
        """What came back within the time; it may return earlier with nothing."""

    def close(self) -> None:
        """What is still out is ended and forgotten."""


def real_workshop() -> tuple[Path, Workshop]:
    config, _ = load_config(os.environ)
    return config.home, RealWorkshop(config)


def make_run(packed: bytes, open_workshop: OpenWorkshop) -> bytes:
    """Take a ticket's run to its end and pack it. SIGTERM and SIGINT end it early: it comes back queued.

    A mistake of ours is in the run, as everywhere; it raises only where the scratch store does.
    """
    home, workshop = open_workshop()
    with stop_on_signals() as stop, scratch(home / SCRATCH) as folder, Store(folder) as store:
        run = place(store, packed)
        workshop.reap()
        try:
            execute(run, store, workshop, stop, lambda kind, data: None, on_stop="queued")
        except Exception:
            if store.run(run.id).status == "running":
                raise
            traceback.print_exc()
        return result(store, packed)


def _child(packed: bytes, open_workshop: OpenWorkshop, answer: Connection) -> None:
    os.setpgrp()  # Ctrl-C in the terminal is the head's to hear, which then calls this run back
    threading.Thread(target=_end_with_the_head, args=(answer,), daemon=True).start()
    answer.send_bytes(make_run(packed, open_workshop))


def _end_with_the_head(answer: Connection) -> None:
    """A run whose head was killed is made again by the next one, so it must not go on here."""
    with suppress(EOFError, OSError):
        answer.recv_bytes()  # nothing is ever sent this way
    os.kill(os.getpid(), signal.SIGTERM)


@dataclass(slots=True)
class _Task:
    ticket: Ticket
    process: BaseProcess
    left: int
    cancelled: bool = False


class LocalPool:
    """One process of this machine for each run; one that dies is replaced `retries` times."""

    name = "pool"

    def __init__(self, places: int, open_workshop: OpenWorkshop = real_workshop, *, retries: int = 3) -> None:
        self._places, self._open, self._retries = places, open_workshop, retries
        # A fork of a process that has threads may hang, and importing everything for each run costs a second.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._tasks: dict[Connection, _Task] = {}

    def places(self) -> int:
        return self._places

    def submit(self, ticket: Ticket) -> None:
        self._start(ticket, self._retries)

    def cancel(self, ticket: Ticket) -> None:
        for task in self._tasks.values():
            if task.ticket == ticket:
                task.cancelled = True
                task.process.terminate()

    def wait(self, timeout_s: float) -> list[Came | Lost]:
        ready = connection.wait(list(self._tasks), timeout_s)
        return [outcome for answer in ready if (outcome := self._outcome(answer))]  # type: ignore[arg-type]

    def close(self) -> None:
        for answer, task in self._tasks.items():
            task.process.kill()
            task.process.join()
            answer.close()
        self._tasks.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, ticket: Ticket, left: int) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_child, args=(ticket.packed, self._open, theirs))
        process.start()
        theirs.close()  # the child's copy is now the only one: its death is an end of file
        self._tasks[ours] = _Task(ticket, process, left)

    def _outcome(self, answer: Connection) -> Came | Lost | None:
        """None where it is tried again."""
        task = self._tasks.pop(answer)
        with answer:
            try:
                packed = answer.recv_bytes()
            except (EOFError, OSError):
                packed = b""
        task.process.join()
        if packed:
            return Came(task.ticket, packed)
        if task.left and not task.cancelled:
            self._start(task.ticket, task.left - 1)
            return None
        tried = self._retries - task.left + 1
        return Lost(task.ticket, f"its process ended with exit code {task.process.exitcode} (attempt {tried})")
