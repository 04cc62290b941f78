"""What a step earned. Pure: grades in, a reward out; an infrastructure fault earns nothing and costs nothing.

`r = -1` for malformed output, else `w_looks × appearance + w_works × functionality` with both grades from 0 to 5
(Step-GRPO, arXiv 2509.22644, section 3.3). A page that does not build was graded 0: that is the policy's fault. A
sandbox, judge or browser that failed is not, and neither is a grade that is no number from 0 to 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BEST_GRADE = 5.0


@dataclass(frozen=True, slots=True)
class StepReward:
    """`total` is None for a step that cannot be blamed or praised. `looks` and `works` are its weighted parts, None
    where there is no grade; a malformed step has no parts."""

    total: float | None
    looks: float | None = None
    works: float | None = None
    is_malformed: bool = False


UNSCORED = StepReward(None)


@dataclass(frozen=True, slots=True)
class RewardSettings:
    looks_weight: float = 1.0
    works_weight: float = 1.0
    format_penalty: float = -1.0


def reward(
    appearance: float | None,
    functionality: float | None,
    *,
    is_malformed: bool = False,
    is_infra: bool = False,
    settings: RewardSettings | None = None,
) -> StepReward:
    """A missing grade adds 0, as in the reference; without any, or with an impossible one, the step is unscored."""
    its = settings or RewardSettings()
    if is_infra:
        return UNSCORED
    if is_malformed:
        return StepReward(its.format_penalty, is_malformed=True)
    grades = [grade for grade in (appearance, functionality) if grade is not None]
    if not grades or not all(math.isfinite(grade) and 0.0 <= grade <= BEST_GRADE for grade in grades):
        return UNSCORED
    looks = None if appearance is None else its.looks_weight * appearance
    works = None if functionality is None else its.works_weight * functionality
    return StepReward((looks or 0.0) + (works or 0.0), looks, works)
