"""Who holds a container, a folder or a browser: a process id with its start time, since ids come back."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Owner:
    pid: int
    started_ticks: int

    @classmethod
    def this_process(cls) -> Self:
        return cls(os.getpid(), started_ticks(os.getpid()))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        pid, _, ticks = text.partition(".")
        return cls(int(pid), int(ticks)) if pid.isdigit() and ticks.isdigit() else None

    def __str__(self) -> str:
        return f"{self.pid}.{self.started_ticks}"


OwnerAlive = Callable[[Owner], bool]


def started_ticks(pid: int) -> int:
    """Clock ticks after boot at which a process started; 0 if there is none."""
    try:
        # The command name may hold spaces and brackets; the fields after its last bracket do not.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def is_alive(owner: Owner) -> bool:
    return owner.started_ticks != 0 and started_ticks(owner.pid) == owner.started_ticks
