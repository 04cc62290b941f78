"""What the interface costs: bytes and time of a first load, server time of long pages, events, memory.

    python -m tests.bench.ui [--json] [--only NAME,NAME]

One run on this machine, in a real Chromium, on a data folder made for it: 10,000 runs, one of them with 200 steps.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import msgspec

from appliance.steps import (
    Audit,
    Exploration,
    Fact,
    Grade,
    Observation,
    Picture,
    RunRequest,
    Scores,
    Step,
    Usage,
    Verdict,
    Viewport,
)
from appliance.store import Store
from sandbox.workspace import snapshot
from tests.web_ui.served import Window, server

STEPS, RUNS, STREAMS, EVENTS, LOADS = 200, 10_000, 50, 40, 1_000
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fea735810a"
    "0000000049454e44ae426082"
)

WATCH_WORDS = """
const text = document.querySelector('#text')
window.seen = {}
const note = () => { for (const word of text.textContent.split(' ')) window.seen[word] ??= Date.now() }
new MutationObserver(note).observe(text, {childList: true, characterData: true, subtree: true})
"""


def make_history(home: Path) -> str:
    """The id of the run with many steps; each step about as large as a real one."""
    request = RunRequest("A bakery with a search and teal buttons. " * 20, "small", "starter", steps=STEPS)
    with Store(home) as store:
        _add_old_runs(store.path, request)
        run = store.add_run(request)
        lines = "\n".join(f"<p>Line {i} of a page that is as long as real ones are</p>" for i in range(400))
        for n in range(1, STEPS + 1):
            files = {"index.html": f"<!doctype html>\n<h1>Step {n}</h1>\n{lines}".encode()}
            step = _step(n, snapshot(files).id)
            store.add_step(run.id, step, files, (PNG,), {}, tip=n)
    return run.id


def _add_old_runs(database: Path, request: RunRequest) -> None:
    """In one transaction: one after the other would take minutes of syncing."""
    asked = msgspec.json.encode(request).decode()
    rows = [(f"20200101-{n:06d}-abcd", f"2020-01-01T00:00:00.{n:06d}+00:00", "done", asked) for n in range(RUNS - 1)]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany("INSERT INTO runs (id, created_at, status, request) VALUES (?,?,?,?)", rows)


def _step(n: int, snapshot_id: str) -> Step:
    facts = tuple(Fact("control-works", f"button {i}", i % 3 > 0, "using it changes nothing at all") for i in range(25))
    picture = Picture("desktop", hashlib.sha256(PNG).hexdigest(), 1)
    return Step(
        n=n,
        kind="repair",
        parent=n - 1 or None,
        snapshot=snapshot_id,
        observation=Observation(
            "done",
            audit=Audit(200, 0.1, "Bakery", 9000, (), (Viewport(1280, 800, 3000, 0, False),), words="word " * 2400),
            exploration=Exploration(facts, 25, 60, 6.0),
            pictures=(picture, replace(picture, name="phone")),
            verdicts=tuple(Verdict(i, "NO", "explorer@1", "nothing on the page offers it") for i in range(6)),
        ),
        scores=Scores(Grade(n % 5, "contrast −9 %", "rules@1"), Grade(2.0, "3 of 6 hold", "explorer@1")),
        usage=Usage(2000, 300, 400, 9.0),
        has_error=False,
        seconds=12.0,
        aim="repair (feature): checklist at item 2: search for a bread",
        verdict="kept" if n % 3 else "rejected",
    )


def fetched(address: str) -> tuple[bytes, float]:
    began = time.perf_counter()
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read(), time.perf_counter() - began


def median_ms(address: str, times: int = 9) -> float:
    return round(1000 * statistics.median(fetched(address)[1] for _ in range(times)), 1)


def first_load_kb(address: str) -> float:
    """Everything a new visitor's browser fetches for the first page, each file gzipped, in units of 1000 bytes."""
    page = fetched(address + "/")[0]
    names = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.decode())
    parts = [page, *(fetched(urljoin(address, name))[0] for name in (*dict.fromkeys(names), "/font.woff2"))]
    return round(sum(min(len(part), len(gzip.compress(part))) for part in parts) / 1000, 1)


