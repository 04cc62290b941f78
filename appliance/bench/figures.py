"""The figures of a measurement, by mode, and two measurements compared.

Accuracy is 100 × (YES + ½ PARTIAL) / cases, a site that did not start counting 0 in all of its cases (WebGen-Bench §6).
Intervals are bootstrapped over sites, for the cases of a site share its page.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from appliance.bench.modes import Mode
from appliance.bench.results import CaseLine, SiteLine
from appliance.bench.statistics import bootstrap_interval, clustered_interval, wilson
from appliance.errors import UsageError

POINTS: Mapping[str, float] = {"YES": 1.0, "PARTIAL": 0.5, "NO": 0.0}
BASELINE: Mode = "one-shot"
_SEED = 1


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one mode."""

    sites: Sequence[SiteLine]
    cases: Sequence[CaseLine]


def by_mode(sites: Iterable[SiteLine], cases: Iterable[CaseLine]) -> dict[Mode, Lines]:
    """In the order in which the modes stand in the lines."""
    found: dict[Mode, tuple[list[SiteLine], list[CaseLine]]] = defaultdict(lambda: ([], []))
    for line in sites:
        found[line.mode][0].append(line)
    for case in cases:
        found[case.mode][1].append(case)
    return {mode: Lines(*both) for mode, both in found.items() if both[0]}


def figures(lines: Lines) -> dict[str, Any]:
    """Shares are of 1; `interval` holds the 95 % bounds of the accuracy."""
    sites, cases = lines.sites, lines.cases
    answers = Counter(case.verdict for case in cases)
    started = [line for line in sites if line.step is not None]
    opened = [line for line in sites if line.console_clean is not None]
    valid = sum(line.valid for line in sites)
    low, high = clustered_interval(list(_by_site(cases).values()), seed=_SEED)
    return {
        "accuracy": _share(sum(POINTS[case.verdict] for case in cases), len(cases)),
        "interval": [round(low, 4), round(high, 4)],
        "yes": _share(answers["YES"], len(cases)),
        "partial": _share(answers["PARTIAL"], len(cases)),
        "no": _share(answers["NO"], len(cases)),
        "start_failed": _share(len(sites) - len(started), len(sites)),
        "appearance": round(fmean(line.appearance for line in sites), 3),
        "valid_render": _share(valid, len(sites)),
        "valid_render_bound": round(wilson(valid, len(sites))[0], 4),
        "console_clean": _share(sum(bool(line.console_clean) for line in opened), len(opened)),
        "tokens": _mean(sites, lambda line: line.tokens),
        "prompt_tokens": _mean(sites, lambda line: line.prompt_tokens),
        "seconds": _mean(sites, lambda line: line.seconds),
        "watt_hours": _mean([line for line in sites if line.watt_hours is not None], lambda line: line.watt_hours),
        "by_site_category": _split(cases, {line.site: line.category for line in sites}),
        "by_case_category": _split(cases, None),
        "sites": len({line.site for line in sites}),
        "runs": len(sites),
        "cases": len(cases),
    }


def compared(one: Lines, other: Lines) -> dict[str, Any]:
    """`one` less `other` on the sites with the seeds that both have: accuracy, looks, tokens.

    Raises UsageError where they share none."""
    shared = {(line.site, line.seed) for line in one.sites} & {(line.site, line.seed) for line in other.sites}
    if not shared:
        raise UsageError("The two measurements have no site with the same seed in common.")
    pairs = [
        ({(line.site, line.seed): line for line in lines.sites if (line.site, line.seed) in shared})
        for lines in (one, other)
    ]
    found: dict[str, Any] = {"sites": len({site for site, _ in shared}), "runs": len(shared)}
    measured: dict[str, Callable[[SiteLine], float]] = {
        "accuracy": lambda line: line.accuracy,
        "appearance": lambda line: line.appearance,
        "tokens": lambda line: line.tokens,
    }
    for name, value in measured.items():
        differences: dict[str, list[float]] = defaultdict(list)
        for key in sorted(shared):
            differences[key[0]].append(value(pairs[0][key]) - value(pairs[1][key]))
        means = [fmean(values) for values in differences.values()]
        low, high = bootstrap_interval(means, seed=_SEED)
        found[name] = round(fmean(means), 4)
        found[f"{name}_interval"] = [round(low, 4), round(high, 4)]
    better = Counter(_sign(pairs[0][key].accuracy - pairs[1][key].accuracy) for key in shared)
    return {**found, "better": better[1], "same": better[0], "worse": better[-1]}


def baselines(modes: Mapping[Mode, Lines]) -> dict[str, Any]:
    """Every mode against one shot, where that was measured beside it."""
    if BASELINE not in modes:
        return {}
    return {mode: compared(lines, modes[BASELINE]) for mode, lines in modes.items() if mode != BASELINE}


def losses(lines: Lines) -> list[dict[str, Any]]:
    """Where points are lost: cases below YES by what was seen, the commonest first. `points` is of all cases."""
    lost: dict[str, list[CaseLine]] = defaultdict(list)
    for case in lines.cases:
        if case.verdict != "YES":
            lost[_why(case)].append(case)
    rows = [
        {
            "why": why,
            "cases": len(cases),
            "points": _share(sum(1 - POINTS[case.verdict] for case in cases), len(lines.cases)),
            "example": f"{cases[0].site} case {cases[0].case}: {cases[0].evidence}",
        }
        for why, cases in lost.items()
    ]
    return sorted(rows, key=lambda row: (-float(row["points"]), row["why"]))


def _why(case: CaseLine) -> str:
    if case.evidence.startswith("start failed"):
        return "no step shows a page"
    if case.evidence.startswith("no verdict"):
        return "the judge came to no verdict"
    kind = case.category or "cases without a category"
    return f"{kind}: {'in part' if case.verdict == 'PARTIAL' else 'not met'}"


def _split(cases: Sequence[CaseLine], site_category: Mapping[str, str] | None) -> dict[str, float | None]:
    split: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        name = site_category.get(case.site, "") if site_category is not None else case.category
        if name:
            split[name].append(POINTS[case.verdict])
    return {name: _share(sum(points), len(points)) for name, points in sorted(split.items())}


def _by_site(cases: Iterable[CaseLine]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        found[case.site].append(POINTS[case.verdict])
    return found


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(lines: Sequence[SiteLine], value: Callable[[SiteLine], float | None]) -> float | None:
    """None where nothing was measured, which is not 0."""
    values = [found for line in lines if (found := value(line)) is not None]
    return round(fmean(values), 2) if values else None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
