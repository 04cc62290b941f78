"""Whether a candidate may serve: better on held-out briefs by a bound, and worse in nothing that is guarded. Pure.

Both arms make each brief with the same seeds and are judged alike. The bound is a bootstrap over briefs, because sites
of one brief are no independent evidence; ten nights in a hundred would pass by luck, so a promotion is confirmed with
fresh seeds the next night.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from appliance.bench.statistics import bootstrap_interval

FEWEST_BRIEFS = 8


@dataclass(frozen=True, slots=True)
class SiteResult:
    """One site of one arm. `score` is the best step's reward, 0 to 10; `flags` counts signs of talking to the judge."""

    brief: str
    seed: int
    score: float
    is_valid: bool
    turns: int
    malformed: int
    tokens: int
    static_faults: int
    flags: int = 0


@dataclass(frozen=True, slots=True)
class GateSettings:
    confidence: float = 0.9
    """Of the one-sided lower bound."""
    invalid_more: float = 0.02
    tokens_more: float = 0.25
    turns_more: float = 0.2
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    champion: float
    candidate: float
    holds: bool


@dataclass(frozen=True, slots=True)
class GateReport:
    decision: Literal["promote", "reject", "too few"]
    reason: str
    briefs: int
    gain: float
    """Mean difference of scores, candidate less champion."""
    lower: float
    guards: tuple[Guard, ...] = ()


def decide_gate(
    champion: Sequence[SiteResult], candidate: Sequence[SiteResult], settings: GateSettings | None = None
) -> GateReport:
    """Raises ValueError where the arms did not make the same briefs with the same seeds."""
    its = settings or GateSettings()
    if _pairs(champion) != _pairs(candidate) or len(_pairs(champion)) != len(champion):
        raise ValueError("the arms did not make the same briefs with the same seeds, each once")
    differences = brief_differences(champion, candidate)
    if len(differences) < FEWEST_BRIEFS:
        why = f"{len(differences)} held-out briefs are too few to tell; {FEWEST_BRIEFS} are needed"
        return GateReport("too few", why, len(differences), fmean(differences) if differences else 0.0, 0.0)
    level = 2 * its.confidence - 1  # one-sided: both tails of this level have the same size
    lower, _ = bootstrap_interval(differences, its.seed, level=level)
    guards = guarded(champion, candidate, its)
    failed = [guard.name for guard in guards if not guard.holds]
    gain = fmean(differences)
    said = f"gain {gain:+.2f} of 10 on {len(differences)} briefs, lower bound {lower:+.2f}"
    if lower <= 0:
        return GateReport("reject", f"{said}: not surely better", len(differences), gain, lower, guards)
    if failed:
        return GateReport("reject", f"{said}, but worse: {', '.join(failed)}", len(differences), gain, lower, guards)
    return GateReport("promote", said, len(differences), gain, lower, guards)


def brief_differences(champion: Sequence[SiteResult], candidate: Sequence[SiteResult]) -> list[float]:
    """Candidate less champion, the mean over seeds of each brief, in the order of the briefs' names."""
    before = {(one.brief, one.seed): one.score for one in champion}
    found: dict[str, list[float]] = defaultdict(list)
    for one in candidate:
        found[one.brief].append(one.score - before[one.brief, one.seed])
    return [fmean(found[brief]) for brief in sorted(found)]


def guarded(champion: Sequence[SiteResult], candidate: Sequence[SiteResult], its: GateSettings) -> tuple[Guard, ...]:
    def guard(name: str, measure: Callable[[SiteResult], float], allowed: Callable[[float], float]) -> Guard:
        old, new = fmean(map(measure, champion)), fmean(map(measure, candidate))
        return Guard(name, old, new, new <= allowed(old) + 1e-9)

    return (
        guard("sites without a page", lambda one: not one.is_valid, lambda old: old + its.invalid_more),
        guard("malformed turns", lambda one: one.malformed / max(one.turns, 1), lambda old: old),
        guard("tokens per site", lambda one: one.tokens, lambda old: old * (1 + its.tokens_more)),
        guard("turns per site", lambda one: one.turns, lambda old: old * (1 + its.turns_more)),
        guard("faults found on the page", lambda one: one.static_faults, lambda old: old),
        guard("texts that speak to the judge", lambda one: one.flags, lambda old: old),
    )


def _pairs(results: Sequence[SiteResult]) -> set[tuple[str, int]]:
    return {(one.brief, one.seed) for one in results}
