"""The worker that lets others make the sites: hands out queued runs, takes results in, and alone writes the store."""

from __future__ import annotations

import threading
from collections.abc import Callable

from appliance.assembly import ADAPTER
from appliance.errors import PartMissing, ResultRefused
from appliance.executor import Came, Lost, RunExecutor
from appliance.ledger import Ledger
from appliance.run_copy import Ticket, newest_attempt, send, take_in
from appliance.store import TRAINER, Run, Store
from appliance.worker import Tell, Workshop, announcer, execute, export_best, worker_lease

_IDLE_S = 0.5


def serve_fanned(
    store: Store,
    executor: RunExecutor,
    workshop: Workshop,
    stop: threading.Event,
    tell: Tell,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Keep the executor's places filled until `stop` is set; what is then out is called back, with the steps it has.

    Runs that need what only this box has are made here, one at a time. A run that is lost for good has failed, with the
    reason; it can be resumed. PartMissing where the executor was lost: what was out then is queued again.
    """
    with worker_lease(store, workshop, tell):
        store.requeue_orphans()
        try:
            _serve(store, executor, workshop, stop, tell, between)
        except PartMissing:
            store.requeue_orphans()  # nobody brings back what is out now
            raise


def _serve(
    store: Store,
    executor: RunExecutor,
    workshop: Workshop,
    stop: threading.Event,
    tell: Tell,
    between: Callable[[], None],
) -> None:
    out: dict[str, Ticket] = {}
    called_back: set[str] = set()
    while not stop.is_set() or out:
        if not stop.is_set():
            between()
            _hand_out(store, executor, workshop, stop, tell, out)
        unwanted = out.keys() if stop.is_set() else out.keys() & store.cancels()
        for run_id in unwanted - called_back:
            called_back.add(run_id)
            executor.cancel(out[run_id])
        if not out:
            stop.wait(_IDLE_S)
            continue
        for outcome in executor.wait(_IDLE_S):
            run_id = outcome.ticket.run_id
            take(store, outcome, tell, stopping=stop.is_set())
            called_back.discard(run_id)
            del out[run_id]


def take(store: Store, outcome: Came | Lost, tell: Tell, *, stopping: bool = False) -> None:
    """Enter what came of a ticket into the history. The same outcome twice changes nothing the second time."""
    ticket = outcome.ticket
    if not _entered(store, outcome, stopping):
        return
    run = store.run(ticket.run_id)
    if run.best is not None and run.status in ("done", "stopped"):
        export_best(store, run.id, announcer(store, run.id, tell))
    tell("ended", {"run": run.id, "status": run.status, "reason": run.stop_reason})


def _entered(store: Store, outcome: Came | Lost, stopping: bool) -> bool:
    """Whether the history has changed by it."""
    if isinstance(outcome, Lost):
        return _lose(store, outcome.ticket, f"the box that made it was lost: {outcome.reason}", stopping)
    try:
        return take_in(store, outcome.result)
    except ResultRefused as error:
        return _lose(store, outcome.ticket, str(error), stopping)


def needs_this_box(store: Store, run: Run) -> bool:
    """An adapter lies in this box's data folder and is served nowhere else."""
    if run.request.base_url:
        return False
    return bool(run.request.extras.get(ADAPTER, Ledger(store).champion(run.request.model)))


def _hand_out(
    store: Store, executor: RunExecutor, workshop: Workshop, stop: threading.Event, tell: Tell, out: dict[str, Ticket]
) -> None:
    """People's runs first, and only as many as there are places: who asks next waits for one run, not for a queue."""
    places = executor.places()
    while len(out) < places and store.lease_holder(TRAINER) is None and (run := store.next_queued()):
        tell("run", {"run": run.id, "brief": run.request.brief})
        if needs_this_box(store, run):
            execute(run, store, workshop, stop, tell, on_stop="queued")
            return
        if ticket := send(store, run):
            out[run.id] = ticket
            executor.submit(ticket)


def _lose(store: Store, ticket: Ticket, reason: str, stopping: bool) -> bool:
    """False where the run was deleted, ended or sent again meanwhile."""
    if newest_attempt(store, ticket.run_id) != ticket.attempt:
        return False
    run = store.run(ticket.run_id)
    if run.status != "running":
        return False
    if run.cancel:
        store.set_status(run.id, "stopped", "cancelled")
    elif stopping:
        store.set_status(run.id, "queued", "the worker was stopped before it came back")
    else:
        store.set_status(run.id, "failed", reason)
    return True
