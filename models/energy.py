"""Energy that the machine used, from the meters it has: Intel's and AMD's RAPL counters and NVIDIA's power reading.

Only what is metered is counted: a processor's package and its cards, not fans, disks or the screen.
"""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

RAPL = Path("/sys/class/powercap")
POWER = ("nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits")
JOULES_PER_WH = 3600.0
SAMPLE_S = 2.0
_TIMEOUT_S = 5.0


class EnergyMeter:
    """Between `start` and `stop`, or as a context. `watt_hours` is None where no meter can be read."""

    def __init__(self, rapl: Path = RAPL, power: tuple[str, ...] = POWER, sample_s: float = SAMPLE_S) -> None:
        self._rapl, self._power, self._sample_s = rapl, power, sample_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._start: dict[Path, int] = {}
        self._packages: float | None = None
        self._cards: float | None = None

    def __enter__(self) -> EnergyMeter:
        self._start = self._counters()
        if _watts(self._power) is not None:
            self._cards = 0.0
            self._thread = threading.Thread(target=self._sample, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        end = self._counters()
        spent = [_risen(zone, before, end[zone]) for zone, before in self._start.items() if zone in end]
        self._packages = sum(spent) if spent else None

    @property
    def watt_hours(self) -> float | None:
        known = [joules for joules in (self._packages, self._cards) if joules is not None]
        return round(sum(known) / JOULES_PER_WH, 4) if known else None

    def _counters(self) -> dict[Path, int]:
        """Microjoules of each package; a zone's parts are counted in it already. Most systems let only root read."""
        found = {}
        for zone in sorted(self._rapl.glob("*:*")):
            if zone.name.count(":") == 1:
                try:
                    found[zone] = int((zone / "energy_uj").read_text())
                except (OSError, ValueError):
                    continue
        return found

    def _sample(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(self._sample_s):
            self._add(last)
            last = time.monotonic()
        self._add(last)

    def _add(self, since: float) -> None:
        watts = _watts(self._power)
        if watts is not None:
            self._cards = (self._cards or 0.0) + watts * (time.monotonic() - since)


def _risen(zone: Path, before: int, after: int) -> float:
    """Joules; the counter starts again at 0 beyond its range."""
    if after < before:
        after += int((zone / "max_energy_range_uj").read_text())
    return (after - before) / 1e6


def _watts(command: tuple[str, ...]) -> float | None:
    """Of all cards; None without the tool or without a reading."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return None
    readings = [line.strip() for line in answer.stdout.splitlines()]
    known = [float(reading) for reading in readings if reading.replace(".", "", 1).isdigit()]
    return sum(known) if known else None
