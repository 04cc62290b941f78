"""What breaks jobs on purpose: it breaks them where it says, and finds what is lost. `selftest --chaos` does more."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.chaos.bench import Bench, Tally, check_between, check_end, check_left, points_of
from appliance.chaos.disk import Change, Fault, after_power_cut, build_disk, variables
from appliance.chaos.disks import cut_power, fail_writes
from appliance.chaos.kills import kill_at_points, kill_at_random, kill_engines
from appliance.chaos.soak import soak, stop_often
from models.tiny import write_tiny_gguf
from sandbox.owners import Owner, is_alive


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return build_disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def bench():
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:  # short: sockets lie in it
        for name in ("home", "temp"):
            (Path(folder) / name).mkdir()
        yield Bench(Path(folder) / "home", Path(folder) / "temp", is_local=True, is_short=True, is_plain=True)


def quiet(text):
    pass


def test_a_job_that_is_killed_at_named_points_loses_and_doubles_nothing(bench):
    done, _ = bench.whole()
    points = points_of(done)
    chosen = {
        name: points[name] for name in sorted(points) if name.endswith(("add_step", "begin", "scratch", "_place"))
    }
    assert {name.split()[0] for name in chosen} >= {"commit", "rename", "new"}
    tally = Tally()
    kill_at_points(bench, chosen | {"commit nowhere": 1}, 1, 1, tally, quiet)
    assert tally.told == ["unpassed: no job comes by commit nowhere any more"]
    assert (tally.kills, tally.points) == (len(chosen), len(chosen) + 1)
    assert tally.is_clean
    assert tally.resume_max_s > 0


def test_many_sites_and_many_stops_leave_nothing_in_the_worker_or_behind_it(bench):
    told, tally = soak(bench, 6, quiet), Tally()
    assert told.sites == 6
    assert told.last.files <= told.first.files
    assert told.last.children <= told.first.children
    assert told.per_100_sites["kept_mib"] > 0, "the database holds every site"
    check_left(bench, tally, "after the soak")
    assert stop_often(bench, 4, 1.0, 1, quiet).stops == 4
    check_left(bench, tally, "after the stops")
    assert tally.told == []


def test_kills_at_any_moment_too(bench):
    tally = Tally()
    kill_at_random(bench, 3, 3.0, 1, tally, quiet)
    assert tally.told == []
    assert tally.kills == 3


def test_an_engine_that_dies_costs_the_worker_nothing(bench, tmp_path):
    attended = replace(bench, engine=write_tiny_gguf(tmp_path / "tiny.gguf"))
    points = points_of(attended.whole()[0])
    chosen = {name: points[name] for name in points if name.endswith(("begin", "add_completion", "free_name"))}
    tally = Tally()
    kill_engines(attended, chosen, 1, 1, tally, quiet)
    assert tally.told == []
    assert 0 < tally.kills <= len(chosen), "where no engine lives any more there is none to kill"


def test_what_is_lost_or_doubled_or_left_over_is_found(bench):
    done, whole = bench.whole()
    tally = Tally()
    check_end(bench, done, whole, tally, "whole")
    assert tally.told == []
    (bench.temp / "stray").mkdir()
    with closing(sqlite3.connect(bench.home / "appliance.db")) as db, db:
        db.execute("DELETE FROM steps WHERE n = 2")
    check_between(bench, done, tally, "a step deleted")
    check_end(bench, done, whole, tally, "a step deleted")
    assert (tally.lost, tally.orphans) == (2, 1)
    assert not tally.is_clean


def test_what_a_dead_job_held_is_an_orphan_for_the_bench_that_broke_it_only(bench):
    bench.whole()
    (job,) = bench.started
    assert not is_alive(job)
    assert bench.has_lost(str(job))
    assert bench.has_lost("nobody")
    assert not bench.has_lost(str(Owner(job.pid, job.started_ticks + 1)))


@pytest.mark.parametrize("after", [0.2, 0.9])
def test_jobs_on_a_disk_that_fails_end_with_one_sentence_and_go_on_afterwards(bench, disk, after):
    changes = 150
    tally = Tally()
    fail_writes(bench, disk, 10_000, int(changes * after), tally, quiet)
    assert tally.told == []
    assert tally.faults == 2


def test_a_fault_comes_at_its_write_and_a_full_disk_stays_full(tmp_path, disk):
    lines = (
        "for n in range(5):",
        " try:",
        "  open(f'x{n}', 'wb').close(); print(n)",
        " except OSError as e: print(e.errno)",
    )
    code = "\n".join(lines)

    def said(fault):
        folder = tmp_path / fault.name
        folder.mkdir()
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env=variables(disk, folder, fault=fault),
            capture_output=True,
            text=True,
        ).stdout.split()

    assert said(Fault(2, 5, stays=False)) == ["0", "5", "2", "3", "4"]
    assert said(Fault(2, 28, stays=True)) == ["0", "28", "28", "28", "28"]


def test_the_power_may_go_after_any_write(bench, disk):
    tally = Tally()
    cut_power(bench, disk, 40, 1, tally, quiet)
    assert tally.told == []
    assert tally.power_cuts > 9


def made(kind, path="/d/a", content=b"", *, other="", offset=0):
    return Change(kind, path, other, offset, content)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([made("c"), made("w", content=b"new")], {}),
        ([made("c"), made("w", content=b"new"), made("s")], {"/d/a": b"new"}),
        ([made("c"), made("w", content=b"new"), made("s"), made("w", content=b"X", offset=1)], {"/d/a": b"new"}),
        ([made("c"), made("w", content=b"new"), made("r", other="/d/b"), made("s", "/d/z")], {"/d/b": b""}),
        ([made("c"), made("w", content=b"n"), made("s"), made("u")], {"/d/a": b"n"}),
        ([made("c"), made("w", content=b"n"), made("s"), made("u"), made("s", "/d/z")], {}),
        (
            [made("m", "/d/f"), made("c", "/d/f/a"), made("r", "/d/f", other="/d/g"), made("s", "/d/z")],
            {"/d/g": None, "/d/g/a": b""},
        ),
        ([made("c"), made("w", content=b"long"), made("t", offset=2), made("s")], {"/d/a": b"lo"}),
    ],
)
def test_what_was_not_synced_is_gone_when_the_power_goes(changes, left):
    assert after_power_cut(changes, None) == left


def test_some_of_what_was_not_synced_may_survive_and_not_just_the_first():
    changes = [made("c"), made("s"), *(made("w", content=b"x", offset=n) for n in range(8))]
    outcomes = {after_power_cut(changes, random.Random(seed))["/d/a"] for seed in range(20)}
    assert len(outcomes) > 5
    assert any(found.startswith(b"\0") and found.endswith(b"x") for found in outcomes)
