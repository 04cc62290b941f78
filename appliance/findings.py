"""Findings in the order in which they are worth mending, and in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from appliance.explorer_facts import findings_of
from appliance.list_facts import facts_of, names_deed
from appliance.steps import Audit, ChecklistItem, Finding, Heading, Observation, Severity

CHECKLIST = "checklist"
"""Kind of the finding that a checklist item does not hold; its place is `item` and the item's number."""

EMPTY_SECTION = "empty-section"
NUMBERED = "numbered-name"
FILLER = "placeholder-text"
BARE = "bare-entries"
"""Entries of a list that tell nothing exact: no fault that costs anything, a wish."""

_ORDER = (
    "http-status",
    "error-overlay",
    "exception",
    "unmeasurable",
    "blank",
    "regression",
    "submit-lost",
    "fake-success",
    CHECKLIST,
    "add-fails",
    "search-fails",
    "filter-fails",
    "complete-fails",
    "delete-fails",
    "edit-fails",
    "not-persisted",
    "placeholder-text",
    EMPTY_SECTION,
    NUMBERED,
    "focus-trap",
    "dead-control",
    "dead-link",
    "unstyled",
    "console-error",
    "request-failed",
    "external-url",
    "broken-image",
    "colour-missing",
    "overlap",
    "overflow",
    "spill",
    "empty-control",
    "dead-anchor",
    "contrast",
    "default-font",
    "default-control",
)


def all_findings(observation: Observation, items: Sequence[ChecklistItem]) -> list[Finding]:
    """All that is known to be wrong with a step, most urgent first; what nobody could judge comes late, as minor."""
    found = [*(observation.audit.findings if observation.audit else ()), *observation.regressions]
    if observation.exploration:
        found += findings_of(observation.exploration)
    for verdict in observation.verdicts:
        item = items[verdict.item]
        open_question = verdict.answer == "unjudged" and item.kind != "design"
        if verdict.answer == "NO" or open_question:
            severity: Severity = "minor" if open_question else "serious"
            found.append(Finding(CHECKLIST, f"item {verdict.item}", f"{item.task} ({verdict.evidence})", severity))
    return by_urgency(dict.fromkeys(found))


def bare_entries(audit: Audit) -> list[tuple[str, str]]:
    """(heading of the list, heading of the entry) of each thing, in the page's order."""
    found: list[tuple[str, str]] = []
    above: Heading | None = None
    for heading in audit.outline:
        if heading.bare and above and heading.level > above.level:
            if not names_deed(heading.text):
                found.append((above.text, heading.text))
        elif not heading.bare and heading.level < 4:
            above = heading
    return found


def bare_lists(audit: Audit) -> list[Finding]:
    """Lists of which two entries at least have a name and say nothing exact, though such things have it."""
    entries = [(title, name) for title, name in bare_entries(audit) if facts_of(title)]
    return [
        Finding(
            BARE, title, f"{len(names)} entries tell no figure, no price, date or number: {', '.join(names)}", "minor"
        )
        for title in dict.fromkeys(title for title, _ in entries)
        if len(names := [name for above, name in entries if above == title]) > 1
    ]


def item_number(finding: Finding) -> int:
    """Which checklist item a finding of kind `checklist` is about."""
    return int(finding.place.removeprefix("item "))


def promised_item(finding: Finding) -> ChecklistItem | None:
    """What a section that holds nothing promises by its heading, as a test that a new section can answer."""
    named = re.search(r'"(.+)"$', finding.evidence)
    if named is None:
        return None
    expected = "It stands on the page under a heading, with real content."
    return ChecklistItem(f"Look for {named[1]} on the page.", expected, "data-display", "shows-text", named[1].lower())


def by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Most urgent first; of one urgency in the order they were found."""
    weight = {"error": 0, "serious": 1, "minor": 2}
    rank = {kind: n for n, kind in enumerate(_ORDER)}
    return sorted(findings, key=lambda finding: (weight[finding.severity], rank.get(finding.kind, len(_ORDER))))


def finding_key(finding: Finding) -> str:
    """The same defect has the same key in the next step, also where other lines were added above it."""
    place = re.sub(r"(?::\d+)+$", "", finding.place)
    said = f" {finding.evidence[:80]}" if place != finding.place else ""
    return f"{finding.kind} {place}{said}"


def describe(finding: Finding) -> str:
    place = f" at {finding.place}" if finding.place else ""
    return f"{finding.kind.replace('-', ' ')}{place}: {finding.evidence}"
