"""What more boxes cost the head: `python -m tests.bench.growth [--json] [--burst N]`.

The sites are real once: a scripted model, a room without walls, a real Chromium, one run of four drafts through the
executor's own task. The workers are then simulated: each gives that run back, with contents of its own, after
`SITE_S`. What is measured is real: the worker's loop, the store on this disk, the export.

  cpu_ms_per_site_N   processor time of the head's thread for each site, with N workers, all of it
  flat_64_to_1        how many times more one site costs with 64 workers than with one
  take_steps_s        steps a second that the head takes in without a pause, exports left out
  head_steps_s        the same with the exports: the head's ceiling
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import replace
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1] / "appliance"))

from far_rooms import FarWorkshop, asked, open_far
from rooms import GOOD

from appliance.executor import Came, make_run
from appliance.fan_out import serve_fanned, take
from appliance.run_copy import Ticket, send, take_in
from appliance.steps import RunRequest
from appliance.store import Store

WORKERS = (1, 4, 16, 64)
SITE_S = 6.0
BURST = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--burst", type=int, default=BURST, help="sites for the ceiling")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        figures = measured(Path(folder), chosen.burst)
    if chosen.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:24} {figure}")


def measured(folder: Path, burst: int) -> dict[str, float]:
    template = real_site(folder)
    copy = msgspec.msgpack.decode(template)
    figures: dict[str, float] = {
        "steps_per_site": len(copy["steps"]),
        "kib_per_site": round(len(template) / 1024),
        "events_per_site": len(copy["events"]),
    }
    costs = {}
    for n in WORKERS:
        print(f"… {n} workers", file=sys.stderr)
        costs[n], seconds, sites = fanned(folder / f"head-{n}", template, n)
        figures[f"cpu_ms_per_site_{n}"] = round(1000 * costs[n], 1)
        figures[f"sites_s_{n}"] = round(sites / seconds, 2)
    figures["flat_64_to_1"] = round(costs[64] / costs[1], 2)
    print("… ceiling", file=sys.stderr)
    return figures | ceiling(folder / "ceiling", template, burst)


def site_request() -> RunRequest:
    return replace(asked(page=GOOD.replace("rye", "SEED grains of rye")), steps=4, drafts=4)


def real_site(folder: Path) -> bytes:
    with Store(folder / "first") as store:
        ticket = send(store, store.add_run(site_request()))
        assert ticket is not None
        return make_run(ticket.packed, lambda: open_far(str(folder)))


def as_another(template: bytes, ticket: Ticket) -> bytes:
    """The same run under another id, none of its contents stored before."""
    copy = msgspec.msgpack.decode(template)
    blobs, names, mark = {}, {}, secrets.token_bytes(16)
    for sha256, content in copy["blobs"].items():
        other = content + mark
        names[sha256] = hashlib.sha256(other).hexdigest()
        blobs[names[sha256]] = other
    for old in copy["snapshots"]:
        names[old] = hashlib.sha256(old.encode() + mark).hexdigest()
    text = json.dumps({key: copy[key] for key in ("steps", "completions", "snapshots")})
    for old, new in names.items():
        text = text.replace(old, new)
    copy |= json.loads(text) | {"blobs": blobs, "id": ticket.run_id, "attempt": ticket.attempt}
    return msgspec.msgpack.encode(copy)


class SimulatedPool:
    """`n` workers that take SITE_S for every site; they cost this process's head thread nothing."""

    name = "simulated"

    def __init__(self, template: bytes, n: int) -> None:
        self._template, self._n = template, n
        self._threads = ThreadPoolExecutor(n)
        self._out: dict[Future[bytes], Ticket] = {}

    def places(self) -> int:
        return self._n

    def submit(self, ticket: Ticket) -> None:
        self._out[self._threads.submit(self._work, ticket)] = ticket

    def _work(self, ticket: Ticket) -> bytes:
        until = time.monotonic() + SITE_S
        made = as_another(self._template, ticket)
        time.sleep(max(0.0, until - time.monotonic()))
        return made

    def cancel(self, ticket: Ticket) -> None:
        """Each is nearly done."""

    def wait(self, timeout_s: float) -> list[Came]:
        done, _ = wait_for(list(self._out), timeout_s, return_when="FIRST_COMPLETED")
        return [Came(self._out.pop(one), one.result()) for one in done]

    def close(self) -> None:
        self._threads.shutdown()


def fanned(folder: Path, template: bytes, n: int) -> tuple[float, float, int]:
    """Processor seconds of the head for a site, seconds of all, sites."""
    sites, stop, ended = max(8, 2 * n), threading.Event(), []

    def tell(kind: str, data: object) -> None:
        if kind == "ended":
            ended.append(data)
            if len(ended) == sites:
                stop.set()

    pool = SimulatedPool(template, n)
    with Store(folder) as store:
        runs = [store.add_run(site_request()) for _ in range(sites)]
        began, cpu = time.monotonic(), time.thread_time()
        serve_fanned(store, pool, FarWorkshop(folder), stop, tell)
        cpu, seconds = time.thread_time() - cpu, time.monotonic() - began
        assert all(store.run(run.id).status == "done" for run in runs)
    pool.close()
    return cpu / sites, seconds, sites


def ceiling(folder: Path, template: bytes, burst: int) -> dict[str, float]:
    figures = {}
    with Store(folder) as store:
        for name in ("take", "head"):
            tickets = [send(store, store.add_run(site_request())) for _ in range(burst)]
            made = [(ticket, as_another(template, ticket)) for ticket in tickets if ticket]
            began, cpu, steps, each = time.monotonic(), time.thread_time(), 0, []
            for ticket, packed in made:
                at = time.monotonic()
                if name == "take":
                    assert take_in(store, packed)
                else:
                    take(store, Came(ticket, packed), lambda kind, data: None)
                each.append(time.monotonic() - at)
                steps += len(store.steps(ticket.run_id))
            seconds, cpu = time.monotonic() - began, time.thread_time() - cpu
            figures[f"{name}_steps_s"] = round(steps / seconds, 1)
            figures[f"{name}_sites_s"] = round(burst / seconds, 2)
            figures[f"{name}_ms_median"] = round(1000 * statistics.median(each), 1)
            figures[f"{name}_cpu_ms"] = round(1000 * cpu / burst, 1)
        figures["mib_of_store_per_site"] = round(store.path.stat().st_size / 2**20 / (2 * burst), 3)
    return figures


if __name__ == "__main__":
    main()
