"""What to do next, and which step is best. Pure: steps in, a Decision out.

`FAITHFUL` follows the paper's reference exactly (METHOD §1.6 and §4); `FIXED` repairs what is wrong in it. The repairs
that live here: a score that was not measured stays below every number instead of counting as 0; an error is a failed
stage or an uncaught exception, never the word "error" in a log; a step that breaks costs that step and nothing else,
be it the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.steps import Backtrack, Continue, Decision, Grade, Observation, Scores, Step, Stop


@dataclass(frozen=True, slots=True)
class Rules:
    """How steps are weighed. `null_is_zero` and `error_word` are the reference's habits."""

    steps: int = 8
    token_budget: int = 0
    """Completion tokens after which no further step begins; 0 means no limit."""
    errors_in_a_row: int = 5
    rejected_on_one: int = 8
    """Repairs of one step that may be rejected before another start is taken."""
    starts: int = 2
    """Drafts that are worked on; the repairs of a third one were never worth their tokens."""
    good_appearance: float = 2.0
    gui_first: bool = False
    """Rank by functionality and only then by appearance, as the reference does; otherwise by their sum, which is also
    the reward of a step."""
    poor_appearance: float = 2.0
    null_is_zero: bool = False
    error_word: bool = False
    strict_reading: bool = False
    """Read replies as the reference does: exact spelling only, entities always unescaped."""
    breaks: int = 5
    """Broken steps that a run survives; the next one ends it."""
    restart_sticks: bool = False
    """After one broken step every further one first goes back to the best, as in the reference, which never forgets."""
    first_may_break: bool = True
    """The reference has no best step to go back to before there is one, and dies."""
    tells_looks: bool = True
    """What the coder is told of a step beside whether it ran. Off only where the method's parts are measured."""
    tells_use: bool = True
    backtracks: bool = True
    lossy_snapshots: bool = False
    """Keep files as the reference does: no lockfiles, and every byte that is no UTF-8 text replaced."""


FIXED = Rules()
FAITHFUL = Rules(
    steps=20,
    good_appearance=3.0,
    gui_first=True,
    null_is_zero=True,
    error_word=True,
    strict_reading=True,
    restart_sticks=True,
    first_may_break=False,
    lossy_snapshots=True,
)


def decide(steps: Sequence[Step], tip: int | None, rules: Rules) -> Decision:
    """Steps in order of `n`; `tip` is the step the next one would start from, None for the empty workspace."""
    if len(steps) >= rules.steps:
        return Stop("step limit")
    if rules.token_budget and sum(step.usage.completion_tokens for step in steps) >= rules.token_budget:
        return Stop("token budget")
    if steps and steps[-1].signal == "finish":
        return Stop("finished")
    if not rules.backtracks:
        return Continue()
    broken = rules.restart_sticks and any(step.signal == "broke" for step in steps)
    if broken or errors_in_a_row(steps, tip) >= rules.errors_in_a_row:
        best = best_valid(steps, rules)
        to = best.n if best else None
        return Continue() if to == tip else Backtrack(to)
    return Continue()


def errors_in_a_row(steps: Sequence[Step], tip: int | None) -> int:
    """Error steps in one stretch, walking from the tip towards the root."""
    by_n = {step.n: step for step in steps}
    count = 0
    while tip is not None and by_n[tip].has_error:
        count, tip = count + 1, by_n[tip].parent
    return count


def best_step(steps: Sequence[Step], rules: Rules) -> Step | None:
    """The step to deliver: the best valid one, else the best of all that show a page; None when no step does."""
    return best_valid(steps, rules) or max(
        (step for step in steps if shows_page(step)), key=lambda step: _rank(step, rules), default=None
    )


def deliverable(steps: Sequence[Step], rules: Rules) -> Step | None:
    """Select-best over all steps that were not rejected; None when none shows a page."""
    return best_step([step for step in steps if step.verdict == "kept"], rules)


def best_valid(steps: Sequence[Step], rules: Rules) -> Step | None:
    """The best step without an error and with a good appearance."""
    good = [
        step
        for step in steps
        if not step.has_error and shows_page(step) and _number(step.scores.appearance, rules) >= rules.good_appearance
    ]
    return max(good, key=lambda step: _rank(step, rules), default=None)


def shows_page(step: Step) -> bool:
    """True when the page was opened and is not blank: the least that may be delivered."""
    return step.observation.stage == "done" and step.scores.appearance.score != 0


def is_error(observation: Observation, scores: Scores, rules: Rules) -> bool:
    """Whether a step counts as an error step."""
    failed = bool(observation.error) or (observation.audit is not None and observation.audit.has_error)
    if rules.error_word:
        failed = failed or "error" in observation.log.lower()
    poor = scores.appearance.score is not None or rules.null_is_zero
    return failed or (poor and _number(scores.appearance, rules) <= rules.poor_appearance)


def _number(grade: Grade, rules: Rules) -> float:
    if grade.score is None:
        return 0.0 if rules.null_is_zero else -1.0
    return grade.score


def merit(step: Step, rules: Rules) -> float:
    """Both scores together; what was not measured stays below every number."""
    return _number(step.scores.functionality, rules) + _number(step.scores.appearance, rules)


def _rank(step: Step, rules: Rules) -> tuple[float, float, int]:
    """Of equals the later one."""
    functionality = _number(step.scores.functionality, rules)
    if rules.gui_first:
        return functionality, _number(step.scores.appearance, rules), step.n
    return merit(step, rules), functionality, step.n


def lineage(steps: Sequence[Step], n: int | None) -> list[Step]:
    """The trajectory from the root to step `n`, oldest first."""
    by_n = {step.n: step for step in steps}
    chain: list[Step] = []
    while n is not None:
        chain.append(by_n[n])
        n = by_n[n].parent
    return chain[::-1]
