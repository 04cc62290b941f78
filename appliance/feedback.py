"""What the coder is told about a step, and in what order: what stops the site first, taste last. Never a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from appliance.decide import FIXED, Rules
from appliance.findings import all_findings, describe
from appliance.prompts import fill
from appliance.steps import ChecklistItem, Observation, RunRequest, Scores, Step

_LOG_LINES = 30


def report(
    observation: Observation,
    items: Sequence[ChecklistItem],
    problems: Iterable[str] = (),
    scores: Scores | None = None,
    *,
    looks: bool = True,
    use: bool = True,
) -> str:
    """The step in words, for the coder and for the log a user reads; of scores only the words of who looked.

    Without `looks` nothing of what the page looks like is told, without `use` nothing of what came of using it."""
    lines = [f"- {problem}" for problem in problems]
    if observation.error:
        lines.append(f"The step failed ({observation.stage}): {observation.error}")
    if observation.log:
        lines.append("\n".join(observation.log.strip().splitlines()[-_LOG_LINES:]))
    lines += [f"- {note}" for note in observation.notes]
    if observation.audit:
        found = all_findings(_told(observation, looks, use), items)
        lines += [f"- {describe(finding)}" for finding in found[:8]]
        if not found:
            lines.append("The page opened without a problem.")
        lines += _opinions(observation, scores, looks, use) if scores else ()
    return "\n".join(lines)


def _told(observation: Observation, looks: bool, use: bool) -> Observation:
    if not use:
        observation = replace(observation, exploration=None, verdicts=(), regressions=())
    if not looks and observation.audit:
        errors = tuple(finding for finding in observation.audit.findings if finding.severity == "error")
        observation = replace(observation, audit=replace(observation.audit, findings=errors))
    return observation


def _opinions(observation: Observation, scores: Scores, looks: bool, use: bool) -> Iterator[str]:
    """Taste, so it comes last. Each suggestion is one sentence or a few by a judge that saw or tried the page."""
    if looks and scores.appearance.seen:
        yield f"What the page looks like: {scores.appearance.seen}"
    if looks and scores.appearance.suggestion:
        yield f"To improve its look: {scores.appearance.suggestion}"
    if use and observation.gui_grade is not None and not observation.error:
        yield observation.gui_grade.suggestion or "The GUI test was successful; nothing to improve."


def feedback(
    step: Step,
    request: RunRequest,
    items: Sequence[ChecklistItem] = (),
    problems: Iterable[str] = (),
    rules: Rules = FIXED,
) -> str:
    """The user turn after a step of the stepwise conversation."""
    urgent = step.observation.error or (step.has_error and rules.tells_looks)
    ask = (
        "Mend these problems first."
        if urgent
        else "If you are satisfied and no problem is left, answer only <finish/>. Otherwise improve the site."
    )
    return fill(
        "feedback",
        report=report(step.observation, items, problems, step.scores, looks=rules.tells_looks, use=rules.tells_use),
        request=ask,
        brief=request.brief,
        reminder="Write files whole or as exact edits, with nothing left out.",
    )
