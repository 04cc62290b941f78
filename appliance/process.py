"""Which process is which. A pid alone may have been given to somebody else; pid and start time may not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessId:
    pid: int
    started: str
    """Boot id and start time in clock ticks since boot."""


def process_id(pid: int) -> ProcessId | None:
    """The process with this number, None when there is none (or only its corpse)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else ProcessId(pid, f"{boot}:{fields[19]}")


def this_process() -> ProcessId:
    found = process_id(os.getpid())
    assert found is not None
    return found


def is_alive(process: ProcessId) -> bool:
    return process_id(process.pid) == process
