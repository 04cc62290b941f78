"""What the coder is told about a step, and in what order: what stops the site first, taste last. Never a score."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.prompts import fill
from appliance.steps import Finding, Observation, RunRequest, Step

_ORDER = (
    "http-status",
    "error-overlay",
    "exception",
    "blank",
    "unstyled",
    "console-error",
    "request-failed",
    "external-url",
    "broken-image",
    "colour-missing",
    "placeholder-text",
    "overflow",
    "empty-control",
    "dead-anchor",
    "contrast",
)
_LOG_LINES = 30


def by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Most urgent first; of one urgency in the order they were found."""
    weight = {"error": 0, "serious": 1, "minor": 2}
    rank = {kind: n for n, kind in enumerate(_ORDER)}
    return sorted(findings, key=lambda finding: (weight[finding.severity], rank.get(finding.kind, len(_ORDER))))


def finding_key(finding: Finding) -> str:
    """The same defect has the same key in the next step."""
    return f"{finding.kind} {finding.place}"


def describe(finding: Finding) -> str:
    place = f" at {finding.place}" if finding.place else ""
    return f"{finding.kind.replace('-', ' ')}{place}: {finding.evidence}"


def report(observation: Observation, problems: Iterable[str] = ()) -> str:
    """The step in words, for the coder and for the log a user reads."""
    lines = [f"- {problem}" for problem in problems]
    if observation.error:
        lines.append(f"The step failed ({observation.stage}): {observation.error}")
    if observation.log:
        lines.append("\n".join(observation.log.strip().splitlines()[-_LOG_LINES:]))
    lines += [f"- {note}" for note in observation.notes]
    if observation.audit:
        found = by_urgency(observation.audit.findings)
        lines += [f"- {describe(finding)}" for finding in found[:8]]
        if not found:
            lines.append("The page opened without a problem.")
    return "\n".join(lines)


def feedback(step: Step, request: RunRequest, problems: Iterable[str] = ()) -> str:
    """The user turn after a step of the stepwise conversation."""
    urgent = step.observation.error or step.has_error
    ask = (
        "Mend these problems first."
        if urgent
        else "If you are satisfied and no problem is left, answer only <finish/>. Otherwise improve the site."
    )
    return fill(
        "feedback",
        report=report(step.observation, problems),
        request=ask,
        brief=request.brief,
        reminder="Write files whole or as exact edits, with nothing left out.",
    )
