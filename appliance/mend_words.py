"""Real words in place of filler text: the model writes lines, and nothing but the text of an element changes."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from appliance import prompts
from appliance.artifact import unescaped
from appliance.steps import Artifact, Build, FileWrite, Finding
from models.chat import ChatMessage

MOST = 8
_QUOTED = re.compile(r'"(.+)"$', re.DOTALL)
_TEXT = re.compile(r">([^<>]+)<")
_HEADING = re.compile(r"<h[1-4]\b[^<>]*+>((?:(?!<h[1-4]\b).)*?)</h[1-4]\s*+>", re.DOTALL | re.IGNORECASE)
_SHOWN_CHARS = 120
_ECHO = re.compile(r"^.{0,160}?\bin place of:\s*", re.IGNORECASE)
"""Small models begin their line with what they were asked for."""
_GAP = re.compile(r"\[[a-z][a-z' ]{2,40}\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WordsPatch:
    """What was asked, and where in the page each numbered text stands: (first, behind the last character)."""

    messages: tuple[ChatMessage, ...]
    page: str
    places: tuple[tuple[int, int], ...]
    start: str = "1. "
    scope: Literal["words"] = "words"
    path: str = "index.html"


def words_patch(page: str, findings: Sequence[Finding], brief: str) -> WordsPatch | None:
    """One line for each filler text of the page's source; None where they do not stand in it."""
    fillers = [_flat(found[1]).rstrip("…") for finding in findings if (found := _QUOTED.search(finding.evidence))]
    places = [
        (found.start(1), found.end(1))
        for found in _TEXT.finditer(page)
        if any(filler and _flat(unescaped(found[1])).startswith(filler) for filler in fillers)
    ][:MOST]
    if not places:
        return None
    replaced = {_flat(page[first:behind]) for first, behind in places}
    asked = "\n".join(f"{n}. {_asked(page, *place, replaced)}" for n, place in enumerate(places, 1))
    return WordsPatch(prompts.repair_words(brief, asked), page, tuple(places))


def _asked(page: str, first: int, behind: int, replaced: Collection[str]) -> str:
    """What the text is and below which heading it stands that is to stay."""
    tag = re.search(r"<(\w+)[^<>]*$", page[: first - 1])
    is_name = bool(tag) and tag[1].lower() in ("h1", "h2", "h3", "h4", "h5", "strong", "figcaption", "th")  # type: ignore[index]
    titles = [title for title in _titles(page[:first]) if title not in replaced]
    above = f" below “{titles[-1]}”" if titles and titles[-1] else ""
    kind = "a name of two to five words" if is_name else "two sentences"
    return f"{kind}{above}, in place of: {_flat(page[first:behind])[:_SHOWN_CHARS]}"


def read_words(patch: WordsPatch, reply: str, *, cut: bool) -> Artifact:
    """The page with the lines in their places; refused where lines are missing or are filler again."""
    lines = dict(re.findall(r"^\s*(\d+)[.)]\s*(?:\1[.)]\s*)?(.+?)\s*$", reply, re.MULTILINE))
    page, problems = patch.page, []
    taken = {_flat(page[first:behind]).lower() for first, behind in patch.places}
    taken |= {title.lower() for title in _titles(page)}
    for n, (first, behind) in reversed(list(enumerate(patch.places, 1))):
        line = _flat(re.sub(r"<[^>]+>|[*_`]{1,3}|^[\"“]|[\"”]$", "", _ECHO.sub("", lines.get(str(n), ""))))
        old = _flat(patch.page[first:behind]).lower()[:40]
        if not line or _GAP.search(line) or line.lower().startswith(old) or line.lower() in taken:
            problems.append(f"no words came for text {n}")
            continue
        page = page[:first] + html.escape(line, quote=False) + page[behind:]
    if page == patch.page:
        return Artifact(Build(), problems=tuple(problems), truncated=cut)
    return Artifact(Build(), (FileWrite(patch.path, page),), problems=tuple(problems[::-1]))


def _titles(page: str) -> list[str]:
    return [_flat(re.sub(r"<[^>]+>", " ", title)) for title in _HEADING.findall(page)]


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
