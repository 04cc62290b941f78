"""Runs as tasks of a Ray cluster: one task for each trajectory, on whichever box has a place named `sandbox` free.

Ray starts tasks again whose box was lost. Its ports run whatever is sent to them, so tokens are switched on here, for
this side of every connection. Nothing is reported to anybody.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from math import inf
from types import TracebackType
from typing import Any, Self

os.environ["RAY_AUTH_MODE"] = "token"  # Ray reads both while it is imported
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
import ray.exceptions

from appliance.errors import PartMissing
from appliance.executor import Came, Lost, OpenWorkshop, make_run, real_workshop
from appliance.run_copy import Ticket

RESOURCE = "sandbox"
CONNECT_S = 5.0
KNOCK_EVERY_S = 5.0


class RayPool:
    """Connects to the head at `address`. Raises PartMissing where there is none or the token is not its own, and later
    where the head was lost: Ray itself would wait a minute and then end the process."""

    name = "ray"

    def __init__(self, address: str, open_workshop: OpenWorkshop = real_workshop, *, retries: int = 3) -> None:
        ours = signal.getsignal(signal.SIGTERM)
        try:
            _knock(address)  # Ray itself would try for five minutes
            ray.init(address, namespace="appliance", log_to_driver=False, logging_level=logging.WARNING)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise PartMissing(
                f"Ray's head at {address} cannot be joined ({error}); start it, and give this account its token"
                " (docs/scale.md)."
            ) from error
        finally:
            signal.signal(signal.SIGTERM, ours)  # Ray puts one there that leaves everything open
        self._address, self._heard, self._offered = address, -inf, 0
        self._task = ray.remote(num_cpus=0, resources={RESOURCE: 1}, max_retries=retries)(make_run)
        self._open = open_workshop
        self._refs: dict[Any, Ticket] = {}

    def places(self) -> int:
        """As many as all boxes offer that live now, or did a few seconds ago."""
        self._hear_the_head()
        return self._offered

    def submit(self, ticket: Ticket) -> None:
        self._refs[self._task.remote(ticket.packed, self._open)] = ticket

    def cancel(self, ticket: Ticket) -> None:
        for ref, known in self._refs.items():
            if known == ticket:
                ray.cancel(ref)

    def wait(self, timeout_s: float) -> list[Came | Lost]:
        if not self._refs:
            return []
        self._hear_the_head()
        refs = list(self._refs)
        ray.wait(refs, num_returns=1, timeout=timeout_s)
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0)  # what else is there by now
        outcomes = [self._outcome(ref) for ref in ready]
        if any(isinstance(one, Lost) for one in outcomes):
            self._heard = -inf  # of a head that is gone every run is reported as lost
            self._hear_the_head()
        return outcomes

    def close(self) -> None:
        self._refs.clear()
        ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _hear_the_head(self) -> None:
        """Every few seconds. Nothing is asked of Ray before it is known that somebody is there to answer."""
        if time.monotonic() - self._heard < KNOCK_EVERY_S:
            return
        try:
            _knock(self._address)
        except OSError as error:
            raise PartMissing(
                f"Ray's head at {self._address} was lost ({error}); start it and its boxes again, then this worker: the"
                " runs that were out are made again."
            ) from error
        resources: Any = ray.cluster_resources  # has no types
        self._offered = int(resources().get(RESOURCE, 0))
        self._heard = time.monotonic()

    def _outcome(self, ref: Any) -> Came | Lost:
        ticket = self._refs.pop(ref)
        try:
            return Came(ticket, ray.get(ref))
        except ray.exceptions.RayError as error:
            return Lost(ticket, f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300]}")


def _knock(address: str) -> None:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=CONNECT_S):
        pass
