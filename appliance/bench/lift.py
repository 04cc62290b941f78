"""Does the loop pay? One shot, the best of many drafts, and the loop, measured by executable checks on the same briefs.

One shot is the loop's own first draft. The drafts alone get further drafts until they cost as many completion tokens
as the loop, and the best is chosen by the same scores. Whoever measures is blind to how a site came about.

Results are appended line by line, so that an interrupted measurement goes on where it stood:
`cases.jsonl` one verdict a line, `sites.jsonl` one site, seed and mode a line.
"""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from appliance.bench.checks import Checks, CheckVerdict, SiteChecks, accuracy
from appliance.bench.statistics import bootstrap_interval, wilson
from appliance.coverage import named_share, stems
from appliance.decide import Rules, best_step, deliverable, shows_page
from appliance.steps import Files, Step

Mode = Literal["one-shot", "drafts", "loop"]
MODES: tuple[Mode, ...] = ("one-shot", "drafts", "loop")
LEAST_CHARS = 150
LEAST_NAMED = 0.15
"""A render counts only with text of its own that speaks of the brief: below this share of its words it does not."""


@dataclass(frozen=True, slots=True)
class Made:
    """What one run left: its steps in order, their files, and what it cost."""

    run: str
    steps: tuple[Step, ...]
    files: Callable[[Step], Files]
    seconds: float


class Maker(Protocol):
    def loop(self, brief: str, seed: int) -> Made: ...

    def drafts(self, brief: str, seed: int, count: int) -> Made:
        """Further drafts, other ones than the loop's."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    site: str
    seed: int
    mode: Mode
    case: int
    verdict: str
    evidence: str


@dataclass(frozen=True, slots=True)
class SiteLine:
    site: str
    seed: int
    mode: Mode
    run: str
    step: int | None
    """None when no step shows a page: every case is NO then."""
    accuracy: float
    appearance: float
    valid: bool
    tokens: int
    """Completion tokens up to and including whatever the mode needed."""
    seconds: float
    code: str = ""
    """Which code made it, by `made_by.code_digest`."""


Measure = Callable[[Files, SiteChecks], Sequence[CheckVerdict]]


def measure_site(
    site: SiteChecks, brief: str, seed: int, maker: Maker, rules: Rules, measure: Measure
) -> tuple[list[SiteLine], list[CaseLine]]:
    """One brief with one seed in all modes."""
    made = maker.loop(brief, seed)
    drafts = [step for step in made.steps if step.kind == "draft"]
    spent = _tokens(made.steps)
    more = _more_drafts(drafts, spent)
    extra = maker.drafts(brief, seed, more) if more else None
    chosen: dict[Mode, tuple[Made, Step | None, int, float]] = {
        "one-shot": (made, _shown(made.steps[:1]), _tokens(made.steps[:1]), made.steps[0].seconds if made.steps else 0),
        "drafts": _best_of(made, drafts, extra, rules),
        "loop": (made, deliverable(made.steps, rules), spent, made.seconds),
    }
    sites: list[SiteLine] = []
    cases: list[CaseLine] = []
    known: dict[str, Sequence[CheckVerdict]] = {}
    for mode, (source, step, tokens, seconds) in chosen.items():
        verdicts = _none(site) if step is None else known.get(step.snapshot)
        if verdicts is None:
            assert step is not None
            verdicts = known[step.snapshot] = measure(source.files(step), site)
        cases += [CaseLine(site.site, seed, mode, one.case, one.answer, one.evidence) for one in verdicts]
        look = step.scores.appearance.score if step else None
        sites.append(
            SiteLine(
                *(site.site, seed, mode, source.run, step.n if step else None, round(accuracy(verdicts), 4)),
                *(look or 0.0, step is not None and is_valid(step, brief), tokens, round(seconds, 1)),
            )
        )
    return sites, cases


def is_valid(step: Step, brief: str) -> bool:
    """A page that shows, with text of its own that speaks of what the brief asks for."""
    seen = step.observation.audit
    if seen is None or not shows_page(step) or seen.text_chars < LEAST_CHARS:
        return False
    return named_share(stems(brief), seen.words) >= LEAST_NAMED


def _shown(steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if shows_page(step)), None)


def _tokens(steps: Iterable[Step]) -> int:
    return sum(step.usage.completion_tokens for step in steps)


def _more_drafts(drafts: Sequence[Step], spent: int) -> int:
    """How many drafts of the same mean length bring the drafts alone to what the loop spent; rounded up."""
    own = _tokens(drafts)
    if not drafts or not own:
        return 0
    return max(0, -(-(spent - own) * len(drafts) // own))


def _best_of(
    made: Made, drafts: Sequence[Step], extra: Made | None, rules: Rules
) -> tuple[Made, Step | None, int, float]:
    """Drafts of both sources by the same choice; the further ones are numbered after the loop's."""
    tokens, seconds = _tokens(drafts), sum(step.seconds for step in drafts)
    best = best_step(drafts, rules)
    if extra is None:
        return made, best, tokens, seconds
    tokens, seconds = tokens + _tokens(extra.steps), seconds + extra.seconds
    other = best_step(extra.steps, rules)
    if other is None or (best is not None and best_step([other, best], rules) is best):
        return made, best, tokens, seconds
    return extra, other, tokens, seconds


