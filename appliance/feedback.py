"""What the coder is told about a step, and in what order: what stops the site first, taste last. Never a score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from appliance.findings import all_findings, describe
from appliance.prompts import fill
from appliance.steps import ChecklistItem, Observation, RunRequest, Step

_LOG_LINES = 30


def report(observation: Observation, items: Sequence[ChecklistItem], problems: Iterable[str] = ()) -> str:
    """The step in words, for the coder and for the log a user reads."""
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
    return "\n".join(lines)


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
        report=report(step.observation, items, problems),
        request=ask,
        brief=request.brief,
        reminder="Write files whole or as exact edits, with nothing left out.",
    )
