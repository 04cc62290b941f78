"""Opened stores for a server with many threads: each is used by one request at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Full, LifoQueue

from appliance.store import Store

BUSY_S = 4.0
"""A person waits for the answer: a database that stays locked longer is said to be."""
_KEPT = 8


class StorePool:
    """Opens a store when all others are in use, and keeps a few for later. Raises what opening a store raises."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._idle: LifoQueue[Store] = LifoQueue(_KEPT)

    @contextmanager
    def store(self) -> Iterator[Store]:
        try:
            store = self._idle.get_nowait()
        except Empty:
            store = Store(self.home, busy_s=BUSY_S)
        try:
            yield store
        finally:
            try:
                self._idle.put_nowait(store)
            except Full:
                store.close()

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()
