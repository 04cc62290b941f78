"""The folder of a measurement: what was measured how (`measurement.json`), and its lines.

Lines are appended, so that an interrupted measurement goes on where it stood: `cases.jsonl` one verdict a line,
`sites.jsonl` one site, seed and mode a line. A site's lines are written last and are what makes it count.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import msgspec

from appliance.bench.modes import LIFT, Mode
from appliance.errors import UsageError

SETTING = "measurement.json"
SITES, CASES = "sites.jsonl", "cases.jsonl"


@dataclass(frozen=True, slots=True)
class CaseLine:
    site: str
    seed: int
    mode: Mode
    case: int
    verdict: str
    evidence: str
    category: str = ""
    """The primary category of the case, as the benchmark names it."""
    judge: str = ""
    task: str = ""


@dataclass(frozen=True, slots=True)
class SiteLine:
    site: str
    seed: int
    mode: Mode
    run: str
    step: int | None
    """None when no step shows a page: the start failed, and every case is NO."""
    accuracy: float
    appearance: float
    """0 where no judge gave a grade, as the benchmark counts."""
    valid: bool
    tokens: int
    """Completion tokens up to and including whatever the mode needed."""
    seconds: float
    code: str = ""
    """Which code made it, by `made_by.code_digest`."""
    category: str = ""
    prompt_tokens: int | None = None
    """None in measurements of before they were counted."""
    console_clean: bool | None = None
    """Nothing thrown, nothing missing, nothing reported on the console; None where no page was opened."""
    appearance_judge: str = ""
    watt_hours: float | None = None
    """Of the whole machine while the run was made, as far as it has meters; None where it has none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """All that two measurements must share to be one. Which sites and seeds were measured stands in the lines."""

    suite: str
    data: str
    """SHA-256 of the file with the briefs."""
    judge: str
    """Who decides the cases."""
    held_out: bool
    """Whether the loop never hears this judge."""
    modes: tuple[Mode, ...]
    model: str
    profile: str
    steps: int
    drafts: int
    token_budget: int
    code: str
    checks: str
    """SHA-256 over the executable checks; empty where a model judges."""
    at_once: int = 1
    """Runs in hand at a time, which decides what their seconds mean."""
    asked_profile: str = ""
    asked_steps: int | None = None
    """What was said for all ways of making; each has its own choice where nothing was."""


_Line = TypeVar("_Line", SiteLine, CaseLine)
Key = tuple[str, int]


