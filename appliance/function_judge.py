"""The functionality judge that needs no model: a grade and verdicts computed from what the explorer saw happen.

No words of the page count, only what changed when it was used. What the explorer did not see is never proven.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from appliance.explorer_facts import COPIED, KINDS, speaks_of_order, word_set
from appliance.steps import Answer, Audit, ChecklistItem, Exploration, Fact, Grade, Verdict

JUDGE = "explorer@1"
UNJUDGED = "not judged: no qualified judge"

# The tables below are published in docs/explorer.md; a test keeps both equal.
BEST_POINTS = 5.0
FEW_FACTS = ((2, 40), (4, 60), (7, 80))
"""(facts, per cent of the points kept by a page with fewer), where the brief asks for function."""

_TASK_WORDS = word_set(
    "a address all an and any as at attempt button by can check click correctly data detail do each enter field fill"
    " filling for form from function functionality if in info information input inputting into is it its make new of on"
    " or page please press reload sample send sending site submission submit submitted submitting successfully test"
    " that the their them then this through to try use user using valid value verify via visitor website when with you"
    " your"
)
"""Words that tasks of any kind have; sharing one with a control tells nothing."""


def grade_function(exploration: Exploration, *, asks_for_function: bool) -> Grade:
    """5 × the weighted share of facts that hold. None where nothing can be exercised and nothing was asked for."""
    facts = [fact for fact in exploration.facts if KINDS[fact.kind].weight]
    unfinished = (f"unfinished: {exploration.unfinished}",) if exploration.unfinished else ()
    if not facts:
        return _of_nothing(exploration, asks_for_function, unfinished)
    whole = sum(KINDS[fact.kind].weight for fact in facts)
    held = sum(KINDS[fact.kind].weight for fact in facts if fact.holds)
    score = BEST_POINTS * held / whole
    few = next((kept for limit, kept in FEW_FACTS if len(facts) < limit), 100) if asks_for_function else 100
    failed = [fact for fact in facts if not fact.holds]
    return Grade(
        round(score * few / 100, 2),
        _reason(facts, failed, few),
        JUDGE,
        f"{failed[0].place}: {failed[0].evidence}" if failed else "",
        (*(_line(fact) for fact in failed[:12]), *unfinished),
    )


def _of_nothing(exploration: Exploration, asks_for_function: bool, unfinished: tuple[str, ...]) -> Grade:
    if exploration.unfinished:  # what was not tried may be there
        return Grade(None, f"not measured: {exploration.unfinished}", JUDGE, evidence=unfinished)
    if asks_for_function:
        fix = "Add the controls that the brief asks for and make them work."
        return Grade(
            0.0, "0 because the page offers nothing to use, and the brief asks for it.", JUDGE, fix, unfinished
        )
    return Grade(None, "the page offers nothing to use, and the brief asks for nothing", JUDGE, evidence=unfinished)


def _reason(facts: Sequence[Fact], failed: Sequence[Fact], few: int) -> str:
    said = f"{len(facts) - len(failed)} of {len(facts)} facts hold"
    if failed:
        said += "; failed: " + ", ".join(f"{fact.kind} at {fact.place}" for fact in failed[:4])
        said += f" and {len(failed) - 4} more" if len(failed) > 4 else ""
    return said + (f"; little to use −{100 - few} %" if few < 100 else "") + "."


def _line(fact: Fact) -> str:
    return f"{fact.kind} {fact.place}: {fact.evidence}"


def prove(items: Sequence[ChecklistItem], exploration: Exploration | None, audit: Audit | None) -> tuple[Verdict, ...]:
    """A verdict per item, in order: YES only by a fact of its proof about its subject, else NO or `unjudged`."""
    facts = exploration.facts if exploration else ()
    return tuple(_verdict(n, item, facts, audit) for n, item in enumerate(items))


def _verdict(n: int, item: ChecklistItem, facts: Sequence[Fact], audit: Audit | None) -> Verdict:
    match item.proof:
        case "none":
            answer, evidence = _unjudged()
        case "colour":
            answer, evidence = _by_colour(item, audit)
        case "shows-text":
            answer, evidence = _by_text(item, facts)
        case _:
            answer, evidence = _by_facts(item, facts)
    return Verdict(n, answer, JUDGE, evidence)


def _unjudged() -> tuple[Answer, str]:
    return "unjudged", UNJUDGED


def _by_facts(item: ChecklistItem, facts: Sequence[Fact]) -> tuple[Answer, str]:
    """Facts about another thing decide nothing; where some hold and some fail, the item holds in part."""
    about = [fact for fact in facts if fact.proof == item.proof and _is_meant(item, fact)]
    failed = [fact for fact in about if not fact.holds]
    if not about or (not item.subject and failed and len(failed) < len(about)):
        return _unjudged()
    if not failed:
        return "YES", _line(about[0])
    return ("NO" if len(failed) == len(about) else "PARTIAL"), _line(failed[0])


_ANSWERS = re.compile(r"\brepl(?:y|ies)|\bcomment", re.IGNORECASE)
"""What is said to something that stands there is not what stands there: a post is no reply."""

_TAKES = re.compile(
    r"\b(?:carts?|baskets?|(?:wish|watch|play) ?lists?|favou?rites?|bookmarks?)\b"
    r"|\b(?:to|into|in)\b[^.]{1,40}\b(?:bag|collection|itinerar(?:y|ies)|librar(?:y|ies)|list|order|planner|schedule|shelf)\b",
    re.IGNORECASE,
)
"""Where entries are put that stand there already. Elsewhere to add something is to bring something new."""


def _is_meant(item: ChecklistItem, fact: Fact) -> bool:
    """By the item's subject, else by a word of its task: a newsletter that works says nothing of ordering tickets."""
    words = word_set(f"{fact.subject} {fact.place}")
    if item.proof == "filter" and speaks_of_order(item.task) != speaks_of_order(fact.place):
        return False
    if _ANSWERS.search(item.task) and not _ANSWERS.search(f"{fact.subject} {fact.place}"):
        return False
    if COPIED in fact.evidence and not _TAKES.search(item.task):
        return False
    if item.subject or item.proof == "navigate":
        return all(_is_among(word, words) for word in word_set(item.subject))
    return any(_is_among(word, words) for word in word_set(item.task) - _TASK_WORDS)


