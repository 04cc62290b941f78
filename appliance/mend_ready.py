"""Repairs that need no model, because only one attribute of kit/site.js fits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.mend_pieces import CONTROL, FORM, LIST, NAV, SECTION, has_id, stems, text_of, titles
from appliance.recipes import done_by, marked_as

_IN_CARD = re.compile(r"\" in (?:article|li|tr)\b|\" in [^\s#]+\.card(?:\.|$)")
_SHOWS_MORE = re.compile(r"\b(?:view|details?|more|learn|read|explore|discover|see)\b", re.IGNORECASE)
PUT = 'data-put="#cart"'
TO_CART = re.compile(r"\b(?:cart|basket|bag|buy|order|purchase)\b", re.IGNORECASE)
_ENTRIES = re.compile(r"""<(?:article|li|tr)\b|\bclass=["']card\b""", re.IGNORECASE)
_EMPTY_WORDS = stems("click here view more this that your with from page site website welcome home")
MAKES_REPORTS = re.compile(r"\b(?:report|calculat|analy[sz]|summar|estimat|generat|convert)", re.IGNORECASE)


def way_in_card(page: str, place: str, label: str) -> str:
    """The attribute that a button in a card can only mean by its words; empty where there is a choice."""
    if not _IN_CARD.search(place):
        return ""
    if TO_CART.search(label):
        carts = set(re.findall(r"""\bdata-put=["']#([\w-]+)["']""", page))
        if len(carts) == 1:
            return f'data-put="#{carts.pop()}"'
        return PUT if not carts and not has_id(page, "cart") and re.search(r"\bcart\b", label, re.IGNORECASE) else ""
    if done := marked_as(label):
        return f'data-mark="{done}"'
    if done := done_by(label):
        form = next((one.name for one in _sections(page) if one.has_form and stems(label) & one.words), "")
        return f'data-open="#{form}"' if form else f'data-mark="{done}"'
    if MAKES_REPORTS.search(label) and (section := _with_report_form(page)):
        return f'data-open="#{section}"'
    return "data-details" if _SHOWS_MORE.search(label) else ""


def with_cart(page: str) -> str:
    """For what is put into a cart on a page that has none."""
    cart = '<section id="your-cart"><h2>Your cart</h2>\n<ul id="cart"></ul></section>\n'
    at = next((at for mark in ("</main", "<footer", "</body") if (at := page.lower().rfind(mark)) >= 0), len(page))
    return page if has_id(page, "cart") else f"{page[:at]}{cart}{page[at:]}"


def section_named(page: str, control: re.Match[str], words: str) -> str:
    """The id of the section that shares most words with these, by its name, heading and form; of two alike the one with
    a form. Empty where there is none but the control's own, and for a control of a form, which is to send it."""
    if any(form.start() < control.start() < form.end() for form in FORM.finditer(page)):
        return ""
    wanted = stems(words) - _EMPTY_WORDS
    others = [one for one in _sections(page) if not one.piece.start() < control.start() < one.piece.end()]
    best = max(others, key=lambda one: (len(wanted & one.words), one.has_form), default=None)
    return best.name if best and wanted & best.words else ""


def list_to_search(page: str, words: str) -> str:
    """The id of the list with two entries at least whose words are most like these, of two alike the longer one; empty
    where there is none. Lists of the navigation and of forms are none."""
    apart = [piece.span() for pattern in (NAV, FORM) for piece in pattern.finditer(page)]
    wanted = stems(words)
    best, name = (-1, 1), ""
    for found in LIST.finditer(page):
        named = re.search(r"""\bid=["']([\w-]+)["']""", found[0])
        if named is None or any(first < found.start() < behind for first, behind in apart):
            continue
        inside = page[found.end() :].partition("</section")[0]
        rank = (len(wanted & stems(text_of(inside))), len(_ENTRIES.findall(inside)))
        if rank[1] > 1 and rank > best:
            best, name = rank, named[1]
    return name


def with_anchors_led(page: str) -> str:
    """Links to ids that no element has lead to the section that they or their words name, where there is one."""

    def led(link: re.Match[str]) -> str:
        target = re.search(r"""\bhref=["']#([\w-]+)["']""", link[0].partition(">")[0])
        if link[1].lower() != "a" or target is None or target[1] == "top" or has_id(page, target[1]):
            return link[0]
        named = section_named(page, link, f"{target[1].replace('-', ' ')} {text_of(link[0])}")
        return link[0].replace(target[0], f'href="#{named}"', 1) if named else link[0]

    return CONTROL.sub(led, page)


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    piece: re.Match[str]
    words: set[str]
    has_form: bool


def _sections(page: str) -> Iterator[_Section]:
    """Those that a link can lead to."""
    for piece in SECTION.finditer(page):
        named, form = re.search(r"""^<section\b[^<>]*\bid=["']([\w-]+)["']""", piece[0]), FORM.search(piece[0])
        if named:
            told = (named[1].replace("-", " "), *titles(piece[0])[:1], text_of(form[0]) if form else "")
            yield _Section(named[1], piece, stems(" ".join(told)), form is not None)


def _with_report_form(page: str) -> str:
    """The id of the section where a report can be asked for; empty where there is none."""
    at = page.find("<form data-report=")
    before = [found[1] for found in re.finditer(r"""<section\b[^<>]*\bid=["']([\w-]+)["']""", page[: max(at, 0)])]
    return before[-1] if before else ""
