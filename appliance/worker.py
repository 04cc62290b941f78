"""The worker: takes runs from the queue, one or several at a time, takes each to its end, and exports its best step.

One worker per data folder (a lease says which). `generate` runs one inside itself when none is there.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Protocol

from appliance.agent import Parts, work
from appliance.decide import deliverable
from appliance.errors import ApplianceError, RunBusy, is_missing_part
from appliance.export import export_run, free_name
from appliance.requests import rules_of
from appliance.scratch import EXPORTS
from appliance.store import TRAINER, WORKER, Run, Store
from appliance.writing import Cancelled
from models.errors import ModelError
from sandbox.errors import SandboxError

_CANCEL_POLL_S = 0.3
_IDLE_S = 0.5

Tell = Callable[[str, Mapping[str, Any]], None]


class Workshop(Protocol):
    """Opens the real parts for a run; `assembly` has the one that users get."""

    def parts(
        self, run: Run, store: Store, cancelled: Callable[[], bool], tell: Tell
    ) -> AbstractContextManager[Parts]: ...

    def reap(self) -> None:
        """Remove what dead workers left behind. Raises SandboxError for what will not go."""


@dataclass(frozen=True, slots=True)
class Outcome:
    status: Literal["done", "stopped", "failed", "queued"]
    reason: str
    exit_code: int


@contextmanager
def worker_lease(store: Store, workshop: Workshop, tell: Tell) -> Iterator[None]:
    """Be the worker of this data folder. Raises RunBusy if another one lives."""
    if not store.take_lease(WORKER):
        raise RunBusy("Another worker of this data folder is running; stop it first, or let it do the work.")
    try:
        try:
            workshop.reap()
        except SandboxError as error:  # an orphan in the way of nothing; the user is told, the work goes on
            tell("warning", {"text": f"something that a killed run left behind could not be removed: {error}"})
        yield
    finally:
        store.drop_lease(WORKER)


def execute(run: Run, store: Store, workshop: Workshop, stop: threading.Event, tell: Tell, *, on_stop: str) -> Outcome:
    """Take one run to its end. `on_stop` is its status when `stop` is set: `stopped`, or `queued` to go on later."""
    announce = announcer(store, run.id, tell)
    if not _has_memory(store, run, stop, announce):
        if on_stop == "stopped":
            store.set_status(run.id, "stopped", "stopped by the user")
        return Outcome("stopped" if on_stop == "stopped" else "queued", "stopped by the user", 130)
    if not store.begin(run):  # stopped or taken by somebody else in between
        now = store.run(run.id)
        return Outcome("stopped", now.stop_reason or f"it is {now.status}", 130)
    try:
        with workshop.parts(run, store, _canceller(store, run.id, stop), announce) as parts:
            store.set_engine(run.id, parts.model.engine)
            ended = work(run, parts)
    except Cancelled:
        asked = store.cancel_requested(run.id)
        status = "stopped" if asked or on_stop == "stopped" else "queued"
        return _end(store, run, status, "cancelled" if asked else "stopped by the user", announce)
    except (ApplianceError, ModelError, SandboxError) as error:
        announce("error", {"error": str(error)})
        store.set_status(run.id, "failed", str(error), best=_best_n(store, run))
        return Outcome("failed", str(error), exit_code_of(error))
    except Exception as error:  # a mistake of ours: the run must not be taken up again and again
        store.set_status(run.id, "failed", f"internal error: {type(error).__name__}: {error}")
        raise
    return _end(store, run, "done" if ended.finished else "stopped", ended.reason, announce)


def _has_memory(store: Store, run: Run, stop: threading.Event, announce: Tell) -> bool:
    """Waits, with the run still in the queue, until a trainer has made way; False when `stop` is set meanwhile."""
    told = False
    while store.lease_holder(TRAINER) is not None and store.run(run.id).status == run.status:
        if not told:
            announce("stage", {"stage": "the training saves its state and makes way"})
            told = True
        if stop.wait(_IDLE_S):
            return False
    return True


def exit_code_of(error: Exception) -> int:
    """3 when the machine lacks something that the user can add, 2 for a wrong request, else 1."""
    if isinstance(error, ApplianceError):
        return error.exit_code
    return 3 if is_missing_part(error) else 1


def _best_n(store: Store, run: Run) -> int | None:
    """By the scores alone: the user's own choice is kept beside it."""
    best = deliverable(store.steps(run.id), rules_of(run.request))
    return best.n if best else None