def _is_among(word: str, words: Iterable[str]) -> bool:
    """`reservation` is spoken of where something is to `reserve`, and `booking` where it says `book`."""
    return any(word == other or word[: _root(word, other)] == other[: _root(word, other)] for other in words)


def _root(word: str, other: str) -> int:
    """How many first letters two words of one root share at least."""
    return max(4, min(len(word), len(other)) - 1)


def _by_text(item: ChecklistItem, facts: Sequence[Fact]) -> tuple[Answer, str]:
    """Words that the item quotes count where something reads exactly so. What the item only speaks of must be shown,
    not named: a link or heading that names it is no proof of content (coverage.py looks below the headings)."""
    wanted = _normal(item.subject)
    if len(wanted) < 3 or not re.search(rf"[\"“'‘]{re.escape(wanted)}[\"”'’]", _normal(f"{item.task} {item.expected}")):
        return _unjudged()
    shown = [fact for fact in facts if fact.kind == "shows-text" and fact.holds and _normal(fact.evidence) == wanted]
    return ("YES", f'{shown[0].place} reads "{shown[0].evidence}"') if shown else _unjudged()


def _by_colour(item: ChecklistItem, audit: Audit | None) -> tuple[Answer, str]:
    """Which of the brief's colours the item names is read from its own words; the audit says which are seen."""
    if audit is None or not audit.viewports:
        return _unjudged()
    words = _normal(f"{item.subject} {item.task} {item.expected}")
    named = [colour for colour in audit.colours_asked if _names(words, colour)]
    # "teal" stands in "dark teal": only the longest name is meant.
    named = [one for one in named if not any(one != more and _normal(one) in _normal(more) for more in named)]
    if not named:
        return _unjudged()
    if any(viewport.blank for viewport in audit.viewports):
        return "NO", "the page is blank"
    missing = [colour for colour in named if colour not in audit.colours_found]
    if not missing:
        return "YES", f"seen on the page: {', '.join(named)}"
    answer: Answer = "NO" if len(missing) == len(named) else "PARTIAL"
    return answer, f"not seen on the page: {', '.join(missing)}"


def _names(words: str, colour: str) -> bool:
    close = re.sub(r"[\s-]", "", _normal(colour))
    return re.search(rf"(?<!\w){re.escape(_normal(colour))}(?!\w)", words) is not None or close in words.split()


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().casefold()
