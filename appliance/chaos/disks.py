"""Jobs on a disk that fails, and on one that loses power."""

import errno
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.chaos.bench import Bench, Left, Tally, check_between, check_end, finished_steps, integrity, left_by
from appliance.chaos.disk import Change, Fault, after_power_cut, lay_out, read_log, variables

NOT_EXPORTED = "could not be exported"
LUCKS = 3
"""Ways in which one power cut may turn out: nothing unsynced survives, and two draws of what does."""
SAID = "said"


def fail_writes(bench: Bench, disk: Path, every: int, offset: int, tally: Tally, tell: Callable[[str], None]) -> None:
    """Each `every`th change of the data folder fails, once with EIO, and as a disk that is full from then on; then the
    disk is well again and the job goes on."""
    _, whole = bench.whole()
    changes = len(_log_of(bench, disk))
    for at in range(1 + offset % every, changes + 1, every):
        for fault in (Fault(at, errno.EIO, stays=False), Fault(at, errno.ENOSPC, stays=True)):
            _fail(bench, disk, fault, whole, tally)
        tell(f"{changes - at} writes to go")


def _fail(bench: Bench, disk: Path, fault: Fault, whole: Left, tally: Tally) -> None:
    how = f"{fault.name} at change {fault.at}"
    bench.clear()
    broken = bench.attempt(environment=variables(disk, bench.home, fault=fault))
    tally.faults += 1
    check_between(bench, broken, tally, how)
    if "Traceback" in broken.error or broken.was_killed:
        tally.note("unnamed", 1, f"{how}: exit code {broken.code}: {broken.error[-500:]}")
    done = bench.attempt("--again")
    said = "\n".join((*broken.said, *done.said))
    expected = {key: value for key, value in whole.items() if key != "exports" or NOT_EXPORTED not in said}
    check_end(bench, done, expected, tally, how)


def cut_power(bench: Bench, disk: Path, every: int, seed: int, tally: Tally, tell: Callable[[str], None]) -> None:
    """The power goes after each `every`th change of a job's data folder."""
    bench.clear()
    changes, whole = _log_of(bench, disk), None
    whole = left_by(bench.home)
    luck = random.Random(seed)
    left = bench.home.parent / "left"
    for cut in range(1, len(changes) + 1, every):
        for draw in range(LUCKS):
            files = after_power_cut(changes[:cut], random.Random(luck.random()) if draw else None)
            left.mkdir()
            lay_out(files, bench.home, left)
            tally.power_cuts += 1
            _look(left, bench.home, changes[:cut], whole, tally, f"power cut after change {cut}, draw {draw}")
            bench.remove(left)
    tell(f"{tally.power_cuts} power cuts")


def _look(left: Path, home: Path, changes: Sequence[Change], whole: Left, tally: Tally, how: str) -> None:
    said = b"".join(change.content for change in changes if change.kind == "w" and change.path == f"{home}/{SAID}")
    announced = {(run, int(n)) for run, n in re.findall(r"^step (\S+) (\d+)\n", said.decode(), re.MULTILINE)}
    there = finished_steps(left)
    missing = announced - set(there)
    tally.note("lost", len(missing), f"{how}: {sorted(missing)}")
    tally.note("doubled", len(there) - len(set(there)), how)
    if (left / "appliance.db").exists():
        found = integrity(left)
        tally.note("damaged", int(found != "ok"), f"{how}: {found}")
        runs = left_by(left, elsewhere=(home, left)) if there else {"exports": []}
        half = [found for found in runs["exports"] if found and found not in whole["exports"]]
        tally.note("damaged", len(half), f"{how}: export {half}")


def _log_of(bench: Bench, disk: Path) -> list[Change]:
    """What a whole job changes, with what it says among it."""
    log = bench.temp.parent / "log"
    log.unlink(missing_ok=True)
    bench.clear()
    bench.attempt("--say", str(bench.home / SAID), environment=variables(disk, bench.home, log=log))
    return read_log(log)
