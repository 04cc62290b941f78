"""How many threads compute the next batch: fewer while other programs need the cores.

The threads of one product wait for each other, so one that gets no core holds up all of them: beside one busy program
on two cores a 1.5B model wrote 6.7 tokens a second, and writes 8.5 so. With AVX-512 the sums do not depend on the
number of threads (setup/few_heads.hpp), and so neither does what is written; elsewhere llama.cpp parts the cache of a
single text among them, and rounds accordingly.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Protocol

WINDOW_S = 0.2
"""Shorter than a look at a page, longer than a batch of a few tokens."""
CROWDED = 0.2
"""Threads that stand in line for a core, on average; more than now and then."""
FREE = 0.7
"""Cores that lie idle, on average, to take one more."""
_NS = 1e-9


class Cores(Protocol):
    def waited_s(self) -> float: ...

    def idle_s(self) -> float: ...


class LinuxCores:
    """What the kernel tells of this process and of the machine. 0 for ever where it tells nothing, as without
    schedstat: then all threads are kept."""

    def __init__(self) -> None:
        self._tick_s = 1 / os.sysconf("SC_CLK_TCK")
        self.numbers = os.sched_getaffinity(0)

    def waited_s(self) -> float:
        """Seconds that the threads of this process were ready to compute and had no core, over all of them."""
        waited = 0
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has ended, or the kernel was built without
                waited += int((thread / "schedstat").read_text().split()[1])
        return waited * _NS

    def idle_s(self) -> float:
        """Seconds that cores of this process had nothing to do, over all of them."""
        names = {f"cpu{number}" for number in self.numbers}
        lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
        return sum(int(fields[4]) + int(fields[5]) for fields in lines if fields[0] in names) * self._tick_s


class CoreShare:
    """`most`: threads where nobody else computes."""

    def __init__(self, most: int, cores: Cores | None = None, clock: Callable[[], float] = monotonic) -> None:
        self._most, self._cores, self._clock = most, cores or LinuxCores(), clock
        self.threads = most
        self._seen = self._look()

    def adapt(self) -> bool:
        """Whether `threads` has changed; asked before each batch."""
        at, waited, idle = self._seen
        if self._most == 1 or self._clock() - at < WINDOW_S:
            return False
        self._seen = self._look()
        passed = self._seen[0] - at
        crowd, free = (self._seen[1] - waited) / passed, (self._seen[2] - idle) / passed
        before = self.threads
        if crowd > CROWDED:
            self.threads = max(1, before - max(1, round(crowd)))
        elif free > FREE:
            self.threads = min(self._most, before + max(1, int(free)))
        return self.threads != before

    def _look(self) -> tuple[float, float, float]:
        return self._clock(), self._cores.waited_s(), self._cores.idle_s()
