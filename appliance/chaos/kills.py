"""`kill -9` of jobs: at named points, and at any moment.

A chain is a job that is killed, started again, killed again, until it comes to its end. After it every step must be
there once, the same as in a whole job, and nothing that a dead process held may be left.
"""

import random
from collections.abc import Callable, Mapping

from appliance.chaos.bench import Attempt, Bench, Tally, check_between, check_end, check_left, left_by
from appliance.chaos.points import Point


def kill_at_points(
    bench: Bench, points: Mapping[str, int], each: int, seed: int, tally: Tally, tell: Callable[[str], None]
) -> None:
    """Every point `each` times, at any of its occurrences, in an order drawn from `seed`."""
    luck = random.Random(seed)
    todo = [Point(name, luck.randint(1, count)) for name, count in points.items() for _ in range(each)]
    luck.shuffle(todo)
    tally.points += len(points)
    again: Point | None = None

    def broken() -> Attempt | None:
        nonlocal again
        if not todo:
            return None
        point = todo.pop()
        done = bench.attempt("--at", point.name, str(point.nth))
        if done.was_killed:
            return done
        if point is again:  # what was done once for this machine, as its image
            tally.note("unpassed", 1, f"no job comes by {point.name} any more")
        else:  # a job that goes on late does not come by so often any more; a fresh one does, once
            again = Point(point.name)
            todo.append(again)
        return done

    _chains(bench, broken, tally, lambda: tell(f"{len(todo)} kills at named points to go"))


def kill_at_random(
    bench: Bench, kills: int, job_s: float, seed: int, tally: Tally, tell: Callable[[str], None]
) -> None:
    """Kills at moments drawn evenly from the time that a whole job takes."""
    luck, goal = random.Random(seed), tally.kills + kills

    def broken() -> Attempt | None:
        return bench.attempt(after_s=luck.uniform(0.1, job_s)) if tally.kills < goal else None

    _chains(bench, broken, tally, lambda: tell(f"{goal - tally.kills} kills at random to go"))


def kill_engines(
    bench: Bench, points: Mapping[str, int], each: int, seed: int, tally: Tally, tell: Callable[[str], None]
) -> None:
    """The process of the model dies where the worker stands at a point. It may cost the step in hand, or the run that
    has none yet, which then says so and goes on when it is asked to; never the worker."""
    luck = random.Random(seed)
    todo = [Point(name, luck.randint(1, count)) for name, count in points.items() for _ in range(each)]
    luck.shuffle(todo)
    tally.points += len(points)
    for n, point in enumerate(todo):
        how = f"the engine dies at {point.name}, {point.nth}"
        bench.clear()
        done = bench.attempt("--engine-at", point.name, str(point.nth))
        tally.kills += done.said.count("shot")
        check_between(bench, done, tally, how)
        statuses = [status for status, _, _ in left_by(bench.home)["runs"]] if done.code == 0 else []
        if "failed" in statuses:
            told = [line for line in done.said if line.startswith("error") and "The engine of" in line]
            tally.note("unnamed", int(not told), f"{how}: {done.said[-5:]}")
            done = bench.attempt("--again")
            check_between(bench, done, tally, how)
            statuses = [status for status, _, _ in left_by(bench.home)["runs"]]
        ended = done.said[-1:] == ("over",) and statuses and set(statuses) == {"done"}
        tally.note("unnamed", int(not ended), f"{how}: exit code {done.code}, {statuses}: {done.error[-300:]}")
        check_left(bench, tally, how)
        if n % 25 == 0:
            tell(f"{len(todo) - n} kills of the engine to go")


def _chains(bench: Bench, broken: Callable[[], Attempt | None], tally: Tally, tell: Callable[[], None]) -> None:
    """`broken` runs the job once more and breaks it, until it has nothing left to break."""
    _, whole = bench.whole()
    bench.clear()
    kills = 0
    while (done := broken()) is not None:
        kills = _count(bench, done, kills, tally)
        if not done.was_killed:
            check_end(bench, done, whole, tally, f"after {kills} kills")
            tell()
            kills = 0
            bench.clear()
    done = bench.attempt()
    kills = _count(bench, done, kills, tally)
    check_end(bench, done, whole, tally, f"after {kills} kills")
    tell()


def _count(bench: Bench, done: Attempt, kills: int, tally: Tally) -> int:
    if kills and done.up_s is not None:
        tally.resume_max_s = max(tally.resume_max_s, round(done.up_s, 2))
    check_between(bench, done, tally, f"kill {tally.kills}")
    tally.kills += done.was_killed
    return kills + done.was_killed
