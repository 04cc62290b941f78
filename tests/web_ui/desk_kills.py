"""`kill -9` of the interface in the middle of each request that changes something, at each named point of it:
`python -m tests.web_ui.desk_kills FOLDER RUN [--each N]`, FOLDER/home being a data folder with the finished run RUN.

Afterwards the request was carried out whole, or not at all. Each request is a fork of this process with a copy of the
folder. Prints a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from appliance.chaos.points import Point, die_at, on_points
from appliance.scratch import remove_dead
from appliance.store import Store
from tests.web_ui.visits import Visitor, config_of
from web_ui.app import create_app

KILLED = 9


def acts(run: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Path and form of each request."""
    page = "<!doctype html><title>Mine</title><h1>By hand</h1>"
    return {
        "new": ("/runs", {"brief": "A bakery with a search", "checklist": "Search for rye -> only rye is shown"}),
        "resume": (f"/runs/{run}/resume", {"steps": "9"}),
        "fork": (f"/runs/{run}/fork", {"step": "1", "wish": "Make it green", "seed": "7"}),
        "restore": (f"/runs/{run}/restore", {"step": "1"}),
        "choose": (f"/runs/{run}/choose", {"step": "1"}),
        "edit": (f"/runs/{run}/edit", {"step": "1", "path": "index.html", "content": page}),
        "export": (f"/runs/{run}/export", {"form": "folder"}),
        "delete": (f"/runs/{run}/delete", {}),
        "schedule": ("/machine/training/schedule", {"window": "23:00-06:00", "days": "mon", "model": "tiny"}),
    }


def in_fork(home: Path, act: tuple[str, dict[str, str]], prepare: Callable[[], None]) -> int:
    if (child := os.fork()) == 0:
        code = 1
        try:
            visitor = Visitor(create_app(*config_of(home)))
            token = visitor.token()
            prepare()
            answer = visitor.post(act[0], {**act[1], "token": token})
            code = 0 if answer.status_code in (302, 303) else answer.status_code // 100
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def state(home: Path) -> object:
    """All that a request may change; ids and times left out."""
    remove_dead(home)
    with Store(home) as store:
        runs = store.runs()
        names = {run.id: f"run {n}" for n, run in enumerate(sorted(runs, key=lambda run: run.created_at))}
        told = [
            (
                *(names[run.id], run.status, run.request.brief, run.request.steps, run.best, run.chosen, run.tip),
                *(run.base, names.get(run.origin_run or ""), bool(run.export), store.checklist(run.id)),
                [step.snapshot for step in store.steps(run.id)],
            )
            for run in runs
        ]
        rows = [store.rows(f"SELECT count(*) FROM {table}")[0][0] for table in ("edits", "choices", "blobs")]
        exports = sorted(str(path.relative_to(home)) for path in (home / "exports").rglob("*"))
        return [told, rows, len(exports), store.integrity()]


def points_of(home: Path, act: tuple[str, dict[str, str]], log: Path) -> Counter[str]:
    """Raises SystemExit for a request that is refused."""

    def noting() -> None:
        file = log.open("w", buffering=1)
        on_points(lambda point: print(point, file=file))

    if (code := in_fork(home, act, noting)) != 0:
        raise SystemExit(f"{act[0]} ends with {code}")
    return Counter(log.read_text().splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("run")
    parser.add_argument("--each", type=int, default=1)
    options = parser.parse_args()
    folder, run = options.folder, options.run
    home, copy = folder / "home", folder / "copy"
    wrong, kills, points = [], 0, 0

    def fresh() -> Path:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home, copy)
        return copy

    for name, act in acts(run).items():
        before = state(fresh())
        found = points_of(copy, act, folder / "points")
        after = state(copy)
        if after == before:
            wrong.append(f"{name}: changes nothing")
        points += len(found)
        moments = [Point(point, nth) for point, count in sorted(found.items()) for nth in {1, count}]
        for point in moments * options.each:
            if in_fork(fresh(), act, partial(die_at, point)) != KILLED:
                wrong.append(f"{name}: {point} was not reached again")
            kills += 1
            if (left := state(copy)) not in (before, after):
                wrong.append(f"{name}, killed at {point}: {left}")
    print(json.dumps({"points": points, "kills": kills, "wrong": wrong}))


if __name__ == "__main__":
    main()
