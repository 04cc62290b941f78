"""Which trajectories are worth imitating: rejection sampling before any policy gradient. Pure.

The same loss then trains on them with advantage 1 and no ratio to speak of. A trajectory is cut at its best step, so
that stopping there is learned too; what was rejected on the way is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import fmean
from typing import Literal

from training.rewards import StepReward
from training.step_grpo import StepGroup, TrainStep

Stage = Literal["warm start", "step grpo"]
Lesson = Literal["imitate", "step grpo"]
Lessons = Literal["auto", "warm start", "step grpo", "both"]
ENOUGH_ACCEPTED = 300


@dataclass(frozen=True, slots=True)
class AcceptSettings:
    least_score: float = 7.0
    """Of 10, of the best step."""
    above_group: float = 1.0
    most_of_a_brief: int = 2
    most_alike: float = 0.9
    """Share of the tokens' order that two accepted replies of one brief may have in common."""


def accepted(groups: Sequence[StepGroup], settings: AcceptSettings | None = None) -> list[StepGroup]:
    """Groups of what is to be imitated, best first, each step with reward 1; empty groups are left out."""
    its = settings or AcceptSettings()
    found = []
    for group in groups:
        totals = [step.reward.total for one in group.trajectories for step in one if step.reward.total is not None]
        if not totals:
            continue
        chosen: list[tuple[TrainStep, ...]] = []
        for score, trajectory in sorted(map(_best, group.trajectories), key=lambda one: -one[0]):
            is_good = score >= its.least_score and score >= fmean(totals) + its.above_group
            if (
                is_good
                and len(chosen) < its.most_of_a_brief
                and not any(_alike(trajectory, one) > its.most_alike for one in chosen)
            ):
                chosen.append(trajectory)
        if chosen:
            found.append(StepGroup(group.name, tuple(chosen)))
    return found


def stage_of(accepted_so_far: int, nights_without_candidate: int, last_was_promoted: bool) -> Stage:
    """Imitation while there is little to learn from or while it still wins; again after two nights without a winner."""
    if accepted_so_far < ENOUGH_ACCEPTED or last_was_promoted or nights_without_candidate >= 2:
        return "warm start"
    return "step grpo"


def lessons_of(asked: Lessons, stage: Stage, updates: int, *, good: bool, groups: bool) -> tuple[Lesson, ...]:
    """What each update of a night does. `auto` follows the stage and learns from groups where nothing can be imitated;
    `both` imitates once and goes on from there. Empty where there is nothing to learn from in the way that was asked
    for."""
    grpo: tuple[Lesson, ...] = ("step grpo",) if groups else ()
    imitate: tuple[Lesson, ...] = ("imitate",) if good else ()
    if asked == "both":
        return (imitate + grpo * updates)[:updates]
    if asked == "step grpo" or (asked == "auto" and (stage == "step grpo" or not good)):
        return grpo * updates
    return imitate * updates


def _best(trajectory: Sequence[TrainStep]) -> tuple[float, tuple[TrainStep, ...]]:
    """The best step's score, and the steps up to it that raised the score, each worth 1."""
    kept: list[TrainStep] = []
    best = float("-inf")
    for step in trajectory:
        total = step.reward.total
        if step.reward.is_malformed or total is None or total <= best:
            continue
        best = total
        kept.append(TrainStep(StepReward(1.0), step.turns))
    return best, tuple(kept)


def _alike(one: Sequence[TrainStep], other: Sequence[TrainStep]) -> float:
    first, second = (
        [token for step in steps for turn in step.turns for token in turn.tokens] for steps in (one, other)
    )
    return SequenceMatcher(None, first, second, autojunk=False).ratio()
