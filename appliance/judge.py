"""The appearance judge that needs no model: a grade computed from the audit by a published table.

It reads measured facts only. Of the page's words it counts how many there are, and leaves out those that repeat the
brief or give the page marks, so that nothing written on a page can raise it but content. It does not see taste: the
best it gives is 4.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from appliance.steps import Audit, Finding, Grade


@dataclass(frozen=True, slots=True)
class Deduction:
    """What findings of one kind cost, in per cent of the points still left when they are counted."""

    kind: str
    first: int
    further: int
    """Each finding of the kind after the first."""
    fix: str
    """What the coder is told to do, after the place and the evidence."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most points that a page with this fact can reach."""

    fact: str
    points: float
    reason: str


# The tables below are published in docs/judges.md; a test keeps both equal.
CEILINGS = (
    Ceiling("unmeasurable", 0.0, "the page leaves or breaks while it is measured"),
    Ceiling("http-status", 0.0, "the page does not answer with a success status"),
    Ceiling("error-overlay", 0.0, "a build error covers the page"),
    Ceiling("blank", 0.0, "the page is blank"),
    Ceiling("exception", 2.0, "a script ends with an uncaught exception"),
    Ceiling("unstyled", 2.0, "no style sheet of the site has an effect"),
)
BEST_POINTS = 4.0

RICHNESS = ((40, 25), (150, 40), (300, 60), (500, 80), (800, 92))
"""(visible characters of text, per cent of the points kept by a page with fewer); enough text keeps all."""
FEW_BLOCKS = ((2, 75), (4, 88), (7, 95))
"""(headings, cards, lists, tables, forms and pictures seen, per cent kept by a page with fewer)."""

DEDUCTIONS = (
    Deduction("exception", 0, 8, "Mend the script at this place"),
    Deduction("unstyled", 0, 0, "Add a style sheet with layout, spacing, colours and fonts"),
    Deduction("placeholder-text", 35, 8, "Write real content in place of the placeholder"),
    Deduction("empty-section", 12, 4, "Fill the section or take its heading away"),
    Deduction("numbered-name", 4, 0, "Give each thing a name of its own"),
    Deduction("overlap", 22, 6, "Give the overlapping elements their own space"),
    Deduction("colour-missing", 16, 16, "Use the requested colour"),
    Deduction(
        "overflow", 16, 6, "Let the element shrink to the width of the screen (max-width: 100%, flex-wrap: wrap)"
    ),
    Deduction("spill", 6, 2, "Keep the control inside its box (box-sizing: border-box)"),
    Deduction("broken-image", 14, 4, "Name a picture that exists, such as kit/pictures/WORDS.svg"),
    Deduction("contrast", 12, 3, "Choose a text colour with more contrast against its background"),
    Deduction("default-font", 8, 0, "Choose a font family for the page"),
    Deduction("default-control", 6, 0, "Style the buttons and fields (padding, border, colours)"),
    Deduction("console-error", 8, 2, "Mend what the console reports"),
    Deduction("request-failed", 8, 2, "Deliver the file or remove the reference"),
    Deduction("external-url", 8, 2, "Write it without a network: nothing outside the site can be loaded"),
    Deduction("empty-control", 8, 2, "Give the control a text or an aria-label"),
    Deduction("dead-anchor", 5, 1, "Link to an existing section or page"),
    Deduction("label", 5, 1, "Give the field a label"),
    Deduction("image-alt", 3, 1, "Describe the picture in its alt attribute"),
    Deduction("duplicate-id", 3, 1, "Make the id unique"),
    Deduction("accessibility", 4, 1, "Mend what the accessibility rule names"),
    Deduction("tap-target", 3, 1, "Make the control at least 24 px high and wide"),
    Deduction("no-heading", 5, 0, "Give the page a visible h1"),
    Deduction("no-title", 3, 0, "Give the page a title element"),
    Deduction("missing-font", 3, 1, "Use a font family of kit/fonts.css"),
    Deduction("no-viewport", 3, 0, "Add the viewport meta element to the head"),
)

ECHO_CHARS = 30
"""A sentence of the brief that stands on the page and is this long counts as repeated."""
PADDING_CHARS = 150
"""The most that one sentence with marks takes away: headings before it may have run into it."""
_MARKS = re.compile(
    r"\baward[- ]winning\b|\b[0-5](?:\.\d)? ?(?:/|out of|of) ?5\b|\bfull marks\b|\btests? (?:have |has |are )?passed\b",
    re.IGNORECASE,
)