class Results:
    """A site with a seed is done when the lines of all modes are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def setting(self) -> Setting | None:
        """None in a folder that holds no measurement, or one of before settings were kept."""
        try:
            raw = (self.folder / SETTING).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(raw, type=Setting)
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{self.folder / SETTING} cannot be read: {error}; measure into another folder."
            ) from error

    def begin(self, setting: Setting) -> None:
        """Raises UsageError where the folder holds a measurement of other settings."""
        there = self.setting()
        if there is None:
            if self.sites():
                raise UsageError(f"{self.folder} holds an older measurement; measure into another folder with --out.")
            path = self.folder / f".{SETTING}"
            path.write_text(json.dumps(asdict(setting), indent=1) + "\n", "utf-8")
            path.rename(self.folder / SETTING)
        elif differing := differences(there, setting):
            raise UsageError(
                f"{self.folder} holds a measurement with other settings ({differing}); measure into another folder."
            )

    @property
    def modes(self) -> tuple[Mode, ...]:
        setting = self.setting()
        return setting.modes if setting else LIFT

    def sites(self) -> list[SiteLine]:
        return self._read(SITES, SiteLine)

    def cases(self) -> list[CaseLine]:
        """Those of finished sites: what a killed measurement left half-written is measured again."""
        done = self.done()
        latest = {
            (line.site, line.seed, line.mode, line.case): line
            for line in self._read(CASES, CaseLine)
            if (line.site, line.seed) in done
        }
        return list(latest.values())

    def finished(self) -> list[SiteLine]:
        """The lines of sites that are done, each once."""
        done = self.done()
        latest = {(line.site, line.seed, line.mode): line for line in self.sites() if (line.site, line.seed) in done}
        return list(latest.values())

    def done(self) -> set[Key]:
        modes = defaultdict(set)
        for line in self.sites():
            modes[line.site, line.seed].add(line.mode)
        wanted = set(self.modes)
        return {key for key, seen in modes.items() if seen >= wanted}

    def add(self, sites: Sequence[SiteLine], cases: Sequence[CaseLine]) -> None:
        self._append(CASES, cases)
        self._append(SITES, sites)

    def picture(self, line: SiteLine) -> Path:
        return self.folder / "pictures" / f"{line.site}-{line.seed}-{line.mode}.png"

    def _append(self, name: str, lines: Sequence[SiteLine] | Sequence[CaseLine]) -> None:
        path = self.folder / name
        # A killed measurement may have left half a line, and what follows must not become part of it.
        torn = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" if torn else "")
            file.write("".join(json.dumps(asdict(line), ensure_ascii=False) + "\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def _read(self, name: str, kind: type[_Line]) -> list[_Line]:
        path = self.folder / name
        if not path.exists():
            return []
        lines = path.read_text("utf-8").splitlines()
        return [msgspec.json.decode(line, type=kind) for line in lines if line.endswith("}")]


def differences(one: Setting, other: Setting) -> str:
    """What differs, in words; empty where nothing does."""
    pairs = ((field.name, getattr(one, field.name), getattr(other, field.name)) for field in fields(Setting))
    return "; ".join(f"{name}: {_told(a)} there, {_told(b)} here" for name, a, b in pairs if a != b)


def _told(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)[:40]


def plan(
    sites: Iterable[str], seeds: Iterable[int], done: set[Key], shard: tuple[int, int] = (1, 1)
) -> list[tuple[str, int]]:
    """What is left to do, every site with the first seed before any with the second. Shard i of n takes each n-th."""
    every = [(site, seed) for seed in seeds for site in sorted(sites)]
    which, of = shard
    return [key for key in every[which - 1 :: of] if key not in done]


def merge(sources: Sequence[Results], target: Results) -> int:
    """Adds what is finished in the sources and missing in the target; the number of sites added. The same line in two
    sources counts once. Raises UsageError where settings differ or two sources disagree, before anything is written."""
    settings = [(source, source.setting()) for source in sources]
    first = settings[0][1]
    for source, setting in settings:
        if first is None or setting is None:
            raise UsageError(f"{source.folder} holds no {SETTING}; only measurements that name their settings merge.")
        if differing := differences(first, setting):
            raise UsageError(f"{source.folder} was measured with other settings than the first ({differing}).")
    assert first is not None
    lines: dict[Key, tuple[Results, list[SiteLine]]] = {}
    for source in [target, *sources] if target.setting() else sources:
        for key, own in _by_key(source).items():
            if key in lines and lines[key][1] != own:
                raise UsageError(
                    f"Site {key[0]} with seed {key[1]} was measured twice with different outcome, in"
                    f" {lines[key][0].folder} and {source.folder}; leave one of them out."
                )
            lines.setdefault(key, (source, own))
    target.begin(first)
    new = {key: found for key, found in lines.items() if key not in target.done()}
    for (site, seed), (source, own) in sorted(new.items()):
        for line in own:
            if (picture := source.picture(line)).exists():
                kept = target.picture(line)
                kept.parent.mkdir(exist_ok=True)
                kept.write_bytes(picture.read_bytes())
        target.add(own, [case for case in source.cases() if (case.site, case.seed) == (site, seed)])
    return len(new)


def _by_key(source: Results) -> dict[Key, list[SiteLine]]:
    by_key: dict[Key, list[SiteLine]] = defaultdict(list)
    for line in source.finished():
        by_key[line.site, line.seed].append(line)
    return by_key
