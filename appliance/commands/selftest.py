from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from appliance.chaos.bench import Bench, Tally, check_end, points_of
from appliance.chaos.disk import build_disk
from appliance.chaos.disks import cut_power, fail_writes
from appliance.chaos.kills import kill_at_points, kill_at_random, kill_engines
from appliance.chaos.soak import soak, stop_often
from appliance.config import load_config
from appliance.output import json_option, print_json, print_table, say
from models.tiny import write_tiny_gguf

TRIALS = ("points", "engines", "random", "writes", "power", "soak", "stops")


@click.command()
@click.option("--chaos", is_flag=True, help="Break jobs in every way there is; takes hours.")
@click.option("--only", type=click.Choice(TRIALS), multiple=True, help="With --chaos: only these.")
@click.option("--each", type=click.IntRange(1), default=25, show_default=True, help="Kills at each named point.")
@click.option("--kills", type=click.IntRange(1), default=300, show_default=True, help="Kills at random moments.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Fail each N-th write only.")
@click.option("--sites", type=click.IntRange(10), default=200, show_default=True, help="Sites of the soak; stops.")
@click.option("--seed", type=int, default=1, show_default=True, help="Draws the moments.")
@json_option
def command(
    chaos: bool, only: tuple[str, ...], each: int, kills: int, every: int, sites: int, seed: int, as_json: bool
) -> int:
    """Make two sites with a scripted model in the real sandbox and browser, in a folder of their own.

    With --chaos such jobs are killed at every named point and at random moments, their disk fails at every write, and
    the power goes: nothing that was finished may be lost or doubled, and nothing left over, or the exit code is 1.
    Many sites in one worker show what grows with their number, and how long a stop takes.
    """
    tally = Tally()
    with _folder() as folder:
        bench = Bench(folder / "home", folder / "temp")
        say("a whole job")
        done, whole = bench.whole()
        check_end(bench, done, whole, tally, "a whole job")
        trials = (only or TRIALS) if chaos else ()
        small = dataclasses.replace(bench, is_short=True, is_plain=True)
        unwalled = dataclasses.replace(small, is_local=True)
        if "points" in trials:
            of_small = points_of(small.whole()[0])
            kill_at_points(small, of_small, each, seed, tally, say)
            others = {name: count for name, count in points_of(done).items() if name not in of_small}
            kill_at_points(bench, others, each, seed, tally, say)
        if "engines" in trials:
            gguf = write_tiny_gguf(folder / "tiny.gguf")
            attended = dataclasses.replace(unwalled, engine=gguf)
            kill_engines(attended, points_of(attended.whole()[0]), each, seed, tally, say)
        if "random" in trials:
            kill_at_random(bench, kills, done.seconds, seed, tally, say)
        if "writes" in trials:
            fail_writes(unwalled, build_disk(folder), every, seed, tally, say)
        if "power" in trials:
            cut_power(unwalled, build_disk(folder), every, seed, tally, say)
        one = dataclasses.replace(bench, is_short=True)
        told: dict[str, Any] = {}
        if "soak" in trials:
            told["soak"] = dataclasses.asdict(soak(one, sites, say))
        if "stops" in trials:
            told["stops"] = dataclasses.asdict(stop_often(one, sites, done.seconds / 2, seed, say))
    told = {**dataclasses.asdict(tally), **told}
    if as_json:
        print_json(told)
    else:
        print_table(("what", "how many"), [(name, str(value)) for name, value in told.items() if name != "told"])
        for line in tally.told:
            print(line)
        print("all is well" if tally.is_clean else "NOT WELL")
    return 0 if tally.is_clean else 1


@contextmanager
def _folder() -> Iterator[Path]:
    """In the data folder, because the sandbox's storage must lie on a disk that can hold it."""
    config, _ = load_config(os.environ)
    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="selftest-", dir=config.home, ignore_cleanup_errors=True) as folder:
        for name in ("home", "temp"):
            (Path(folder) / name).mkdir()
        yield Path(folder)
