"""From a model's reply to an Artifact.

Three ways of writing are read, tags first:
  * `<boltArtifact>` with `<boltAction type="file" filePath="…">`, the format of the paper;
  * `<file path="…">…</file>`, `<edit path="…"><search>…</search><replace>…</replace></edit>`, `<delete path="…"/>`;
  * fenced blocks, named by their info string, the line before, or their language.
Small models forget end tags, close a script with `</script>`, wrap files in fences and escape angle brackets. Each such
slip is mended and said in `rescues`; what cannot be mended safely is left out and said in `problems`. Paths are not
judged here: `sandbox.workspace` does that when the files are written.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.steps import (
    Action,
    Artifact,
    Build,
    Change,
    FileAppend,
    FileDelete,
    FileEdit,
    FileWrite,
    Finish,
    RequestGuiTest,
)

# Possessive quantifiers, because a reply may be one endless run of any character: each is passed once.
_ATTRIBUTE = re.compile(r"""(?<![\w-])([\w-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>/]++))""")
_OPEN = re.compile(r"<(boltAction|file|edit|delete)\b([^<>]*?)(/?)>", re.IGNORECASE)
_STRICT_FILE = re.compile(r'<boltAction type="file" filePath="([^"]*)">(.*?)</boltAction>', re.DOTALL)
_FENCE = re.compile(
    r"^[ \t]*+(`{3,}+|~{3,}+)[ \t]*+([^\n`]*+)\n(.*?)(?:^[ \t]*+\1[ \t]*+$|\Z)", re.DOTALL | re.MULTILINE
)
_END = re.compile(r"</(boltAction|boltArtifact|artifact|file|edit)\s*+>", re.IGNORECASE)
_EDIT_PART = re.compile(r"\n?</?(?:search|replace)>\n?", re.IGNORECASE)
_SIGNAL_FINISH = re.compile(r"""<boltAction\s[^<>]*type\s*=\s*["']?finish["']?[^<>]*>|<finish\s*/?>""", re.IGNORECASE)
_SIGNAL_TEST = re.compile(
    r"""<boltAction\s[^<>]*type\s*=\s*["']?screenshot_validated["']?[^<>]*>|<request-gui-test\s*/?>""", re.IGNORECASE
)
_NAME = re.compile(r"[\w@./-]+\.(?:html?|css|m?js|jsx|tsx?|json|svg|md|txt)\b")
_ELISION = re.compile(
    r"^[^\S\n]*+(?:<!--|/\*|//|#|\{/\*)?\s{0,20}(?:\.{3}|…)\s{0,20}"
    r"(?:\(?(?:rest|existing|remaining|same|other|previous|keep|your)\b.*)?(?:-->|\*/|\*/\})?[^\S\n]*+$"
    r"|^[^\S\n]*+(?:<!--|/\*|//|\{/\*)\s{0,20}(?:rest of|existing|remaining) .*(?:here|unchanged|\.\.\.).*$",
    re.IGNORECASE | re.MULTILINE,
)
# `<img src="a.jpg" alt="Soup</h3>`: the quote is missing, and everything up to the next one would be swallowed.
_UNCLOSED = re.compile(r"""(<img\b[^<>]*=\s*"[^"<>]*)</[a-z0-9]+>""", re.IGNORECASE)
_LANGUAGE_FILE = {
    "html": "index.html",
    "htm": "index.html",
    "css": "style.css",
    "js": "script.js",
    "javascript": "script.js",
    "jsx": "src/App.jsx",
    "tsx": "src/App.tsx",
    "json": "package.json",
}
_PATCH_LANGUAGES: dict[str, Literal["css", "js", "html"]] = {
    "css": "css",
    "js": "js",
    "javascript": "js",
    "html": "html",
}
_MIN_PAGE_CHARS = 40
_LOOP_LINES = 12
_MOST_NAME_CHARS = 200
"""Of a line that may name a file."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How tolerant to be. The defaults repair the reference's parser; `STRICT` is the reference's own."""

    strict: bool = False


STRICT = Reading(strict=True)


def parse_artifact(text: str, *, cut: bool = False, reading: Reading = Reading()) -> Artifact:
    """Read a whole reply. `cut` says that the engine stopped at its token limit, so an open file is incomplete."""
    if reading.strict:
        return _parse_strict(text)
    action = _action(text)
    tagged = _tagged(text, cut)
    found = tagged if tagged.changes or tagged.truncated or tagged.problems else _fenced(text, cut)
    return Artifact(
        action=action,
        changes=found.changes,
        title=found.title,
        rescues=found.rescues,
        problems=found.problems,
        truncated=found.truncated,
    )


def parse_patch(text: str, page: str, *, cut: bool = False) -> Artifact:
    """Read a scoped repair: fenced CSS and JavaScript to add to `page`; a whole page or tags are read as such."""
    if cut:
        return Artifact(Build(), problems=("the repair was cut off before its end",), truncated=True)
    if _OPEN.search(text) or re.search(r"<!doctype html|<html[\s>]", text, re.IGNORECASE):
        return parse_artifact(text)
    changes: list[Change] = []
    for _, info, body in _FENCE.findall(text):
        language = info.strip().lower().split(" ")[0]
        body = re.sub(r"\A\s*`{3,}[^\n]*\n", "", body).strip("\n")  # the fence was given and opened once more
        if not body.strip():
            continue
        if language in _PATCH_LANGUAGES:
            kind = _PATCH_LANGUAGES[language]
            body = _UNCLOSED.sub(r'\1">', body) if kind == "html" else body
            changes.append(FileAppend(page, kind, _unwrap(kind, body)))
    problems = () if changes else ("the reply holds no CSS, JavaScript or HTML block",)
    return Artifact(Build(), tuple(changes), problems=problems)


def looks_looped(text: str) -> bool:
    """True when the end of the text repeats the same short stretch of lines over and over."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for period in (1, 2, 3, 4, 6):
        tail = lines[-period * _LOOP_LINES :]
        if len(tail) == period * _LOOP_LINES and all(tail[i] == tail[i % period] for i in range(len(tail))):
            return any(len(line) > 2 for line in tail[:period])
    return False


def _parse_strict(text: str) -> Artifact:
    """The reference: a signal makes it ignore the files; other spellings are dropped; entities are always unescaped."""
    if re.search(r"""<boltAction type=["']finish["']\s*/?>""", text):
        return Artifact(Finish())
    if re.search(r"""<boltAction type=["']screenshot_validated["']\s*/?>""", text):
        return Artifact(RequestGuiTest())
    return Artifact(Build(), tuple(FileWrite(path, unescaped(body)) for path, body in _STRICT_FILE.findall(text)))


def unescaped(text: str) -> str:
    """As `html.unescape`, which gives up at numbers that no character has."""
    return html.unescape(re.sub(r"&#\d{8,}+", "&#0", text))


def _action(text: str) -> Action:
    if _SIGNAL_FINISH.search(text):
        return Finish()
    return RequestGuiTest() if _SIGNAL_TEST.search(text) else Build()


def _attributes(text: str) -> dict[str, str]:
    return {name.lower(): a or b or c for name, a, b, c in _ATTRIBUTE.findall(text)}


def _tagged(text: str, cut: bool) -> Artifact:
    changes: list[Change] = []
    rescues: list[str] = []
    problems: list[str] = []
    truncated = False
    title = _attributes(m.group(1)).get("title", "") if (m := re.search(r"<boltArtifact\b([^<>]*+)>", text)) else ""
    opens = [m for m in _OPEN.finditer(text) if _is_change(m)]
    ends = list(_END.finditer(text))
    position = 0
    for index, opened in enumerate(opens):
        if opened.start() < position:  # inside the file before: its content only looks like a tag
            continue
        tag = opened.group(1)
        attributes = _attributes(opened.group(2))
        path = (
            attributes.get("filepath")
            or attributes.get("path")
            or attributes.get("name")
            or attributes.get("src")
            or ""
        )
        path = path.removeprefix("./")
        if not path:
            problems.append(f"a <{tag}> without a path was left out")
            continue
        if tag.lower() == "delete":
            changes.append(FileDelete(path))
            continue
        limit = next((m.start() for m in opens[index + 1 :] if m.start() > opened.end()), len(text))
        body, position, ended = _body(text, tag, opened.end(), limit, ends)
        if not ended and position == len(text) and cut:
            truncated = True
            problems.append(f"{path} was cut off before its end")
            continue
        if not ended:
            rescues.append(f"{path}: end tag missing")
        if tag.lower() == "edit":
            _read_edit(path, body, changes, problems)
        else:
            _read_file(path, body, changes, rescues, problems)
    return Artifact(Build(), tuple(changes), title, tuple(rescues), tuple(problems), truncated)


def _is_change(opened: re.Match[str]) -> bool:
    if opened.group(1).lower() != "boltaction":
        return opened.group(1).lower() == "delete" or not opened.group(3)
    return _attributes(opened.group(2)).get("type", "").lower() == "file"


def _body(text: str, tag: str, start: int, limit: int, ends: Sequence[re.Match[str]]) -> tuple[str, int, bool]:
    """The file's text, where reading goes on, and whether its own end tag was there. `ends` are all of the reply."""
    later = ends[bisect_left(ends, start, key=lambda end: end.start()) :]
    end = next((one for one in later if one[1].lower() == tag.lower()), None)
    if end and (end.start() <= limit or not _looks_like_file_start(text, limit)):
        return text[start : end.start()], end.end(), True
    outer = next((one for one in later if one.end() <= limit and one[1].lower() != "edit"), None)
    stop = outer.start() if outer else limit
    return text[start:stop], stop, outer is not None


def _looks_like_file_start(text: str, position: int) -> bool:
    """A real opening tag stands at the start of a line; one inside a string or a code sample does not."""
    return position < len(text) and not text[text.rfind("\n", 0, position) + 1 : position].strip()


def _read_edit(path: str, body: str, changes: list[Change], problems: list[str]) -> None:
    found = len(changes)
    parts = list(_EDIT_PART.finditer(body))
    for at in range(len(parts) - 3):
        begins, ends, takes, closes = parts[at : at + 4]
        names = [part[0].strip().lower() for part in (begins, ends, takes, closes)]
        if (
            names == ["<search>", "</search>", "<replace>", "</replace>"]
            and not body[ends.end() : takes.start()].strip()
        ):
            changes.append(FileEdit(path, body[begins.end() : ends.start()], body[takes.end() : closes.start()]))
    if len(changes) == found:
        problems.append(f"an edit of {path} has no <search> and <replace> pair")


def _read_file(path: str, body: str, changes: list[Change], rescues: list[str], problems: list[str]) -> None:
    content, mended = _clean(path, body)
    rescues.extend(f"{path}: {slip}" for slip in mended)
    if reason := _missing(path, content):
        problems.append(f"{path} was left out: {reason}")
        return
    changes.append(FileWrite(path, content))


def _clean(path: str, body: str) -> tuple[str, list[str]]:
    content = body.strip("\n").rstrip() + "\n"
    mended: list[str] = []
    if fence := re.match(r"\s*+(`{3,}+)[^\n]*+\n", content):
        content = content[fence.end() :].rstrip().removesuffix(fence[1]).rstrip() + "\n"
        mended.append("wrapped in a fence")
    elif re.search(r"\n`{3,}\s*\Z", content):
        content = re.sub(r"\n`{3,}\s*\Z", "\n", content)
        mended.append("stray fence at the end")
    if path.endswith((".html", ".htm")) and len(begun := list(re.finditer(r"<!doctype html", content, re.I))) > 1:
        content = content[begun[-1].start() :]
        mended.append("begun twice")
    if path.endswith((".html", ".htm")) and (closed := _UNCLOSED.subn(r'\1">', content))[1]:
        content = closed[0]
        mended.append("attribute not closed")
    stray = {"js": "script", "mjs": "script", "css": "style"}.get(path.rsplit(".", 1)[-1])
    if stray and re.search(rf"</{stray}>\s*\Z", content):
        content = re.sub(rf"(?:</{stray}>\s*)+\Z", "", content).rstrip() + "\n"
        content = re.sub(rf"\A\s*<{stray}[^>]*>\n?", "", content)
        mended.append(f"stray </{stray}> at the end")
    if "<" not in content and "&lt;" in content:
        content = unescaped(content)
        mended.append("angle brackets were escaped")
    return content, mended


def _missing(path: str, content: str) -> str:
    """Why this content is no file; empty when it is one."""
    text = content.strip()
    if not text or not re.sub(r"[.…\s/*<!>-]", "", text):
        return "it is empty or only dots"
    if path.endswith((".html", ".htm")) and len(text) < _MIN_PAGE_CHARS:
        return f"a page of {len(text)} characters"
    if elided := _ELISION.search(content):
        return (
            f"it leaves out code with a placeholder line ({elided.group(0).strip()[:60]!r}); the whole file is needed"
        )
    return ""


def _fenced(text: str, cut: bool) -> Artifact:
    changes: list[Change] = []
    rescues: list[str] = []
    problems: list[str] = []
    truncated = False
    for block in _FENCE.finditer(text):
        fence, info, body = block.groups()
        path = _fence_path(info, text[: block.start()], body)
        closed = block.group(0).rstrip().endswith(fence)
        if not path:
            continue
        if not closed and cut:
            truncated = True
            problems.append(f"{path} was cut off before its end")
            continue
        if not closed:
            rescues.append(f"{path}: fence not closed")
        _read_file(path, body, changes, rescues, problems)
    if not changes and not truncated and not problems:
        return _bare_page(text, cut)
    return Artifact(Build(), _last_of_each(changes), "", tuple(rescues), tuple(problems), truncated)


def _bare_page(text: str, cut: bool) -> Artifact:
    page = re.search(r"<!doctype html.*|<html[\s>].*", text, re.DOTALL | re.IGNORECASE)
    if not page:
        return Artifact(Build(), problems=("the reply holds no file",))
    end = re.search(r"</html\s*>", page.group(0), re.IGNORECASE)
    if not end and cut:
        return Artifact(Build(), problems=("index.html was cut off before its end",), truncated=True)
    body = page.group(0)[: end.end()] if end else page.group(0)
    changes: list[Change] = []
    rescues, problems = ["index.html: page without a fence"], list[str]()
    _read_file("index.html", body, changes, rescues, problems)
    return Artifact(Build(), tuple(changes), "", tuple(rescues), tuple(problems))


def _fence_path(info: str, before: str, body: str) -> str:
    """The file a fenced block is for: by its info string, the line before, its first comment, or its language."""
    if name := _NAME.search(info[:_MOST_NAME_CHARS]):
        return name.group(0).removeprefix("./")
    line = before.rstrip().rsplit("\n", 1)[-1]
    if len(line) < 80 and (name := _NAME.search(line)):
        return name.group(0).removeprefix("./")
    first = body.lstrip().split("\n", 1)[0][:_MOST_NAME_CHARS]
    if first.startswith(("<!--", "/*", "//")) and (name := _NAME.search(first)):
        return name.group(0).removeprefix("./")
    language = info.strip().lower().split(" ")[0]
    if not language and re.match(r"\s*(<!doctype html|<html)", body, re.IGNORECASE):
        return "index.html"
    return _LANGUAGE_FILE.get(language, "")


def _last_of_each(changes: list[Change]) -> tuple[Change, ...]:
    """Several blocks of one language are drafts of one file: the longest page wins, else the last block."""
    chosen: dict[str, Change] = {}
    for change in changes:
        held = chosen.get(change.path)
        if isinstance(held, FileWrite) and isinstance(change, FileWrite) and _is_page(change):
            change = max(held, change, key=lambda write: len(write.content))
        chosen[change.path] = change
    return tuple(chosen.values())


def _is_page(change: Change) -> bool:
    return isinstance(change, FileWrite) and change.path.endswith((".html", ".htm"))


def _unwrap(kind: str, body: str) -> str:
    """A block of CSS or JavaScript may come inside its own tag."""
    tag = {"css": "style", "js": "script"}.get(kind)
    if tag and (inner := re.fullmatch(rf"\s*<{tag}[^>]*>(.*?)</{tag}>\s*", body, re.DOTALL)):
        return inner.group(1).strip("\n")
    return body
