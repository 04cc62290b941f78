"""Keeps child processes alive until it is told to stop. A child that ends is started again, later each time it failed
soon; a child never outlives this process."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_LOOK_EVERY_S = 0.3
_STOP_S = 20.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_SOUND_AFTER_S = 60.0
_LEASH = ("setpriv", "--pdeathsig", "TERM", "--")


@dataclass(slots=True)
class Child:
    """`needed` says whether it should run now; it is asked whenever the child does not live."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    needed: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _began: float = 0.0
    _not_before: float = 0.0
    _pause_s: float = field(default=_FIRST_PAUSE_S)

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        # A group of its own: Ctrl-C in the terminal must reach it once, by way of us, and not twice.
        self.process = subprocess.Popen(
            (*_LEASH, *self.command), env=dict(self.environment), stdin=subprocess.DEVNULL, process_group=0
        )
        self.starts, self._began = self.starts + 1, time.monotonic()

    def keep_alive(self, tell: Callable[[str], None]) -> None:
        """Start it if it should run and does not, after a pause that doubles while it fails at once."""
        if self.lives:
            return
        now = time.monotonic()
        if self.process is not None:
            sound = now - self._began > _SOUND_AFTER_S
            pause_s = _FIRST_PAUSE_S if sound else self._pause_s
            tell(f"{self.name} ended with exit code {self.process.returncode}; starting it again in {pause_s:.0f} s")
            self._not_before, self._pause_s = now + pause_s, min(2 * pause_s, _LONGEST_PAUSE_S)
            self.process = None
        if now >= self._not_before and self.needed():
            self.start()

    def ask_to_stop(self) -> None:
        if self.process is not None and self.lives:
            self.process.terminate()

    def wait_stopped(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def supervise(children: Sequence[Child], stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Until `stop` is set; then every child is asked to end, and waited for."""
    try:
        while not stop.is_set():
            for child in children:
                child.keep_alive(tell)
            stop.wait(_LOOK_EVERY_S)
    finally:
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.wait_stopped()
