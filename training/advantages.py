"""How much better than its group each step was: step-level group advantages. Pure.

The pool of one brief is all scored steps of all its trajectories: `A = (r − mean) / std`, `std` with n − 1 (Step-GRPO,
arXiv 2509.22644). Here a pool of one step teaches nothing, a floor keeps judge noise from being blown up to size 1, and
unscored steps neither get an advantage nor move the mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from training.rewards import StepReward

EPSILON = 1e-6

Trajectory = Sequence[StepReward]
Outcome = Literal["trained", "no signal", "too few"]


@dataclass(frozen=True, slots=True)
class AdvantageSettings:
    """`scale`: what the difference is divided by; `batch` takes the standard deviation of all groups of the update."""

    scale: Literal["group_floor", "group", "batch", "none"] = "group_floor"
    floor: float = 1.0
    """On the scale of rewards, 0 to 10."""
    gui_missing: Literal["zero", "decoupled"] = "zero"
    """`decoupled` normalises looks and works each over the steps that have it (GDPO, arXiv 2601.05242)."""
    baseline: Literal["pool", "step_index"] = "pool"
    credit: Literal["step", "cumulative", "outcome", "accept"] = "step"
    """`accept` takes the reward itself: for steps that were chosen to be imitated."""
    single: Literal["zero", "reference"] = "zero"
    """What a pool of one step gets."""


@dataclass(frozen=True, slots=True)
class GroupAdvantages:
    """`values[i][k]` belongs to step k of trajectory i; None where the step is masked out of the loss."""

    values: tuple[tuple[float | None, ...], ...]
    outcome: Outcome


def group_advantages(
    group: Sequence[Trajectory], settings: AdvantageSettings | None = None, batch_std: float | None = None
) -> GroupAdvantages:
    """The advantages of one brief's trajectories. Raises ValueError where `scale` is `batch` and no `batch_std` came.

    A group in which fewer than two trajectories have a scored step, or all rewards are equal, is not trained on.
    """
    its = settings or AdvantageSettings()
    if its.scale == "batch" and batch_std is None:
        raise ValueError("scale “batch” needs the standard deviation of the whole update")
    totals = [[step.total for step in trajectory] for trajectory in group]
    pool = [total for one in totals for total in one if total is not None]
    if its.credit == "accept":
        return GroupAdvantages(_each(totals, lambda total: total), "trained" if pool else "too few")
    if len(pool) == 1 and its.single == "reference":
        return GroupAdvantages(_each(totals, lambda total: total / (1 + EPSILON)), "trained")
    if sum(any(total is not None for total in one) for one in totals) < 2:
        return GroupAdvantages(_each(totals, lambda _: 0.0), "too few")
    if min(pool) == max(pool):
        return GroupAdvantages(_each(totals, lambda _: 0.0), "no signal")
    match its.credit:
        case "outcome":
            values = _by_outcome(totals, its, batch_std)
        case _ if its.gui_missing == "decoupled":
            values = _decoupled(group, its, batch_std)
        case _:
            values = _by_step(totals, its, batch_std)
    return GroupAdvantages(_to_come(values) if its.credit == "cumulative" else values, "trained")


def batch_deviation(groups: Sequence[Sequence[Trajectory]]) -> float:
    """The standard deviation of rewards about their own group's mean, over all groups of an update."""
    apart: list[float] = []
    for group in groups:
        pool = [step.total for trajectory in group for step in trajectory if step.total is not None]
        apart += [total - fmean(pool) for total in pool]
    return stdev(apart) if len(apart) > 1 else 1.0


Values = tuple[tuple[float | None, ...], ...]


def _by_step(totals: Sequence[Sequence[float | None]], its: AdvantageSettings, batch_std: float | None) -> Values:
    pool = [total for one in totals for total in one if total is not None]
    middle, by = fmean(pool), _divisor(pool, its, batch_std)
    if its.baseline == "pool":
        return _each(totals, lambda total: (total - middle) / by)
    columns = [
        [total for one in totals for total in one[k : k + 1] if total is not None] for k in range(max(map(len, totals)))
    ]
    # A step that only one trajectory reached has nobody to be compared with but the pool.
    means = [fmean(column) if len(column) > 1 else middle for column in columns]
    return tuple(
        tuple(None if total is None else (total - means[k]) / by for k, total in enumerate(one)) for one in totals
    )


def _by_outcome(totals: Sequence[Sequence[float | None]], its: AdvantageSettings, batch_std: float | None) -> Values:
    """The best step stands for its whole trajectory: outcome GRPO, for comparison."""
    best = [max((total for total in one if total is not None), default=None) for one in totals]
    pool = [total for total in best if total is not None]
    middle, by = fmean(pool), _divisor(pool, its, batch_std)
    return tuple(
        tuple(None if total is None or top is None else (top - middle) / by for total in one)
        for top, one in zip(best, totals, strict=True)
    )


def _decoupled(group: Sequence[Trajectory], its: AdvantageSettings, batch_std: float | None) -> Values:
    """Each part against the steps that have it; a missing part says nothing, malformed output keeps its penalty."""

    def pooled(values: Iterable[float | None]) -> tuple[float, float]:
        pool = [value for value in values if value is not None]
        return (fmean(pool), _divisor(pool, its, batch_std)) if len(pool) > 1 else (0.0, math.inf)

    looks = pooled(step.looks for one in group for step in one)
    works = pooled(step.works for one in group for step in one)

    def one_step(step: StepReward) -> float | None:
        if step.total is None or step.is_malformed:
            return step.total
        parts = ((step.looks, *looks), (step.works, *works))
        return sum((value - middle) / by for value, middle, by in parts if value is not None)

    return tuple(tuple(one_step(step) for step in one) for one in group)


def _divisor(pool: Sequence[float], its: AdvantageSettings, batch_std: float | None) -> float:
    own = stdev(pool) if len(pool) > 1 else 1.0
    match its.scale:
        case "none":
            return 1.0
        case "batch":
            assert batch_std is not None
            return batch_std + EPSILON
        case "group":
            return own + EPSILON
        case "group_floor":
            return max(own, its.floor)


def _each(totals: Sequence[Sequence[float | None]], value: Callable[[float], float]) -> Values:
    return tuple(tuple(None if total is None else value(total) for total in one) for one in totals)


def _to_come(values: Values) -> Values:
    """Each step's advantage plus those of the steps after it."""
    return tuple(
        tuple(
            None if value is None else value + sum(later for later in one[k + 1 :] if later is not None)
            for k, value in enumerate(one)
        )
        for one in values
    )
