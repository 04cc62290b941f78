"""What every view works with, made once for the app."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import current_app

from appliance import requests
from appliance.config import Config, Origin
from appliance.errors import RunBusy, StoreBroken, StoreFull, UnknownRun
from appliance.steps import Step
from appliance.store import Run, Store
from web_ui.cards import LineCounts
from web_ui.events import Bell
from web_ui.jobs import Jobs
from web_ui.pool import StorePool
from web_ui.preview import Previews


@dataclass(frozen=True, slots=True)
class Desk:
    config: Config
    origins: tuple[Origin, ...]
    pool: StorePool
    bell: Bell
    previews: Previews
    counts: LineCounts
    jobs: Jobs
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the server is to end: streams close."""


def desk() -> Desk:
    found = current_app.extensions["desk"]
    assert isinstance(found, Desk)
    return found


_STATUS: dict[type[Exception], int] = {UnknownRun: 404, RunBusy: 409, StoreFull: 507, StoreBroken: 503}


def status_of(error: Exception) -> int:
    """The HTTP status that an expected failure is told with."""
    return next((code for cls, code in _STATUS.items() if isinstance(error, cls)), 400)


@contextmanager
def opened(run_id: str) -> Iterator[tuple[Store, Run]]:
    """The store and one run. Raises UnknownRun, also where the id is no whole one."""
    with desk().pool.store() as store:
        yield store, store.run(run_id)


def shown_step(store: Store, run: Run, n: int | None) -> Step | None:
    """Step `n`, or the one that would be delivered, or the newest; None while there is none. Raises UnknownRun."""
    if n is not None:
        return requests.find_step(store, run, n)
    best = requests.best_of(store, run)
    if best is not None:
        return best
    steps = store.steps(run.id)
    return steps[-1] if steps else None
