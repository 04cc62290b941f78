"""The pieces of a page that a repair speaks of: sections, forms, controls, lists, places that links lead to."""

from __future__ import annotations

import re

from appliance.artifact import unescaped
from appliance.checklist_check import stem

# An element ends before the next of its kind begins: a page of opening tags alone would be searched for ever.
RAW_ELEMENT = re.compile(r"<(style|script)\b(?:(?!<\1\b).)*?</\1\s*+>", re.DOTALL | re.IGNORECASE)
SCRIPT = re.compile(r"<script\b(?:(?!<script\b).)*?</script\s*+>", re.DOTALL)
NAV = re.compile(r"<nav\b(?:(?!<nav\b).)*?</nav\s*+>", re.DOTALL | re.IGNORECASE)
FORM = re.compile(r"(<form\b[^<>]*+>)(?:(?!<form\b).)*?</form\s*+>", re.DOTALL | re.IGNORECASE)
SECTION = re.compile(r"<section\b[^<>]*+>(?:(?!<section\b).)*?</section\s*+>", re.DOTALL | re.IGNORECASE)
CONTROL = re.compile(r"<(button|a)\b[^<>]*+>(?:(?!<\1\b).)*?</\1\s*+>", re.DOTALL | re.IGNORECASE)
SELECT = re.compile(r"(<select\b[^<>]*+>)((?:(?!<select\b).)*?)</select\s*+>", re.DOTALL | re.IGNORECASE)
TITLE = re.compile(r"<h[1-4]\b[^<>]*+>((?:(?!<h[1-4]\b).)*?)</h[1-4]>", re.DOTALL | re.IGNORECASE)
ENTRY = re.compile(r"<(article|li)\b[^<>]*+>(?:(?!<\1\b).)*?</\1\s*+>", re.DOTALL | re.IGNORECASE)
LIST = re.compile(
    r"""<(?:ul|ol|table|tbody|div(?=[^<>]*\bclass=["'][^"'<>]*\b(?:cards|grid|list)\b))\b[^<>]*>""", re.IGNORECASE
)


def titles(markup: str) -> list[str]:
    return [text_of(text) for text in TITLE.findall(RAW_ELEMENT.sub("", markup))]


def text_of(markup: str) -> str:
    return unescaped(re.sub(r"\s+", " ", re.sub(r"<[^<>]++>", " ", markup))).strip()


def label_of(place: str) -> str:
    """The words in quotes of the explorer's `button "Learn More" in div.card`."""
    found = re.search(r'"(.+?)"', place)
    return found[1] if found else ""


def stems(text: str) -> set[str]:
    return {stem(word) for word in re.findall(r"[^\W\d_]{4,}", text.lower())}


def has_id(page: str, name: str) -> bool:
    own = re.escape(name)
    return re.search(rf"""(?<![\w-])id\s*=\s*(?:["']{own}["']|{own}(?=[\s>/]))""", page) is not None


def form_at(page: str, place: str) -> re.Match[str] | None:
    """The form that the explorer's place speaks of, whole, and its opening tag."""
    forms = list(FORM.finditer(page))
    if named := re.search(r"form#([\w-]+)", place):
        forms = [form for form in forms if re.search(rf"""\bid=["']{re.escape(named[1])}["']""", form[1])] or forms
    if (said := label_of(place)) and len(forms) > 1:
        forms = [form for form in forms if said in text_of(form[0])] or forms
    return next(iter(forms), None)


def places(page: str) -> str:
    lines = []
    for found in re.finditer(r"""<(?:section|article|main|header|footer|div)\b[^<>]*\bid=["']([\w-]+)[^<>]*>""", page):
        title = titles(page[found.end() : found.end() + 400])
        # A list that an attribute fills belongs to its section, and is no place of its own.
        if not re.search(rf"""\bdata-[a-z]+=["']#{re.escape(found[1])}["']""", page):
            lines.append(f"- #{found[1]}: {title[0][:60] if title else found[1]}")
    return "\n".join(lines[:16])


def with_places(page: str) -> str:
    """Sections without an id get one from their heading, so that a link can lead there."""

    def named(found: re.Match[str]) -> str:
        title = titles(page[found.end() : found.end() + 600])
        name = re.sub(r"[^a-z0-9]+", "-", title[0].lower()).strip("-")[:30] if title else ""
        return f'{found[1]} id="{name}">' if name and not has_id(page, name) else found[0]

    return re.sub(r"(<section\b(?![^<>]*\bid=)[^<>]*+)>", named, page)


def list_names(page: str) -> list[str]:
    tags = (found[0] for found in LIST.finditer(page))
    return [named[1] for tag in tags if (named := re.search(r"""\bid=["']([\w-]+)["']""", tag))][:12]


def with_list_names(page: str) -> str:
    """Lists and rows of cards, those of the navigation left out, get an id that an attribute can name."""
    free = (f"list-{n}" for n in range(1, 1000) if not has_id(page, f"list-{n}"))
    navs = [found.span() for found in NAV.finditer(page)]

    def named(found: re.Match[str]) -> str:
        in_nav = any(first < found.start() < behind for first, behind in navs)
        return found[0] if in_nav or " id=" in found[0] else f'{found[0][:-1]} id="{next(free)}">'

    return LIST.sub(named, page)


def kinds_in(page: str, name: str) -> tuple[str, ...]:
    """The kinds that the entries of the list of this name say they are; none where fewer than two are told apart."""
    behind = page.partition(f'id="{name}"')[2].partition("</section")[0]
    kinds = tuple(dict.fromkeys(re.findall(r"""\bdata-category=["']([^"'<>]+)["']""", behind)))
    return kinds if len(kinds) > 1 else ()
