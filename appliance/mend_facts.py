"""Facts for list entries that have a name and say nothing exact: the model writes lines, the page keeps all it had."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from appliance import prompts
from appliance.artifact import unescaped
from appliance.list_facts import facts_of
from appliance.steps import Artifact, Build, FileWrite, Finding
from models.chat import ChatMessage

MOST = 6
_HEADING = re.compile(r"<h([1-6])\b[^<>]*+>((?:(?!<h[1-6]\b).)*?)</h\1\s*+>", re.DOTALL | re.IGNORECASE)
_SECTION_ENDS = re.compile(r"</section\b|</main\b|<form\b|<footer\b|<script\b", re.IGNORECASE)
_TEXT_ENDS = re.compile(r"</p\s*+>", re.IGNORECASE)
_HIDDEN = re.compile(r"<\w+[^<>]*\shidden\b|<button\b|<a\b", re.IGNORECASE)
_FACT = re.compile(r"^([^\W\d_][\w /()%-]{1,28}):\s*(\S.{0,48})$")
_COPIED = re.compile(r"^(?:magnitude|sets at)\b", re.IGNORECASE)
"""Labels of the worked example."""
_SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class FactsPatch:
    """What was asked, and where in the page the facts of each numbered entry go."""

    messages: tuple[ChatMessage, ...]
    page: str
    places: tuple[int, ...]
    ready: Artifact | None = None
    """The refusal, where the entries do not stand in the page's source: no model is asked."""
    start: str = ""
    scope: Literal["facts"] = "facts"
    path: str = "index.html"


def facts_patch(page: str, finding: Finding, brief: str) -> FactsPatch:
    """One line for each entry below the heading that the finding names."""
    entries = [entry for entry in _entries(page, finding.place) if entry[1] in finding.evidence][:MOST]
    if not entries:
        refusal = Artifact(Build(), problems=("the entries do not stand in the page's source",))
        return FactsPatch((), page, (), refusal)
    asked = "\n".join(f"{n}. {name}: {text}" for n, (_, name, text) in enumerate(entries, 1))
    messages = prompts.repair_facts(brief, finding.place, facts_of(finding.place), asked)
    return FactsPatch(messages, page, tuple(entry[0] for entry in entries), start=f"1. {entries[0][1]} →")


def read_facts(patch: FactsPatch, reply: str, *, cut: bool) -> Artifact:
    """The page with the facts in their places; refused where no line has a figure of its own."""
    lines = dict(re.findall(r"^\s*(\d+)[.)]\s*(?:\1[.)]\s*)?(.+?)\s*$", reply, re.MULTILINE))
    page, problems = patch.page, []
    told = _own([_facts(lines.get(str(n), "")) for n in range(1, len(patch.places) + 1)])
    for n, (place, facts) in reversed(list(enumerate(zip(patch.places, told, strict=True), 1))):
        if facts and told.count(facts) == 1:
            page = f"{page[:place]}<p>{'<br>'.join(facts)}</p>{page[place:]}"
        else:
            problems.append(f"no facts came for entry {n}")
    if page == patch.page:
        return Artifact(Build(), problems=tuple(problems[::-1]), truncated=cut)
    return Artifact(Build(), (FileWrite(patch.path, page),), problems=tuple(problems[::-1]))


def _own(told: Sequence[list[str]]) -> list[list[str]]:
    """Without what holds no figure and is said of several: "Client: Brief" tells nothing of any of them."""
    often = Counter(fact for facts in told for fact in facts if not re.search(r"\d", fact))
    return [[fact for fact in facts if often[fact] < 2] for facts in told]


def _facts(line: str) -> list[str]:
    """Those of the form `Label: value`; none where they hold no figure."""
    plain = re.sub(r"<[^>]+>|[*_`]{1,3}|^.*?→", "", line)
    plain = re.sub(r"\((?:for )?example:?\s+([^()]+)\)", r"\1", plain, flags=re.IGNORECASE)
    parts = [part.strip(" .") for part in re.split(r";\s*|\s+\|\s+|,\s+(?=[A-Z][\w ]{1,28}:)", plain)]
    read = [found for part in parts if (found := _FACT.match(part)) and not _COPIED.match(part)]
    facts = [html.escape(f"{found[1]}: {found[2]}", quote=False) for found in read[:3]]
    return facts if any(re.search(r"\d", fact) for fact in facts) else []


def _entries(page: str, title: str) -> list[tuple[int, str, str]]:
    """Where facts go, and what stands there, for each entry without a figure below the heading of these words."""
    headings = [(found, int(found[1]), _flat(found[2])) for found in _HEADING.finditer(page)]
    top = next((n for n, (_, level, text) in enumerate(headings) if text[:80] == title and level < 4), None)
    if top is None:
        return []
    entries: list[tuple[int, str, str]] = []
    for n in range(top + 1, len(headings)):
        found, level, name = headings[n]
        if level <= headings[top][1]:
            break
        behind = headings[n + 1][0].start() if n + 1 < len(headings) else len(page)
        body = page[found.end() : behind]
        body = body[: end.start()] if (end := _SECTION_ENDS.search(body)) else body
        if not re.search(r"\d", re.sub(r"<[^<>]++>", " ", found[0] + body)):
            shown = body[: part.start()] if (part := _HIDDEN.search(body)) else body
            text = _TEXT_ENDS.search(shown)
            entries.append((found.end() + (text.end() if text else 0), name, _flat(shown)[:_SHOWN_CHARS]))
    return entries


def _flat(markup: str) -> str:
    return re.sub(r"\s+", " ", unescaped(re.sub(r"<[^<>]++>", " ", markup))).strip()