def _none(site: SiteChecks) -> Sequence[CheckVerdict]:
    return [CheckVerdict(n, "NO", "no step shows a page") for n in range(len(site.case))]


# -- the files of a measurement --------------------------------------------------------------------------------------

_Line = TypeVar("_Line", SiteLine, CaseLine)


class Results:
    """A folder with the two files. A site counts as done when its three lines are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def sites(self) -> list[SiteLine]:
        return self._read("sites.jsonl", SiteLine)

    def cases(self) -> list[CaseLine]:
        """Those of finished sites: what a killed measurement left half-written is measured again."""
        done = self.done()
        latest = {
            (line.site, line.seed, line.mode, line.case): line
            for line in self._read("cases.jsonl", CaseLine)
            if (line.site, line.seed) in done
        }
        return list(latest.values())

    def done(self) -> set[tuple[str, int]]:
        modes = defaultdict(set)
        for line in self.sites():
            modes[line.site, line.seed].add(line.mode)
        return {key for key, seen in modes.items() if seen == set(MODES)}

    def add(self, sites: Sequence[SiteLine], cases: Sequence[CaseLine]) -> None:
        self._append("cases.jsonl", cases)
        self._append("sites.jsonl", sites)

    def _append(self, name: str, lines: Sequence[SiteLine] | Sequence[CaseLine]) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(asdict(line), ensure_ascii=False) + "\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def _read(self, name: str, kind: type[_Line]) -> list[_Line]:
        path = self.folder / name
        if not path.exists():
            return []
        lines = path.read_text("utf-8").splitlines()
        return [msgspec.json.decode(line, type=kind) for line in lines if line.endswith("}")]


def plan(checks: Checks, seeds: Sequence[int], done: set[tuple[str, int]]) -> list[tuple[str, int]]:
    """What is left to do, every site with the first seed before any with the second."""
    return [(site, seed) for seed in seeds for site in sorted(checks) if (site, seed) not in done]


# -- the table -------------------------------------------------------------------------------------------------------


def lift(sites: Sequence[SiteLine], cases: Sequence[CaseLine], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures. Accuracy is over cases, as the benchmark counts; the interval is of the difference by site."""
    by_mode = {mode: [line for line in sites if line.mode == mode] for mode in MODES}
    points = {mode: _case_accuracy([line for line in cases if line.mode == mode]) for mode in MODES}
    differences = _differences(sites, "loop", "one-shot")
    over_drafts = _differences(sites, "loop", "drafts")
    valid = sum(line.valid for line in by_mode["loop"])
    count = len(by_mode["loop"])
    low, high = bootstrap_interval(list(differences.values()), seed=1)
    drafts_low, drafts_high = bootstrap_interval(list(over_drafts.values()), seed=1)
    return {
        "one_shot_accuracy": points["one-shot"],
        "drafts_accuracy": points["drafts"],
        "loop_accuracy": points["loop"],
        "lift": round(points["loop"] / points["one-shot"], 3) if points["one-shot"] else None,
        "difference": round(fmean(differences.values()), 4),
        "interval": [round(low, 4), round(high, 4)],
        "difference_to_drafts": round(fmean(over_drafts.values()), 4),
        "interval_to_drafts": [round(drafts_low, 4), round(drafts_high, 4)],
        "valid_render": round(valid / count, 4),
        "valid_render_bound": round(wilson(valid, count)[0], 4),
        "one_shot_valid_render": round(fmean(line.valid for line in by_mode["one-shot"]), 4),
        **{f"{mode.replace('-', '_')}_appearance": _mean(by_mode[mode], "appearance") for mode in MODES},
        **{f"{mode.replace('-', '_')}_tokens": _mean(by_mode[mode], "tokens") for mode in MODES},
        "seconds_per_site": _mean(by_mode["loop"], "seconds"),
        "sites": len({line.site for line in sites}),
        "seeds": len({line.seed for line in sites}),
        "cases": len([line for line in cases if line.mode == "loop"]),
        "code": sorted({line.code for line in sites}),
        **facts,
    }


