"""Does the loop pay? One shot, the best of many drafts, and the loop, compared on the same briefs and seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from appliance.bench.modes import LIFT, Mode
from appliance.bench.results import CaseLine, SiteLine
from appliance.bench.statistics import bootstrap_interval, wilson


def lift(sites: Sequence[SiteLine], cases: Sequence[CaseLine], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures. Accuracy is over cases, as the benchmark counts; the interval is of the difference by site."""
    by_mode = {mode: [line for line in sites if line.mode == mode] for mode in LIFT}
    points = {mode: _case_accuracy([line for line in cases if line.mode == mode]) for mode in LIFT}
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
        **{f"{mode.replace('-', '_')}_appearance": _mean(by_mode[mode], "appearance") for mode in LIFT},
        **{f"{mode.replace('-', '_')}_tokens": _mean(by_mode[mode], "tokens") for mode in LIFT},
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


def _percent(figures: Mapping[str, Any], mode: Mode) -> str:
    return f"{100 * figures[mode.replace('-', '_') + '_accuracy']:.1f} %"


def readable(figures: Mapping[str, Any], sites: Sequence[SiteLine]) -> str:
    """The same as a page: the summary, then every site."""
    percent = {mode: _percent(figures, mode) for mode in LIFT}
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
        *site_rows(sites),
    ]
    return "\n".join(lines) + "\n"


def site_rows(sites: Sequence[SiteLine]) -> list[str]:
    """A table of every site, seed and mode."""
    return [
        "| site | seed | mode | accuracy | appearance | valid | step | tokens | seconds |",
        "|---|--:|---|--:|--:|---|--:|--:|--:|",
        *(
            f"| {line.site} | {line.seed} | {line.mode} | {100 * line.accuracy:.0f} % | {line.appearance} |"
            f" {'yes' if line.valid else 'no'} | {line.step or '–'} | {line.tokens} | {line.seconds:.0f} |"
            for line in sites
        ),
    ]