def _end(store: Store, run: Run, status: Any, reason: str, tell: Tell) -> Outcome:
    best = _best_n(store, run)
    if best is None and status == "done":
        status, reason = "failed", f"{reason}; no step shows a page, so there is nothing to export"
    if best is not None and status != "queued":
        export_best(store, run.id, tell)
    store.set_status(run.id, status, reason, best=best)
    tell("ended", {"status": status, "reason": reason})
    return Outcome(status, reason, {"done": 0, "stopped": 130, "queued": 130}.get(status, 1))


def export_best(store: Store, run_id: str, tell: Tell) -> None:
    target = free_name(store.folder / EXPORTS / run_id)
    try:
        export_run(store, store.run(run_id), target, "folder")
        store.set_export(run_id, str(target))
    except Exception as error:  # whatever it is: the run has ended, and is not taken up again for it
        tell("warning", {"text": f"the site could not be exported: {error}"})


def announcer(store: Store, run_id: str, tell: Tell) -> Tell:
    def announce(kind: str, data: Mapping[str, Any]) -> None:
        if kind != "step":  # the store adds that one with the step itself
            store.add_event(run_id, kind, data)
        tell(kind, data)

    return announce


def _canceller(store: Store, run_id: str, stop: threading.Event) -> Callable[[], bool]:
    """Asked for every token: the store is looked at only a few times a second."""
    next_look, asked = 0.0, False

    def cancelled() -> bool:
        nonlocal next_look, asked
        if not asked and time.monotonic() >= next_look:
            next_look, asked = time.monotonic() + _CANCEL_POLL_S, store.cancel_requested(run_id)
        return asked or stop.is_set()

    return cancelled


def serve_queue(
    store: Store,
    workshop: Workshop,
    stop: threading.Event,
    tell: Tell,
    between: Callable[[], None] = lambda: None,
    at_once: int = 1,
) -> None:
    """Work on queued runs until `stop` is set, on up to `at_once` at a time. Runs that a dead worker left go first;
    `between` is called whenever a run may be taken and about twice a second while there is none."""
    with worker_lease(store, workshop, tell):
        store.requeue_orphans()
        if at_once > 1:
            _serve_together(store, workshop, stop, tell, between, at_once)
        while not stop.is_set():
            between()
            run = store.next_queued()
            if run is None:
                stop.wait(_IDLE_S)
                continue
            tell("run", {"run": run.id, "brief": run.request.brief})
            execute(run, store, workshop, stop, tell, on_stop="queued")


def _serve_together(
    store: Store, workshop: Workshop, stop: threading.Event, tell: Tell, between: Callable[[], None], at_once: int
) -> None:
    """Each run in a thread with a connection of its own. A mistake of ours in one of them ends the work, as it does
    with one at a time; the others go back to the queue."""
    hands: dict[str, Future[None]] = {}
    with ThreadPoolExecutor(at_once) as pool:
        try:
            while not stop.is_set():
                for run_id in [run_id for run_id, hand in hands.items() if hand.done()]:
                    hands.pop(run_id).result()
                run = None
                if len(hands) < at_once:
                    between()
                    run = store.next_queued(but=hands)
                if run is None:
                    stop.wait(_IDLE_S)
                    continue
                tell("run", {"run": run.id, "brief": run.request.brief})
                hands[run.id] = pool.submit(_in_hand, store.folder, run, workshop, stop, tell)
        finally:
            stop.set()
    for hand in hands.values():
        hand.result()


def _in_hand(home: Path, run: Run, workshop: Workshop, stop: threading.Event, tell: Tell) -> None:
    with Store(home) as store:
        execute(run, store, workshop, stop, lambda kind, data: tell(kind, {**data, "run": run.id}), on_stop="queued")


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set the event, so that everything opened is closed in order; a second Ctrl-C is immediate."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