def _case_accuracy(cases: Sequence[CaseLine]) -> float:
    points = {"YES": 1.0, "PARTIAL": 0.5, "NO": 0.0}
    return round(fmean(points[line.verdict] for line in cases), 4)


def _mean(lines: Sequence[SiteLine], name: str) -> float:
    return round(fmean(getattr(line, name) for line in lines), 2)


def _differences(sites: Sequence[SiteLine], one: Mode, other: Mode) -> dict[str, float]:
    """By site, over its seeds."""
    values: dict[str, dict[Mode, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in sites:
        values[line.site][line.mode].append(line.accuracy)
    return {site: fmean(modes[one]) - fmean(modes[other]) for site, modes in values.items()}


def random_verdicts(cases: Sequence[CaseLine], count: int, seed: int) -> list[CaseLine]:
    """For reading: a sample without choice."""
    return random.Random(seed).sample(list(cases), min(count, len(cases)))


def _percent(figures: Mapping[str, Any], mode: Mode) -> str:
    return f"{100 * figures[mode.replace('-', '_') + '_accuracy']:.1f} %"


def readable(figures: Mapping[str, Any], sites: Sequence[SiteLine]) -> str:
    """The same as a page: the summary, then every site."""
    percent = {mode: _percent(figures, mode) for mode in MODES}
    low, high = (100 * value for value in figures["interval"])
    below, above = (100 * value for value in figures["interval_to_drafts"])
    lines = [
        "# Does the loop pay?",
        "",
        f"{figures['sites']} sites, {figures['seeds']} seed(s), {figures['cases']} cases, model {figures['model']},",
        f"up to {figures['token_budget']} completion tokens a site. Accuracy is (YES + ½ PARTIAL) / cases.",
        "",
        "| | one shot | drafts alone | loop |",
        "|---|--:|--:|--:|",
        f"| accuracy | {percent['one-shot']} | {percent['drafts']} | {percent['loop']} |",
        *(
            f"| {name} | "
            + " | ".join(str(figures[f"{mode}_{name}"]) for mode in ("one_shot", "drafts", "loop"))
            + " |"
            for name in ("appearance", "tokens")
        ),
        "",
        f"Loop less one shot, by site: {100 * figures['difference']:.1f} points,"
        f" 95 % interval {low:.1f} to {high:.1f}.",
        f"Loop less drafts alone: {100 * figures['difference_to_drafts']:.1f} points,"
        f" 95 % interval {below:.1f} to {above:.1f}.",
        f"Valid renders of the loop: {100 * figures['valid_render']:.0f} %,"
        f" Wilson bound {100 * figures['valid_render_bound']:.0f} %.",
        "",
        "| site | seed | mode | accuracy | appearance | valid | step | tokens | seconds |",
        "|---|--:|---|--:|--:|---|--:|--:|--:|",
    ]
    for line in sites:
        lines.append(
            f"| {line.site} | {line.seed} | {line.mode} | {100 * line.accuracy:.0f} % | {line.appearance} |"
            f" {'yes' if line.valid else 'no'} | {line.step or '–'} | {line.tokens} | {line.seconds:.0f} |"
        )
    return "\n".join(lines) + "\n"
