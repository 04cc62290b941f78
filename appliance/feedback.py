"""What the coder is told about a step, and in what order: what stops the site first, taste last. Never a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from appliance.findings import all_findings, describe
from appliance.prompts import fill
from appliance.steps import ChecklistItem, Observation, RunRequest, Scores, Step

_LOG_LINES = 30


def report(
    observation: Observation,
    items: Sequence[ChecklistItem],
    problems: Iterable[str] = (),
    scores: Scores | None = None,
) -> str:
    """The step in words, for the coder and for the log a user reads; of scores only the words of who looked."""
    lines = [f"- {problem}" for problem in problems]
    if observation.error:
        lines.append(f"The step failed ({observation.stage}): {observation.error}")
    if observation.log:
        lines.append("\n".join(observation.log.strip().splitlines()[-_LOG_LINES:]))
    lines += [f"- {note}" for note in observation.notes]
    if observation.audit:
        found = all_findings(observation, items)
        lines += [f"- {describe(finding)}" for finding in found[:8]]
        if not found:
            lines.append("The page opened without a problem.")
        lines += _opinions(observation, scores) if scores else ()
    return "\n".join(lines)


def _opinions(observation: Observation, scores: Scores) -> Iterator[str]:
    """Taste, so it comes last. Each suggestion is one sentence or a few by a judge that saw or tried the page."""
    if scores.appearance.seen:
        yield f"What the page looks like: {scores.appearance.seen}"
    if scores.appearance.suggestion:
        yield f"To improve its look: {scores.appearance.suggestion}"
    if observation.gui_grade is not None and not observation.error:
        yield observation.gui_grade.suggestion or "The GUI test was successful; nothing to improve."


def feedback(step: Step, request: RunRequest, items: Sequence[ChecklistItem] = (), problems: Iterable[str] = ()) -> str:
    """The user turn after a step of the stepwise conversation."""
    urgent = step.observation.error or step.has_error
    ask = (
        "Mend these problems first."
        if urgent
        else "If you are satisfied and no problem is left, answer only <finish/>. Otherwise improve the site."
    )
    return fill(
        "feedback",
        report=report(step.observation, items, problems, step.scores),
        request=ask,
        brief=request.brief,
        reminder="Write files whole or as exact edits, with nothing left out.",
    )
