"""Many sites in one worker: what grows with their number, and how long a stop takes."""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.chaos.bench import Bench, TrialBroken
from appliance.chaos.job import SHORT_JOB
from appliance.store import Store

WARM = 0.2
"""Share of the sites, the first ones, in which caches are filled."""
END_S = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Of a worker's process between two sites."""

    rss_mib: float
    files: int
    children: int
    left: int
    """Entries of its temporary folder and of the data folder's."""
    kept_mib: float
    """The database, which holds every site."""


@dataclass(frozen=True, slots=True)
class Soak:
    sites: int
    seconds: float
    first: Sample
    last: Sample
    per_100_sites: dict[str, float]
    """Slope of each figure, by least squares over all but the first sites."""


@dataclass(frozen=True, slots=True)
class Stops:
    stops: int
    median_s: float
    p99_s: float
    most_s: float


def soak(bench: Bench, sites: int, tell: Callable[[str], None]) -> Soak:
    """Make `sites` sites one after the other. Raises TrialBroken when one of them fails."""
    began = time.monotonic()
    samples = []
    with _worker(bench) as worker, Store(bench.home) as store:
        for n in range(sites):
            run = store.add_run(SHORT_JOB[0])
            if (status := _ended(store, run.id)) != "done":
                raise TrialBroken(f"Site {n + 1} of the soak is {status}: {store.run(run.id).stop_reason}")
            samples.append(_sample(worker, bench))
            if n % 20 == 19:
                tell(f"{n + 1} sites: {samples[-1].rss_mib:.0f} MiB, {samples[-1].files} open files")
    counted = samples[int(sites * WARM) :]
    slopes = {
        name: round(100 * statistics.linear_regression(range(len(counted)), values).slope, 2)
        for name in asdict(counted[0])
        if (values := [getattr(sample, name) for sample in counted])
    }
    return Soak(sites, round(time.monotonic() - began, 1), samples[0], samples[-1], slopes)


def stop_often(bench: Bench, stops: int, longest_s: float, seed: int, tell: Callable[[str], None]) -> Stops:
    """Ask `stops` sites to stop, each at a moment drawn from its first seconds. The time ends when the worker has
    closed container and browser and is free for the next."""
    luck = random.Random(seed)
    took: list[float] = []
    with _worker(bench), Store(bench.home) as store:
        while len(took) < stops:
            run = store.add_run(SHORT_JOB[0])
            while store.run(run.id).status == "queued":
                time.sleep(0.01)
            time.sleep(luck.uniform(0, longest_s))
            asked = time.monotonic()
            if store.cancel(run.id) == "asked" and _ended(store, run.id) == "stopped":
                took.append(time.monotonic() - asked)
                if len(took) % 20 == 0:
                    tell(f"{len(took)} stops")
    return Stops(
        stops, round(statistics.median(took), 2), round(statistics.quantiles(took, n=100)[-1], 2), round(max(took), 2)
    )


@contextmanager
def _worker(bench: Bench) -> Iterator[int]:
    """The process of a worker that waits for sites."""
    bench.clear()
    command = (sys.executable, "-m", "appliance.chaos.job", str(bench.home), *bench.options, "--wait")
    variables = {**os.environ, "TMPDIR": str(bench.temp)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=variables) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(END_S)


def _ended(store: Store, run_id: str) -> str:
    until = time.monotonic() + END_S
    while (status := store.run(run_id).status) in ("queued", "running"):
        if time.monotonic() > until:
            raise TrialBroken(f"A site did not end within {END_S:.0f} s.")
        time.sleep(0.01)
    return status


def _sample(worker: int, bench: Bench) -> Sample:
    proc = Path(f"/proc/{worker}")
    pages = int((proc / "statm").read_text().split()[1])
    children = [child for task in (proc / "task").iterdir() for child in (task / "children").read_text().split()]
    left = [*bench.temp.iterdir(), *bench.home.glob("tmp/*")]
    kept = sum(file.stat().st_size for file in bench.home.glob("appliance.db*"))
    return Sample(
        round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
        len(list((proc / "fd").iterdir())),
        len(children),
        len(left),
        round(kept / 2**20, 2),
    )