class RulesJudge:
    """`rules@1`: ceiling × richness × what each finding leaves."""

    name = "rules"
    version = 1

    @property
    def judge(self) -> str:
        return f"{self.name}@{self.version}"

    def grade(self, audit: Audit, brief: str, pictures: Mapping[str, bytes] | None = None) -> Grade:
        """The grade follows from the audit alone; what the brief asked for stands there as findings."""
        audit = replace(audit, text_chars=max(0, audit.text_chars - sum(_padding(audit.words, brief))))
        kinds = Counter(finding.kind for finding in audit.findings)
        reached = reached_ceilings(audit)
        ceiling = min((ceiling.points for ceiling in reached), default=BEST_POINTS)
        if ceiling == 0:
            worst = min(reached, key=lambda one: one.points)
            return Grade(0.0, f"0 because {worst.reason}.", self.judge, _first_fix(audit, worst.fact), _evidence(audit))
        costs = {deduction.kind: _kept(deduction, kinds[deduction.kind]) for deduction in DEDUCTIONS}
        score = ceiling * _richness(audit)
        for kept in costs.values():
            score *= kept
        return Grade(
            round(score, 2),
            _reason(audit, reached, costs),
            self.judge,
            _suggestion(audit, reached, costs),
            _evidence(audit),
        )


def reached_ceilings(audit: Audit) -> list[Ceiling]:
    """The exact facts that limit any judge's grade of this page."""
    kinds = Counter(finding.kind for finding in audit.findings)
    return [ceiling for ceiling in CEILINGS if _holds(ceiling.fact, audit, kinds)]


def functionality_unmeasured(reason: str) -> Grade:
    """The grade of a step whose functions nobody looked at."""
    return Grade(None, reason, "none")


def _holds(fact: str, audit: Audit, kinds: Counter[str]) -> bool:
    match fact:
        case "http-status":
            return audit.status is None or audit.status >= 400 or kinds[fact] > 0
        case "blank":
            return kinds[fact] > 0 or any(viewport.blank for viewport in audit.viewports)
        case "unstyled":
            return not audit.styled or kinds[fact] > 0
        case _:
            return kinds[fact] > 0


def _kept(deduction: Deduction, count: int) -> float:
    """The share of points left after `count` findings: every mended finding raises it."""
    if count == 0:
        return 1.0
    return (1 - deduction.first / 100) * float((1 - deduction.further / 100) ** (count - 1))


def _padding(words: str, brief: str) -> Iterator[int]:
    """Lengths of the sentences on the page that are no content of its own."""
    for sentence in _sentences(brief):
        if len(sentence) >= ECHO_CHARS and sentence in words:
            yield len(sentence)
    for sentence in _sentences(words):
        if _MARKS.search(sentence):
            yield min(len(sentence), PADDING_CHARS)


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", re.sub(r"\s+", " ", text).strip())


def _richness(audit: Audit) -> float:
    return _step(RICHNESS, audit.text_chars) * _step(FEW_BLOCKS, audit.blocks)


def _step(table: tuple[tuple[int, int], ...], amount: int) -> float:
    return next((kept / 100 for limit, kept in table if amount < limit), 1.0)


def _reason(audit: Audit, reached: list[Ceiling], costs: dict[str, float]) -> str:
    parts = [ceiling.reason for ceiling in reached]
    ranked = sorted((kept, kind) for kind, kept in costs.items() if kept < 1)
    parts += [f"{kind} −{round(100 * (1 - kept))} %" for kept, kind in ranked[:4]]
    if (rich := _richness(audit)) < 1:
        parts.append(
            f"little content ({audit.text_chars} characters, {audit.blocks} blocks) −{round(100 * (1 - rich))} %"
        )
    return ("; ".join(parts) if parts else "no fault was measured, taste was not seen") + "."


def _suggestion(audit: Audit, reached: list[Ceiling], costs: dict[str, float]) -> str:
    """The fix that gains most: a ceiling first, then the dearest kind of finding, then more content."""
    for ceiling in sorted(reached, key=lambda one: one.points):
        if fix := _first_fix(audit, ceiling.fact):
            return fix
    rich = _richness(audit)
    kept, kind = min(((kept, kind) for kind, kept in costs.items()), default=(1.0, ""))
    if rich < min(kept, 1.0):
        return "Add more real content: sections with headings, texts, cards or lists that the brief calls for."
    return _first_fix(audit, kind) if kept < 1 else ""


def _first_fix(audit: Audit, kind: str) -> str:
    fix = next((deduction.fix for deduction in DEDUCTIONS if deduction.kind == kind), "")
    finding = next((finding for finding in audit.findings if finding.kind == kind), None)
    if finding is None:
        return f"{fix}." if fix else ""
    return f"{fix + ': ' if fix else ''}{_place_and_evidence(finding)}."


def _place_and_evidence(finding: Finding) -> str:
    place, evidence = finding.place.strip(), finding.evidence.strip().rstrip(".")
    return f"{place}: {evidence}" if place and place not in evidence else evidence


def _evidence(audit: Audit) -> tuple[str, ...]:
    return tuple(f"{finding.kind} {_place_and_evidence(finding)}" for finding in audit.findings[:12])