def first_paint_ms(window: Window, address: str) -> float:
    """Median of nine loads with an empty cache."""
    found = []
    for _ in range(9):
        window.look()
        window.cdp("Network.clearBrowserCache")
        window.open(address)
        found.append(window.wait("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"))
    return round(statistics.median(found), 1)


def event_latency_ms(window: Window, address: str, home: Path, run_id: str) -> float:
    """From the writer's call to the word on the screen, median; both clocks are this machine's."""
    with Store(home) as store:
        store.take_lease("worker")
        fresh = store.add_run(store.run(run_id).request)
        store.set_status(fresh.id, "running")
        window.look()
        window.open(f"{address}/runs/{fresh.id}")
        store.add_event(fresh.id, "stage", {"stage": "thinking", "n": 1})
        window.wait("return document.querySelector('#stage').innerText.includes('writing')")
        window.js(WATCH_WORDS)
        sent = {}
        for n in range(EVENTS):
            sent[f"word{n}"] = 1000 * time.time()
            store.add_event(fresh.id, "text", {"1": f" word{n}"})
            time.sleep(0.21)
        time.sleep(1)
        seen = window.js("return window.seen")
        store.set_status(fresh.id, "stopped")
        store.drop_lease("worker")
    return round(statistics.median(seen[word] - at for word, at in sent.items()), 1)


def missed_events(address: str, home: Path, run_id: str) -> int:
    """Fifty open streams, two hundred events: how many did not arrive, over all."""
    with Store(home) as store:
        after = store.last_event(run_id)
        got: dict[int, int] = {}
        ready = threading.Barrier(STREAMS + 1)

        def listen(k: int) -> None:
            with urllib.request.urlopen(f"{address}/runs/{run_id}/events?after={after}", timeout=60) as answer:
                answer.readline()
                ready.wait()
                count = 0
                while line := answer.readline():
                    count += line == b"event: note\n"
                    if b'"n": 199' in line:
                        break
                got[k] = count

        threads = [threading.Thread(target=listen, args=(k,)) for k in range(STREAMS)]
        for thread in threads:
            thread.start()
        ready.wait()
        for n in range(200):
            store.add_event(run_id, "note", {"n": n})
        for thread in threads:
            thread.join(60)
    return STREAMS * 200 - sum(got.values())


def rss_slope_kb(address: str, pid: int) -> float:
    """Growth of the server a page load, in KiB, after the first 200 loads of the run page and the list."""

    def rss_kb() -> int:
        return int(
            next(
                line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
            ).split()[1]
        )

    before = 0
    for n in range(LOADS + 200):
        if n == 200:
            before = rss_kb()
        fetched(address + ("/runs" if n % 2 else "/"))
    return round((rss_kb() - before) / LOADS, 3)


def worker_of(address: str) -> int:
    """The gunicorn worker that answers."""
    port = address.rsplit(":", 1)[1]
    said = subprocess.run(["pgrep", "-f", "web_ui.server"], capture_output=True, text=True, check=True).stdout.split()
    mine = [int(pid) for pid in said if f"APPLIANCE_UI__PORT={port}\0" in Path(f"/proc/{pid}/environ").read_text()]
    return max(mine)


@contextmanager
def everything():
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run_id = make_history(home)
        window = Window(home / "profile")
        try:
            with server(home) as address:
                yield home, run_id, window, address
        finally:
            window.close()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--json", action="store_true")
    options.add_argument("--only", default="")
    given = options.parse_args()
    wanted = given.only.split(",") if given.only else []
    with everything() as (home, run_id, window, address):
        parts = {
            "first_load_gzip_kb": lambda: first_load_kb(address),
            "first_paint_ms": lambda: first_paint_ms(window, address),
            "run_page_ms": lambda: median_ms(f"{address}/runs/{run_id}"),
            "runs_list_ms": lambda: median_ms(f"{address}/runs"),
            "event_latency_ms": lambda: event_latency_ms(window, address, home, run_id),
            "missed_events": lambda: missed_events(address, home, run_id),
            "rss_slope_kb": lambda: rss_slope_kb(address, worker_of(address)),
        }
        figures = {}
        for name, measure in parts.items():
            if not wanted or name in wanted:
                figures[name] = measure()
                print(f"{name}: {figures[name]}", file=sys.stderr)
    if given.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
