"""Repairs that need no model, because only one attribute of kit/site.js fits."""

from __future__ import annotations

import re

from appliance.mend_pieces import FORM, SECTION, has_id, stems, text_of, titles
from appliance.recipes import done_by, marked_as

_IN_CARD = re.compile(r"\" in (?:article|li|tr)\b|\" in [^\s#]+\.card(?:\.|$)")
_SHOWS_MORE = re.compile(r"\b(?:view|details?|more|learn|read|explore|discover|see)\b", re.IGNORECASE)
PUT = 'data-put="#cart"'
TO_CART = re.compile(r"\b(?:cart|basket|bag|buy|order|purchase)\b", re.IGNORECASE)
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
        form = _section_with_form(page, label)
        return f'data-open="#{form}"' if form else f'data-mark="{done}"'
    if MAKES_REPORTS.search(label) and (section := _with_report_form(page)):
        return f'data-open="#{section}"'
    return "data-details" if _SHOWS_MORE.search(label) else ""


def with_cart(page: str) -> str:
    """For what is put into a cart on a page that has none."""
    cart = '<section id="your-cart"><h2>Your cart</h2>\n<ul id="cart"></ul></section>\n'
    at = next((at for mark in ("</main", "<footer", "</body") if (at := page.lower().rfind(mark)) >= 0), len(page))
    return page if has_id(page, "cart") else f"{page[:at]}{cart}{page[at:]}"


def _section_with_form(page: str, label: str) -> str:
    """The id of the section with a form that shares a word with the button; empty where there is none."""
    wanted = stems(label)
    for found in SECTION.finditer(page):
        named, form = re.search(r"""^<section\b[^<>]*\bid=["']([\w-]+)["']""", found[0]), FORM.search(found[0])
        if named and form and wanted & stems(" ".join((*titles(found[0])[:1], text_of(form[0])))):
            return named[1]
    return ""


def _with_report_form(page: str) -> str:
    """The id of the section where a report can be asked for; empty where there is none."""
    at = page.find("<form data-report=")
    before = [found[1] for found in re.finditer(r"""<section\b[^<>]*\bid=["']([\w-]+)["']""", page[: max(at, 0)])]
    return before[-1] if before else ""
