"""Memory of a whole site, watched from outside where no kernel limit can be set."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

INTERVAL_S = 0.5
KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    processes: int
    memory_mib: float


def usage_of(host_uid: int, proc: Path = Path("/proc")) -> Usage:
    """Sum over every process of one user id; a site's id belongs to no other site."""
    memory_kib = [kib for kib in map(resident_kib_of(host_uid), proc.iterdir()) if kib is not None]
    return Usage(len(memory_kib), sum(memory_kib) / KIB_PER_MIB)


def resident_kib_of(host_uid: int) -> Callable[[Path], int | None]:
    def measure(folder: Path) -> int | None:
        if not folder.name.isdigit():
            return None
        try:
            status = (folder / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None  # it ended meanwhile
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if int(fields["Uid"].split()[0]) != host_uid:
            return None
        return int(fields.get("VmRSS", "0 kB").split()[0])

    return measure


class MemoryWatchdog:
    """Calls `kill` once when the site's processes hold more than `memory_mib`."""

    def __init__(self, host_uid: int, memory_mib: int, kill: Callable[[], None]) -> None:
        self._host_uid = host_uid
        self._memory_mib = memory_mib
        self._kill = kill
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watchdog-{host_uid}", daemon=True)
        self.has_killed = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            if usage_of(self._host_uid).memory_mib > self._memory_mib:
                self.has_killed = True
                self._kill()
                return
