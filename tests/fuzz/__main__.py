"""`python -m tests.fuzz --cases 1000000 --target artifact --seed 1 [--json]`: many short cases, each a fault or not.

Every fault is told once, with the shortest case that was seen to cause it; `--save FOLDER` writes those cases down.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.fuzz.cases import hard, mutated
from tests.fuzz.target import Fault, Target, tried
from tests.fuzz.targets import TARGETS

MEMORY = 6 << 30
"""Bytes of address space: a reader that asks for more gets a MemoryError, which is a fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    target: str
    seed: int
    shapes: int
    cases: int
    seconds: float
    slowest_s: float
    """Processor seconds of the slowest case, and which that was."""
    slowest: str
    faults: tuple[Fault, ...]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="how many random cases for each target")
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, help="a folder for the cases that fail")
    parser.add_argument("--json", action="store_true", help="one object for each target")
    options = parser.parse_args()
    chosen = list(TARGETS.values()) if options.target == "all" else [TARGETS[options.target]]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    found = [_tell(_run(target, options.cases, options.seed), options.save, options.json) for target in chosen]
    sys.exit(1 if any(found) else 0)


def _run(target: Target, cases: int, seed: int) -> Outcome:
    random, faults = Random(f"{target.name} {seed}"), dict[str, Fault]()
    began, shapes, slowest = time.monotonic(), list(hard(target)), (0.0, "")
    with TemporaryDirectory() as folder:
        for n in range(len(shapes) + cases):
            name, case = shapes[n] if n < len(shapes) else ("a random case", mutated(target, random))
            start = time.process_time()
            fault = tried(target, case, Path(folder))
            slowest = max(slowest, (round(time.process_time() - start, 2), name))
            known = faults.get(fault.what) if fault else None
            if fault and (known is None or len(fault.case) < len(known.case)):
                faults[fault.what] = fault
    seconds = round(time.monotonic() - began, 1)
    return Outcome(target.name, seed, len(shapes), cases, seconds, *slowest, tuple(faults.values()))


def _tell(outcome: Outcome, save: Path | None, as_json: bool) -> bool:
    """Whether there was any fault."""
    for fault in outcome.faults if save else ():
        name = f"{outcome.target}-{sha256(fault.case).hexdigest()[:12]}"
        (save / name).write_bytes(fault.case)
        (save / f"{name}.txt").write_text(fault.told, "utf-8", "backslashreplace")
    faults = [f"{fault.what}: {len(fault.case)} bytes, {fault.case[:60]!r}" for fault in outcome.faults]
    if as_json:
        print(json.dumps(asdict(replace(outcome, faults=())) | {"faults": faults}), flush=True)
    else:
        tried_all = f"{outcome.shapes} hard and {outcome.cases} random cases in {outcome.seconds} s"
        print(f"{outcome.target}: {tried_all}, {len(faults) or 'no'} faults", *faults, sep="\n  ", flush=True)
    return bool(faults)


main()
