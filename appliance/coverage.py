"""Whether a page has what a checklist item is about, by its headings and its visible words. Pure.

It answers for items that are to be *seen* (`shows-text`) and says NO where nothing on the page even names the thing.
What has to be *done* is the explorer's to prove: a section that names it and offers controls is PARTIAL at most.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.steps import Audit, ChecklistItem, Heading, Verdict

JUDGE = "audit@1"
ENOUGH_CHARS = 60
ENOUGH_BLOCKS = 3
NAMED_SHARE = 0.6
NAMED_SHARE_OF_DEEDS = 0.5
"""Less, because a task's verbs seldom stand in a heading."""

_DRAWN = re.compile(r"\b(?:charts?|graphs?|diagrams?|visuali[sz]ations?)\b", re.IGNORECASE)
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        """
        a able access accessible accurate accurately an and any are as at available be been browse browsing by can
        check clear clearly content contents correct correctly could current description detail detailed details
        different display displayed displaying displays each ensure every feature features find for from function
        functionalities functionality functions general has have if in information into introduction is it its learn
        list lists look may more must navigate navigation need needs new of offer offers on or other our overview
        own page pages per present presents provide provides providing read relevant section sections see shall
        should show showing shown shows site so support supports task test that the their them there these they this
        through to up use used user users using various verify via view viewing views visitor visitors was website
        well were when where which while who will with without work works you your
        """,
    )
)


def stems(text: str) -> tuple[str, ...]:
    """The words that carry meaning, without endings, each once, in order."""
    words = re.findall(r"[^\W\d_]{3,}", text.lower())
    return tuple(dict.fromkeys(_stem(word) for word in words if word not in _EMPTY))


def _stem(word: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ings", ""), ("ing", ""), ("ments", ""), ("ment", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)] + instead
    word = re.sub(r"(?<=[a-z]{3})(?:s|es|ed)$", "", word) if not word.endswith("ss") else word
    return word.removesuffix("e") if len(word) > 4 else word


def subject_of(item: ChecklistItem) -> tuple[str, ...]:
    return stems(item.subject) or stems(item.task)


def named_share(wanted: Sequence[str], text: str) -> float:
    """The share of the wanted words that the text has."""
    have = set(stems(text))
    return sum(word in have for word in wanted) / len(wanted) if wanted else 0.0


def covered(n: int, item: ChecklistItem, audit: Audit) -> Verdict:
    """Seen items: YES by a section that names them. Deeds: PARTIAL by such a one with controls. NO without a word."""
    wanted = subject_of(item)
    if not wanted:
        return Verdict(n, "unjudged", JUDGE, "not judged: the item names nothing that could be looked for")
    if item.proof == "shows-text" and _DRAWN.search(item.subject or item.task):
        return _drawn(n, audit)
    section = _section(wanted, audit, NAMED_SHARE if item.proof == "shows-text" else NAMED_SHARE_OF_DEEDS)
    if section is not None and item.proof == "shows-text" and not has_filler(audit):
        seen = f"below the heading “{section.text}” stand {section.blocks} blocks, {section.chars} characters"
        return Verdict(n, "YES", JUDGE, seen)
    if section is not None and section.controls:
        seen = f"“{section.text}” offers {section.controls} controls; whether they do what is meant was not judged"
        return Verdict(n, "PARTIAL", JUDGE, seen)
    if named_share(wanted, audit.words) == 0:
        return Verdict(n, "NO", JUDGE, f"no word of “{item.subject or item.task}” stands on the page")
    return Verdict(n, "unjudged", JUDGE, "not judged: the page names it, but no section shows it")


def _drawn(n: int, audit: Audit) -> Verdict:
    """A chart is seen or it is not; a heading that promises one is none."""
    heading = next((heading for heading in reversed(audit.outline) if heading.figures), None)
    if heading is None:
        return Verdict(n, "NO", JUDGE, "no chart or graph is drawn on the page")
    return Verdict(n, "YES", JUDGE, f"below the heading “{heading.text}” something is drawn")


def has_filler(audit: Audit) -> bool:
    """Whose words stand below a heading cannot be told; on a page with filler they may be none."""
    return any(finding.kind == "placeholder-text" for finding in audit.findings)


def _section(wanted: Sequence[str], audit: Audit, share: float) -> Heading | None:
    """The best filled section below the page's own title whose heading has this share of the words."""
    fitting = [
        heading
        for heading in audit.outline
        if heading.level > 1
        and (heading.chars >= ENOUGH_CHARS or heading.blocks >= ENOUGH_BLOCKS)
        and named_share(wanted, heading.text) >= share
    ]
    return max(fitting, key=lambda heading: (heading.controls > 0, heading.blocks), default=None)
