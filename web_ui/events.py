"""What happens in a run, as server-sent events with the store's ids: after a reload or a lost line nothing is missing.

One thread looks whether the database changed, and wakes all that wait; a stream costs a query only when there is news.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

from appliance.store import Event, Store
from web_ui.pool import StorePool

_LOOK_EVERY_S = 0.08
_HEARTBEAT_S = 15.0
_BOARD = frozenset({"step", "status", "backtrack", "checklist", "chosen", "queued", "ended", "error", "warning"})
"""Kinds after which the page's picture of the run is out of date."""


class Bell:
    """Rings whenever another process has written. Its thread lives only while somebody waits."""

    def __init__(self, pool: StorePool) -> None:
        self._pool = pool
        self._changed = threading.Condition()
        self._count = 0
        self._waiting = 0
        self._watching = False

    @property
    def count(self) -> int:
        return self._count

    def wait(self, seen: int, timeout_s: float) -> int:
        """Until the count is no longer `seen`, or for so long. Returns the count."""
        with self._changed:
            self._waiting += 1
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="bell", daemon=True).start()
            try:
                self._changed.wait_for(lambda: self._count != seen, timeout_s)
                return self._count
            finally:
                self._waiting -= 1

    def _watch(self) -> None:
        try:
            with self._pool.store() as store:
                self._ring_on_change(store)
        except BaseException:  # such as a database that cannot be read: the next one who waits tries again
            with self._changed:
                self._watching = False
            raise

    def _ring_on_change(self, store: Store) -> None:
        before, idle_since = -1, time.monotonic()  # rings at once: something may have come before the first look
        while True:
            now = store.version()
            with self._changed:
                if now != before:
                    before = now
                    self._count += 1
                    self._changed.notify_all()
                if self._waiting:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since > 1.0:
                    self._watching = False
                    return
            time.sleep(_LOOK_EVERY_S)


def stream(pool: StorePool, bell: Bell, run_id: str, after: int, stop: threading.Event) -> Iterator[str]:
    """The run's events after id `after`, for ever, as text of the event-stream format."""
    yield "retry: 500\n\n"
    told = time.monotonic()
    seen = -1
    while not stop.is_set():
        count = bell.count if seen < 0 else bell.wait(seen, 1.0)
        if count != seen or seen < 0:
            seen = count
            while events := _read(pool, run_id, after):
                for event in events:
                    yield message(event)
                after, told = events[-1].id, time.monotonic()
        if time.monotonic() - told > _HEARTBEAT_S:
            told = time.monotonic()
            yield ": still here\n\n"
    yield "event: goodbye\ndata: {}\n\n"


def _read(pool: StorePool, run_id: str, after: int) -> list[Event]:
    with pool.store() as store:
        return store.events(run_id, after=after)


def message(event: Event) -> str:
    """The event under its own name, and again as `board` where what the page shows of the run has changed."""
    data = json.dumps({**event.data, "at": event.at} if event.kind == "stage" else event.data)
    text = f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n"
    if event.kind in _BOARD:
        text += f"id: {event.id}\nevent: board\ndata: {event.id}\n\n"
    return text
