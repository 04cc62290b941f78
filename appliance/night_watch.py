"""Starts the night when its window opens, as a process of its own, and ends it with the worker.

The night writes requests into the queue and the worker makes the sites, so both go on side by side. A night makes way
for a site that a person waits for, and is started again when there is none; one that is over is not begun a second time
in the same window. A laptop on battery waits for its cable.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.ledger import OVER, Ledger
from appliance.schedule import Window, current_window
from appliance.store import Store

NIGHT_COMMAND = (sys.executable, "-m", "appliance", "train", "night")
POWER = Path("/sys/class/power_supply")
LEAST_FREE = 10 << 30
"""Bytes on the disk of the data folder, below which no night begins."""
_STOPPED = 130
Tell = Callable[[str, Mapping[str, Any]], None]


def due(ledger: Ledger, now: datetime) -> Window | None:
    """The window in which a night is to run now; None outside of one, and where this window has had its night."""
    schedule = ledger.schedule()
    window = current_window(schedule, now) if schedule else None
    if window is None or ledger.open_night():
        return window
    tonight = [night for night in ledger.nights(5) if datetime.fromisoformat(night.began_at) >= window.begins]
    return None if any(night.state in OVER for night in tonight) else window


def on_battery(power: Path = POWER) -> bool:
    """Whether there is a mains plug and nothing in it."""
    mains = [path for path in power.glob("*/online") if (path.parent / "type").read_text().strip() == "Mains"]
    return bool(mains) and all(path.read_text().strip() == "0" for path in mains)


class NightWatch:
    """Called often; starts at most one night. Close it, or use it as a context manager."""

    def __init__(
        self,
        store: Store,
        tell: Tell,
        command: Sequence[str] = NIGHT_COMMAND,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        power: Path = POWER,
        least_free: int = LEAST_FREE,
    ) -> None:
        self._store, self._ledger, self._tell = store, Ledger(store), tell
        self._command, self._clock, self._power, self._least_free = command, clock, power, least_free
        self._process: subprocess.Popen[bytes] | None = None
        self._told = ""
        self._failed: datetime | None = None

    def __call__(self) -> None:
        window = due(self._ledger, self._clock())
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._process = None
            if code not in (0, _STOPPED) and window:
                self._failed = window.begins
                self._say(f"the night ended with exit code {code} and is not tried again before the next window")
        if window is None or window.begins == self._failed:
            return
        if self._store.runs(status="queued", limit=1, for_people=True):
            return
        if on_battery(self._power):
            self._say("the night waits: this machine runs on its battery")
            return
        if (free := shutil.disk_usage(self._store.folder).free) < self._least_free:
            self._say(
                f"the night waits: {free / 2**30:.1f} GiB are free and it may need {self._least_free / 2**30:.0f}"
            )
            return
        self._say(f"a night of training begins, until {window.ends:%H:%M}")
        self._process = subprocess.Popen([*self._command, "--until", f"{window.ends:%H:%M}"])

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def __enter__(self) -> NightWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _say(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._tell("warning", {"text": text})
