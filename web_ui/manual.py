"""The manual: the project's own Markdown pages, shown without a network.

Addresses are the files' names, so that links between pages mean the same here as in the files. Links to files that are
not part of the manual are shown as their words. HTML in a page is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, render_template, send_from_directory
from markdown_it import MarkdownIt
from markdown_it.token import Token

views = Blueprint("manual", __name__)
INDEX = "index.md"
_SUFFIXES = frozenset({".md", ".png", ".svg", ".json", ".jsonl"})
_KEPT_S = 3600
_LONG_NAME_CHARS = 24


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    anchor: str
    words: str


@dataclass(frozen=True, slots=True)
class Link:
    target: str
    """As written."""
    words: str


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    html: str
    headings: tuple[Heading, ...]
    links: tuple[Link, ...]


@cache
def folder() -> Path:
    """Inside an installed wheel the pages lie beside this file, in a checkout in `docs/`."""
    packed = Path(__file__).with_name("manual_pages")
    return packed if packed.is_dir() else Path(__file__).parents[1] / "docs"


@views.get("/manual/")
def index() -> str:
    return _shown(INDEX)


@views.get("/manual/<path:name>")
def file(name: str) -> str | Response:
    if name not in names():
        abort(404)
    suffix = PurePosixPath(name).suffix
    if suffix == ".md":
        return _shown(name)
    mimetype = "text/plain" if suffix.startswith(".json") else None
    return send_from_directory(folder(), name, mimetype=mimetype, max_age=_KEPT_S)


def _shown(name: str) -> str:
    order = list(reading_order().items())
    at = next((n for n, (one, _) in enumerate(order) if one == name), None)
    return render_template(
        "manual.html",
        page=page(name),
        name=name,
        order=order,
        before=order[at - 1] if at else None,
        after=order[at + 1] if at is not None and at + 1 < len(order) else None,
    )


def reading_order() -> dict[str, str]:
    """Page → what the index calls it: the index itself, then the pages that it links to, in its order."""
    index_ = page(INDEX)
    pages = {link.target: link.words for link in index_.links if link.target.endswith(".md")}
    return {INDEX: index_.title, **pages}


def names() -> set[str]:
    """All files of the manual: an address is one of these or nothing."""
    return {path.relative_to(folder()).as_posix() for path in folder().rglob("*") if path.suffix in _SUFFIXES}


def page(name: str) -> Page:
    return render((folder() / name).read_text("utf-8"), name)


@cache
def render(text: str, name: str) -> Page:
    """`name` is the page's path below the manual's folder, from which its links are read."""
    parser = _parser()
    tokens = parser.parse(text)
    headings = tuple(_give_anchors(tokens))
    links = tuple(_mend_links(tokens, PurePosixPath(name).parent))
    for token in tokens:
        align = token.attrs.pop("style", None)  # the content policy allows no styles in attributes
        if align == "text-align:right":
            token.attrSet("class", "number")
    title = headings[0].words if headings else name
    return Page(title, parser.renderer.render(tokens, parser.options, {}), headings, links)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", lambda *_: '<div class="scroll" tabindex="0">\n<table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")
    parser.add_render_rule("code_inline", _words_of_code)
    for kind in ("fence", "code_block"):
        parser.add_render_rule(kind, _lines_of_code)
    return parser


def _lines_of_code(_: object, tokens: Sequence[Token], at: int, *__: object) -> str:
    return f'<pre tabindex="0"><code>{escape(tokens[at].content)}</code></pre>\n'


def _words_of_code(_: object, tokens: Sequence[Token], at: int, *__: object) -> str:
    """Long names may be broken where their parts end, so that a column of them does not push the others away."""
    text = tokens[at].content
    parts = re.split(r"(?<=[/_:=])", text) if len(text) > _LONG_NAME_CHARS else [text]
    return f"<code>{'<wbr>'.join(map(escape, parts))}</code>"


def _give_anchors(tokens: Sequence[Token]) -> Iterator[Heading]:
    """As code hosts name them: small letters, hyphens for blanks, no other marks, a number for a second one."""
    taken: dict[str, int] = {}
    for opened, inline in pairwise(tokens):
        if opened.type != "heading_open":
            continue
        words = "".join(child.content for child in inline.children or ())
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        n = taken[anchor] = taken.get(anchor, -1) + 1
        opened.attrSet("id", f"{anchor}-{n}" if n else anchor)
        yield Heading(int(opened.tag[1]), str(opened.attrs["id"]), words)


def _mend_links(tokens: Sequence[Token], base: PurePosixPath) -> Iterator[Link]:
    """Yields each link; one that leads out of the manual is shown as its words alone."""
    for inline in tokens:
        children = inline.children or []
        for n, opened in enumerate(children):
            if opened.type != "link_open":
                continue
            closed = next(child for child in children[n:] if child.type == "link_close")
            target = str(opened.attrs["href"])
            yield Link(target, "".join(child.content for child in children[n : children.index(closed)]))
            if not _is_within(target, base):
                for child in (opened, closed):
                    child.type, child.tag, child.attrs = "text", "", {}


def _is_within(target: str, base: PurePosixPath) -> bool:
    parts = urlsplit(target)
    if parts.scheme or not parts.path:
        return True
    depth = len(base.parts)
    for part in PurePosixPath(parts.path).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True
