"""Where whole jobs are broken, and how what is left is compared with a job that nobody broke."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from appliance.assembly import podman_settings
from appliance.config import load_config
from appliance.errors import ApplianceError
from sandbox.browser import PROFILE_PREFIX, BrowserSettings
from sandbox.image import SCRATCH_PREFIX
from sandbox.owners import Owner, is_alive, started_ticks
from sandbox.podman import OWNER_LABEL
from sandbox.podman_engine import Podman
from sandbox.reaper import named_after_dead, orphan_folders

Left = dict[str, list[Any]]
"""What a job leaves: its runs, their steps, their exports."""
PAUSE = b"catatonit\0-P"
"""Holds podman's user namespace for the data folder, and stays."""
ATTEMPT_S = 120.0
LOCAL_ROOM = "webgen-local-"
"""Rooms without walls are for trials only, and nobody cleans up after a killed one."""


class TrialBroken(ApplianceError):
    """The trial itself could not be held; this says nothing of the appliance."""


@dataclass(slots=True)
class Tally:
    """What a row of trials came to. Everything but the counts of trials should be 0."""

    kills: int = 0
    faults: int = 0
    power_cuts: int = 0
    points: int = 0
    lost: int = 0
    """Steps that were announced as finished, and were not there afterwards, or differ from the whole job's."""
    doubled: int = 0
    orphans: int = 0
    """Containers, browsers, folders and processes of dead jobs, once a living one had cleaned up."""
    damaged: int = 0
    """Databases that SQLite's own check finds fault with, and exports that are not whole."""
    unnamed: int = 0
    """Jobs that ended by themselves with anything but one sentence."""
    unpassed: int = 0
    """Kills that were left out because no job came by their point any more; no fault."""
    resume_max_s: float = 0.0
    told: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.orphans or self.damaged or self.unnamed)

    def note(self, what: str, many: int, text: str) -> None:
        if many:
            setattr(self, what, getattr(self, what) + many)
            self.told.append(f"{what}: {text}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process of a chain. `up_s`: seconds until the site ran again, None if that was never reached."""

    code: int
    said: tuple[str, ...]
    up_s: float | None
    error: str
    seconds: float

    @property
    def steps(self) -> set[tuple[str, int]]:
        return {(run, int(n)) for run, n in (line.split()[1:] for line in self.said if line.startswith("step "))}

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Bench:
    """Where jobs are broken: a data folder of their own, made empty for each chain. The sandbox is the appliance's."""

    home: Path
    temp: Path
    """The temporary folder of the jobs, for nothing else."""
    is_local: bool = False
    is_short: bool = False
    is_plain: bool = False
    engine: Path | None = None
    """A GGUF that a real engine holds beside the scripted answers, to be killed."""
    started: set[Owner] = field(default_factory=set)
    """Its jobs so far. What dead jobs of other benches hold, which break theirs meanwhile, is not its concern."""

    @property
    def options(self) -> tuple[str, ...]:
        engine = ("--engine", str(self.engine)) if self.engine else ()
        flags = {"--local": self.is_local, "--short": self.is_short, "--plain": self.is_plain}
        return (*(flag for flag, is_on in flags.items() if is_on), *engine)

    def is_settled(self, owner: Owner) -> bool:
        """Alive, or none of its jobs."""
        return owner not in self.started or is_alive(owner)

    def has_lost(self, owner: str) -> bool:
        """By the name of an owner: something whose owner nobody can name is lost too."""
        parsed = Owner.parse(owner)
        return parsed is None or not self.is_settled(parsed)

    def clear(self) -> None:
        for path in self.home.glob("*"):
            self.remove(path)

    @staticmethod
    def remove(path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def attempt(
        self, *more: str, after_s: float | None = None, environment: Mapping[str, str] | None = None
    ) -> Attempt:
        """Run the job; kill it with `after_s` seconds gone. Raises TrialBroken for one that never ends."""
        began = time.monotonic()
        command = (sys.executable, "-m", "appliance.chaos.job", str(self.home), *self.options, *more)
        variables = {**os.environ, "TMPDIR": str(self.temp), **(environment or {})}
        with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as errors:
            # Files, not pipes: what a killed job leaves running would hold a pipe open.
            with subprocess.Popen(command, stdout=told, stderr=errors, env=variables) as process:
                self.started.add(Owner(process.pid, started_ticks(process.pid)))
                try:
                    process.wait(ATTEMPT_S if after_s is None else after_s)
                except subprocess.TimeoutExpired:
                    process.kill()
            if after_s is None and time.monotonic() - began >= ATTEMPT_S:
                raise TrialBroken(f"A job did not end within {ATTEMPT_S:.0f} s.")
            told.seek(0)
            errors.seek(0)
            said = tuple(told.read().splitlines())
            first_up = next((float(line.split()[1]) for line in said if line.startswith("up ")), None)
            up_s = None if first_up is None else first_up - began
            return Attempt(process.returncode, said, up_s, errors.read(), time.monotonic() - began)

    def whole(self) -> tuple[Attempt, Left]:
        """A job that nobody breaks, and what it leaves. Raises TrialBroken."""
        self.clear()
        attempt = self.attempt("--list")
        left = left_by(self.home) if attempt.code == 0 else {}
        if not left or any(run[0] != "done" for run in left["runs"]):
            said = [line for line in attempt.said if line.startswith("error")]
            raise TrialBroken(f"The job does not even work when nobody breaks it: {attempt.error[-500:]}{said}")
        return attempt, left


def points_of(attempt: Attempt) -> Counter[str]:
    return Counter(line.removeprefix("point ") for line in attempt.said if line.startswith("point "))


def left_by(home: Path, elsewhere: tuple[Path, Path] | None = None) -> Left:
    """What must be the same however often a job was broken: ids and times left out. `elsewhere` is where the folder lay
    when it was written, and where it lies now."""
    with closing(sqlite3.connect(home / "appliance.db")) as db:
        runs = db.execute("SELECT id, status, best, tip, export FROM runs ORDER BY rowid").fetchall()
        steps = [
            db.execute("SELECT n, snapshot, kind, parent FROM steps WHERE run_id = ? ORDER BY n", (run[0],)).fetchall()
            for run in runs
        ]
    old, new = map(str, elsewhere or (home, home))
    exports = [sorted(_export(Path(run[4].replace(old, new)))) if run[4] else [] for run in runs]
    return {"runs": [run[1:4] for run in runs], "steps": steps, "exports": exports}


def _export(folder: Path) -> Iterable[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.is_file() and "site" in path.parts:
            yield str(path.relative_to(folder)), sha256(path.read_bytes()).hexdigest()
        elif path.is_file():
            yield str(path.relative_to(folder)), "" if path.stat().st_size else "empty"


def finished_steps(home: Path) -> list[tuple[str, int]]:
    if not (home / "appliance.db").exists():
        return []
    with closing(sqlite3.connect(home / "appliance.db")) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'steps'").fetchone():
            return []
        return [(run, n) for run, n in db.execute("SELECT run_id, n FROM steps")]


def integrity(home: Path) -> str:
    with closing(sqlite3.connect(home / "appliance.db")) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


def check_between(bench: Bench, attempt: Attempt, tally: Tally, how: str) -> None:
    """After a job was broken: all it had announced is there, and once."""
    there = finished_steps(bench.home)
    missing = attempt.steps - set(there)
    tally.note("lost", len(missing), f"{how}: {sorted(missing)}")
    tally.note("doubled", len(there) - len(set(there)), how)


def check_end(bench: Bench, done: Attempt, whole: Mapping[str, list[Any]], tally: Tally, how: str) -> None:
    """After the last job of a chain: the same as in the whole job, and nothing left over."""
    if done.said[-1:] != ("over",):
        tally.note("unnamed", 1, f"{how}: exit code {done.code}: {done.error[-500:]}")
        return
    left = left_by(bench.home)
    for key, expected in whole.items():
        tally.note("lost", int(left[key] != expected), f"{how}: {key} {json.dumps(left[key])[:300]}")
    check_left(bench, tally, how)


def check_left(bench: Bench, tally: Tally, how: str) -> None:
    """A sound database, and nothing left over."""
    found = integrity(bench.home)
    tally.note("damaged", int(found != "ok"), f"{how}: {found}")
    orphans = left_over(bench)
    tally.note("orphans", len(orphans), f"{how}: {orphans}")


def left_over(bench: Bench) -> list[str]:
    """What should be gone once a job has ended and its dead forerunners were cleaned up after."""
    home = bench.home
    files = [*home.glob("tmp/*"), *home.glob("exports/.*"), *bench.temp.iterdir()]
    files = [path for path in files if not path.name.startswith(LOCAL_ROOM)]
    files += named_after_dead(BrowserSettings().profiles_in, PROFILE_PREFIX, bench.is_settled)
    found = [str(path) for path in files]
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and int(process.name) != os.getpid():
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                if _is_orphan(told, bench):
                    found.append(f"process {process.name}: {told[:60]!r}")
    if not bench.is_local:
        found += _held_by_podman(bench)
    return found


def _is_orphan(told: bytes, bench: Bench) -> bool:
    """By a process's command line and environment: of a browser whose owner is dead, or of a job."""
    if browser := re.search(rb"HOME=\S*?%s([\d.]+)-" % PROFILE_PREFIX.encode(), told):
        return bench.has_lost(browser[1].decode())
    return str(bench.temp).encode() in told and not told.startswith(PAUSE)


def _held_by_podman(bench: Bench) -> list[str]:
    config, _ = load_config(os.environ)
    settings = podman_settings(config)
    with Podman.on_this_host(settings) as podman:
        owners = f'{{{{.Names}}}} {{{{index .Labels "{OWNER_LABEL}"}}}}'
        lines = podman.run(["podman", "ps", "--all", f"--format={owners}"]).splitlines()
    dead = [name for name, _, owner in (line.partition(" ") for line in lines) if bench.has_lost(owner)]
    folders = [*orphan_folders(settings.run_folder / "sites", bench.is_settled)]
    folders += named_after_dead(settings.home, SCRATCH_PREFIX, bench.is_settled)
    return [f"container {name}" for name in dead] + [str(folder) for folder in folders]
