"""`kill -9` of a night at its named points: `python -m tests.training.night_kills HOME [--each N] [--points N]`.

A small night with a real trainer, store, checkpoints, adapters and gate is killed, begun again, killed again until it
has ended, and must end as one that nobody killed. Prints a line of JSON. Each attempt is a fork of this process, which
has imported everything and computed nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import traceback
from collections import Counter
from pathlib import Path

import torch

from appliance.chaos.points import Point, die_at, on_points
from appliance.ledger import Ledger
from appliance.store import Store
from tests.training.test_night import SETTINGS, Toybox
from training.night import NightWork, begin_night

KILLED = 9


def go_on(home: Path) -> None:
    with Store(home) as store:
        ledger = Ledger(store)
        if ledger.open_night() is None and ledger.nights():
            return  # killed when all had been done
        night = ledger.open_night() or begin_night(ledger, SETTINGS)
        NightWork(store, home / "nights" / str(night.id), Toybox(store), night, lambda: None).work(night)


def attempt(home: Path, prepare) -> int:
    """The exit status of a fork that goes on with the night; its signal if it was killed."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            prepare()
            go_on(home)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ended(home: Path) -> dict[str, object]:
    """What must be the same, whatever happened on the way."""
    with Store(home) as store:
        ledger = Ledger(store)
        nights = ledger.nights()
        adapters = [(row.id, row.state) for row in ledger.adapters()]
        files = sorted(str(path.relative_to(home)) for path in (home / "adapters").rglob("*") if path.is_file())
        runs = Counter(run.status for run in store.runs())
        return {
            "nights": [(night.state, night.reason, night.data.get("reports")) for night in nights],
            "adapters": adapters,
            "champion": ledger.champion("tiny"),
            "files": files,
            "runs": dict(runs),
            "integrity": store.integrity(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--points", type=int, default=0, help="only so many, drawn with the seed")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    luck = random.Random(options.seed)
    points = points_of(options.home / "whole")
    whole = ended(options.home / "whole")
    names = luck.sample(sorted(points), options.points or len(points))
    todo = [Point(name, luck.randint(1, points[name])) for name in names for _ in range(options.each)]
    luck.shuffle(todo)
    kills, told, chain = 0, [], 0
    while todo:
        home = options.home / f"chain{chain}"
        chain += 1
        code = KILLED
        while code != 0:
            point = todo.pop() if todo else Point("none")
            code = -attempt(home, lambda point=point: die_at(point))
            if code == KILLED:
                kills += 1
            elif code != 0:
                told.append(f"{point}: exit code {code}")
                break
            elif point.name != "none":
                todo.append(Point(point.name))
        left = ended(home)
        told += [f"{key}: {left[key]} is not {whole[key]}" for key in whole if left[key] != whole[key]]
        shutil.rmtree(home)
    print(json.dumps({"points": len(names), "kills": kills, "nights": chain, "wrong": told}))


def points_of(home: Path) -> Counter[str]:
    home.mkdir(parents=True)
    log = home / "points"

    def prepare() -> None:
        file = log.open("w", buffering=1)
        on_points(lambda name: print(name, file=file))

    if attempt(home, prepare) != 0:
        raise SystemExit("the night does not even work when nobody kills it")
    points = Counter(log.read_text().splitlines())
    log.unlink()
    return points


if __name__ == "__main__":
    main()
