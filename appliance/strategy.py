"""The next move of a run, from its steps alone. Pure, so that a resumed run goes on exactly where it stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.decide import Rules, best_step, decide, lineage, merit, shows_page
from appliance.findings import CHECKLIST, EMPTY_SECTION, FILLER, NUMBERED, all_findings, bare_lists, finding_key
from appliance.profiles import Profile
from appliance.steps import Backtrack, ChecklistItem, Continue, Finding, Step, Stop

TRIES_PER_FINDING = 2
ALIKE_AT_ONCE = 6
SMALL_BUT_MENDED = ("dead-anchor", "spill", "default-font", "default-control", "tap-target")


@dataclass(frozen=True, slots=True)
class Draft:
    """Write these steps as independent drafts of one start."""

    ns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mend:
    """Repair one kind of finding of the tip at the smallest scope; the first of them names it."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """Go on with the conversation."""


Move = Draft | Mend | Turn | Backtrack | Stop


def next_move(
    steps: Sequence[Step],
    tip: int | None,
    profile: Profile,
    drafts: int,
    rules: Rules,
    items: Sequence[ChecklistItem] = (),
) -> Move:
    match decide(steps, tip, rules):
        case Stop() as stop:
            return stop
        case _ if profile.strategy == "drafts":
            # Kept repairs made the page better, faulty as it still is: no bad stretch to leave.
            return _drafts_then_repairs(steps, tip, drafts, rules, items)
        case Backtrack() as back:
            return back
        case Continue():
            return Turn()


def _drafts_then_repairs(
    steps: Sequence[Step], tip: int | None, drafts: int, rules: Rules, items: Sequence[ChecklistItem]
) -> Move:
    drafted = [step for step in steps if step.kind == "draft"]
    missing = _missing_drafts(steps, drafted, drafts, rules)
    if missing:
        return Draft(missing)
    if tip is None:
        best = best_step(steps, rules)
        assert best is not None  # else drafts were missing
        return Backtrack(best.n)
    if _rejected_on(steps, tip) >= rules.rejected_on_one:
        return _another_start(steps, tip, rules, Stop("no repair helped"))
    findings = next_findings(steps, tip, items)
    if findings:
        return Mend(findings)
    done = Stop("nothing left to mend")
    best = best_step([step for step in steps if step.verdict == "kept"], rules)
    without_fault = best is not None and best.n == tip and not _known_faults(steps, tip, items)
    # The same repairs of a draft that was worse would seldom end above a page without a fault.
    return done if without_fault else _another_start(steps, tip, rules, done)


def _known_faults(steps: Sequence[Step], tip: int, items: Sequence[ChecklistItem]) -> list[Finding]:
    """What is worth a repair. Small faults that need an edit of one element were never mended by adding to the page
    (measured on the starter model), and cost as many tokens as a section."""
    found = all_findings(next(step for step in steps if step.n == tip).observation, items)
    return [
        finding for finding in found if finding.severity != "minor" or finding.kind in (CHECKLIST, *SMALL_BUT_MENDED)
    ]


def _missing_drafts(steps: Sequence[Step], drafted: Sequence[Step], drafts: int, rules: Rules) -> tuple[int, ...]:
    """The first batch until it is complete; another one as long as no draft shows a page."""
    wanted = drafts
    while wanted <= len(drafted) and not any(shows_page(step) for step in drafted[:wanted]):
        wanted += drafts
    room = rules.steps - len(steps)
    return tuple(len(steps) + 1 + i for i in range(min(max(wanted - len(drafted), 0), room)))


def _rejected_on(steps: Sequence[Step], tip: int) -> int:
    return sum(step.parent == tip and step.verdict == "rejected" for step in steps)


def _another_start(steps: Sequence[Step], tip: int, rules: Rules, otherwise: Stop) -> Move:
    """Go to the best draft that was not yet worked on."""
    used = {step.n for step in lineage(steps, tip)} | {step.parent for step in steps}
    fresh = [step for step in steps if step.kind == "draft" and step.n not in used and shows_page(step)]
    worked_on = {step.parent for step in steps} & {step.n for step in steps if step.kind == "draft"}
    if not fresh or len(worked_on) >= rules.starts:
        return otherwise
    return Backtrack(max(fresh, key=lambda step: merit(step, rules)).n)


def next_findings(steps: Sequence[Step], tip: int, items: Sequence[ChecklistItem]) -> tuple[Finding, ...]:
    """The most urgent finding of the tip that was not tried often enough in vain, and the others of its kind."""
    tried = Counter(step.finding_key for step in steps if step.verdict == "rejected")
    # A section that was kept for its looks and did not do what was asked was a try too: a second one reads the same.
    tried += Counter(step.finding_key for step in lineage(steps, tip) if step.finding_key.startswith(CHECKLIST))
    findings = _known_faults(steps, tip, items)
    first = next((finding for finding in findings if tried[finding_key(finding)] < TRIES_PER_FINDING), None)
    if first is None:
        return _facts_wish(steps, tip, tried) or (() if findings else _wish(steps, tip, tried))
    if first.kind in (CHECKLIST, EMPTY_SECTION):  # each is a section of its own
        return (first,)
    alike = [finding for finding in findings if finding.kind == first.kind and finding != first]
    return (first, *alike[: ALIKE_AT_ONCE - 1])


def _facts_wish(steps: Sequence[Step], tip: int, tried: Counter[str]) -> tuple[Finding, ...]:
    """A list whose entries tell nothing exact."""
    audit = next(step for step in steps if step.n == tip).observation.audit
    lists = bare_lists(audit) if audit else []
    return next(((one,) for one in lists if tried[finding_key(one)] < TRIES_PER_FINDING), ())


def _wish(steps: Sequence[Step], tip: int, tried: Counter[str]) -> tuple[Finding, ...]:
    """A page without a fault: what the judge would like to see more of."""
    step = next(step for step in steps if step.n == tip)
    suggestion = step.scores.appearance.suggestion
    if step.observation.audit and any(found.evidence in suggestion for found in step.observation.audit.findings):
        return ()  # about a fault that was let be, and more content does not mend it
    wish = Finding("suggestion", "", suggestion, "minor")
    return (wish,) if suggestion and tried[finding_key(wish)] < TRIES_PER_FINDING else ()


def owes_words(step: Step, before: Step) -> bool:
    """Whether it does more than the step before, and looks worse by nothing but words that the next repairs write:
    else a section that works is lost for one line of filler in it."""
    audits = (step.observation.audit, before.observation.audit)
    now, then = (Counter(finding.kind for finding in (audit.findings if audit else ())) for audit in audits)
    more = (step.scores.functionality.score or 0.0) > (before.scores.functionality.score or 0.0)
    owed = (now - then).keys()
    return more and bool(owed) and owed <= {FILLER, NUMBERED}
