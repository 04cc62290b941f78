"""Findings in the order in which they are worth mending, and in words."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.steps import Finding

_ORDER = (
    "http-status",
    "error-overlay",
    "exception",
    "unmeasurable",
    "blank",
    "unstyled",
    "console-error",
    "request-failed",
    "external-url",
    "broken-image",
    "colour-missing",
    "placeholder-text",
    "overlap",
    "overflow",
    "spill",
    "empty-control",
    "dead-anchor",
    "contrast",
    "default-font",
    "default-control",
)


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
