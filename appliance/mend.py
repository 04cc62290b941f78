"""One repair at the smallest scope: the script that throws, a few CSS rules, more sections; never the whole page.

A small model asked for the whole page again returns it unchanged; asked for one piece, it sometimes mends it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from appliance import prompts
from appliance.artifact import parse_artifact, parse_patch
from appliance.findings import BARE, FILLER, NUMBERED, describe
from appliance.mend_facts import FactsPatch, facts_patch, read_facts
from appliance.mend_markup import is_at_start, markup_patch, read_markup, used_patch
from appliance.mend_patch import PAGE, MarkupPatch, ready
from appliance.mend_pieces import RAW_ELEMENT, SECTION, has_id, titles
from appliance.mend_words import WordsPatch, read_words, words_patch
from appliance.steps import Artifact, Build, FileAppend, Files, FileWrite, Finding
from models.chat import ChatMessage

# An element ends before the next of its kind begins: a page of opening tags alone would be searched for ever.
_SCRIPT = re.compile(
    r"(<script\b(?![^<>]*\bsrc=)[^<>]*+>)((?:(?!<script\b).)*?)(</script\s*+>)", re.DOTALL | re.IGNORECASE
)
_PLACE = re.compile(r"^/?([^\s:]*):(\d+)")
_ASKED_ID = re.compile(r"""getElementById\(\s*["']([\w-]+)["']|querySelector\(\s*["']#([\w-]+)["']""")
_SCRIPT_KINDS = ("exception", "console-error")
_STYLE_KINDS = (
    *("unstyled", "contrast", "overflow", "overlap", "spill", "colour-missing", "default-font", "default-control"),
    "tap-target",
)


@dataclass(frozen=True, slots=True)
class Patch:
    """What was asked, how the answer begins, and where it goes."""

    messages: tuple[ChatMessage, ...]
    scope: Literal["script", "style", "content", "append"]
    path: str = PAGE
    start: str = ""
    """First characters of the answer, given to the model so that it keeps to the language that is wanted."""
    before: str = ""
    """Text of the file in front of the script that is to be replaced; for more content, the whole page as it was."""
    after: str = ""


AnyPatch = Patch | MarkupPatch | WordsPatch | FactsPatch


def mend_messages(files: Files, findings: Sequence[Finding], brief: str, *, again: bool = False) -> AnyPatch:
    """The smallest piece that may mend these findings of one kind; `again` leaves the model a free hand."""
    page, kind = files.get(PAGE, b"").decode("utf-8", "replace"), findings[0].kind
    problem = "\n".join(describe(finding) for finding in findings)
    if kind == "suggestion":
        messages = prompts.more_content(_markup(page), brief, problem)
        return Patch(messages, "content", start="```html\n<section", before=page)
    if kind == BARE:
        return facts_patch(page, findings[0], brief)
    if kind in (FILLER, NUMBERED) and (words := words_patch(page, findings, brief)):
        return words
    if kind in _SCRIPT_KINDS:
        piece = used_patch(page, findings[0])
        if piece and not again:
            return piece
        # The script comes first, or second after an attribute that was to do its work; never twice. One that dies while
        # the page opens does little, keeps the page from being tried at all, and goes when it was written anew in vain.
        if again == bool(piece) and (patch := _script_patch(files, page, findings[0])):
            return patch
        if again and is_at_start(findings[0]) and (script := _script_at(page, findings[0])):
            return ready(page, script[0], "\n", at=script.start(), scope="script")
    if not again and (piece := markup_patch(page, findings)):
        return piece
    if kind in _STYLE_KINDS and not again:
        return Patch(prompts.repair_style(page, problem), "style", start="```css\n")
    return Patch(prompts.repair(page, problem), "append")


def _script_patch(files: Files, page: str, finding: Finding) -> Patch | None:
    place = _PLACE.match(finding.place)
    if place is None:
        return None
    path, line = place.group(1) or PAGE, int(place.group(2))
    if path.endswith(".js") and path in files:
        text = files[path].decode("utf-8", "replace")
        problem = _with_facts(finding, text, line, page)
        return Patch(prompts.repair_script(_markup(page), text, problem), "script", path, "```js\n")
    if script := _script_at(page, finding):
        first = page.count("\n", 0, script.start(2)) + 1
        problem = _with_facts(finding, script.group(2), line - first + 1, page)
        messages = prompts.repair_script(_markup(page), script.group(2).strip("\n"), problem)
        return Patch(messages, "script", PAGE, "```js\n", page[: script.start(2)], page[script.end(2) :])
    return None


def _script_at(page: str, finding: Finding) -> re.Match[str] | None:
    """The page's own script that holds the place; None where it lies in a file of its own."""
    place = _PLACE.match(finding.place)
    if place is None or place[1] not in ("", PAGE):
        return None
    for script in _SCRIPT.finditer(page):
        first, last = (page.count("\n", 0, at) + 1 for at in script.span(2))
        if first <= int(place[2]) <= last:
            return script
    return None


def _with_facts(finding: Finding, script: str, line: int, page: str) -> str:
    """The error, the line it happens in, and the ids that the script asks for in vain."""
    lines = script.splitlines()
    quoted = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    absent = [name for name in dict.fromkeys(a or b for a, b in _ASKED_ID.findall(script)) if not _has_id(page, name)]
    return "\n".join(
        [
            f"{finding.kind}: {finding.evidence}",
            *([f"It happens in this line: {quoted}"] if quoted else []),
            *([f"No element has the id {', '.join(absent)}: remove the code that uses it."] if absent else []),
        ]
    )


def _has_id(page: str, name: str) -> bool:
    return re.search(rf"""\bid\s*=\s*\\?["'`]?{re.escape(name)}\b""", page) is not None


def _markup(page: str) -> str:
    """The page without its styles and scripts: enough to know the ids."""
    body = re.sub(RAW_ELEMENT, "", page)
    return re.sub(r"\n\s*\n+", "\n", body).strip()


def read_patch(patch: AnyPatch, reply: str, *, cut: bool) -> Artifact:
    """The repair as an Artifact. A cut-off script is refused: half a script is worse than the old one."""
    if isinstance(patch, WordsPatch):
        return read_words(patch, reply, cut=cut)
    if isinstance(patch, FactsPatch):
        return read_facts(patch, reply, cut=cut)
    if isinstance(patch, MarkupPatch):
        return read_markup(patch, reply, cut=cut)
    if patch.scope == "content":
        reply = _without_repeats(patch.before, reply)
        if _repeats(patch.before, reply):
            return Artifact(Build(), problems=("the new sections repeat what the page has already",))
    if patch.scope != "script" or cut:
        return parse_patch(reply, patch.path, cut=cut)
    changes = parse_patch(reply, patch.path).changes
    blocks = [change.content for change in changes if isinstance(change, FileAppend) and change.language == "js"]
    if not blocks:
        return parse_artifact(reply)
    script = max(blocks, key=len)
    return Artifact(Build(), (FileWrite(patch.path, f"{patch.before}\n{script}\n{patch.after}".lstrip("\n")),))


def _without_repeats(page: str, reply: str) -> str:
    """Without the sections whose id or heading the page has already: longer ones too would stand there twice."""
    known = {title.lower() for title in titles(page)}

    def new(section: re.Match[str]) -> str:
        named = re.search(r"""^<section\b[^<>]*\bid=["']([\w-]+)""", section[0])
        again = {title.lower() for title in titles(section[0])[:1]} & known or (named and has_id(page, named[1]))
        return "" if again else section[0]

    return SECTION.sub(new, reply)


def _repeats(page: str, reply: str) -> bool:
    """Small models like to copy; a copy scores as content, but nobody wants to read it twice."""
    old, new = set(_headings(page)), _headings(reply)
    return not new or sum(heading in old for heading in new) * 2 >= len(new)


def _headings(markup: str) -> list[str]:
    found = re.findall(r"<h[2-4][^<>]*+>((?:(?!<h[2-4]).)*?)</h[2-4]>", markup, re.DOTALL | re.IGNORECASE)
    return [re.sub(r"<[^>]+>|\s+", " ", heading).strip().lower() for heading in found]
