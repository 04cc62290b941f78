"""Runs as tasks of a Ray cluster: one task for each trajectory, on whichever box has a place named `sandbox` free.

Ray starts tasks again whose box was lost. Its ports run whatever is sent to them, so tokens are switched on here, for
this side of every connection. Nothing is reported to anybody.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
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


class RayPool:
    """Connects to the head at `address`. Raises PartMissing where there is none or the token is not its own."""

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
        self._task = ray.remote(num_cpus=0, resources={RESOURCE: 1}, max_retries=retries)(make_run)
        self._open = open_workshop
        self._refs: dict[Any, Ticket] = {}

    def places(self) -> int:
        """As many as all boxes offer that live now."""
        resources: Any = ray.cluster_resources  # has no types
        return int(resources().get(RESOURCE, 0))

    def submit(self, ticket: Ticket) -> None:
        self._refs[self._task.remote(ticket.packed, self._open)] = ticket

    def cancel(self, ticket: Ticket) -> None:
        for ref, known in self._refs.items():
            if known == ticket:
                ray.cancel(ref)

    def wait(self, timeout_s: float) -> list[Came | Lost]:
        if not self._refs:
            return []
        refs = list(self._refs)
        ray.wait(refs, num_returns=1, timeout=timeout_s)
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0)  # what else is there by now
        return [self._outcome(ref) for ref in ready]

    def close(self) -> None:
        self._refs.clear()
        ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
