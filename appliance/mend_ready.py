"""Repairs that need no model, because only one attribute of kit/site.js fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from appliance.mend_pieces import CONTROL, FORM, LIST, NAV, SECTION, has_id, stems, text_of, titles
from appliance.recipes import done_by, marked_as

_IN_CARD = re.compile(r"\" in (?:article|li|tr)\b|\" in [^\s#]+\.card(?:\.|$)")
_SHOWS_MORE = re.compile(r"\b(?:view|details?|more|learn|read|explore|discover|see)\b", re.IGNORECASE)
PUT = 'data-put="#cart"'
TO_CART = re.compile(r"\b(?:cart|basket|bag|buy|order|purchase)\b", re.IGNORECASE)
_ENTRIES = re.compile(r"""<(?:article|li|tr)\b|<div\b[^<>]*\bclass=["'](?:[^"'<>]*\s)?card["'\s]""", re.IGNORECASE)
_FIELD = re.compile(r"<(?:input|textarea|select)\b", re.IGNORECASE)
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
        named = (one for one in Sections(page).named if one.has_form and stems(label) & (one.told | one.asked))
        form = next((one.name for one in named), "")
        return f'data-open="#{form}"' if form else f'data-mark="{done}"'
    if MAKES_REPORTS.search(label) and (section := _with_report_form(page)):
        return f'data-open="#{section}"'
    return "data-details" if _SHOWS_MORE.search(label) else ""


def with_cart(page: str) -> str:
    """For what is put into a cart on a page that has none."""
    cart = '<section id="your-cart"><h2>Your cart</h2>\n<ul id="cart"></ul></section>\n'
    at = next((at for mark in ("</main", "<footer", "</body") if (at := page.lower().rfind(mark)) >= 0), len(page))
    return page if has_id(page, "cart") else f"{page[:at]}{cart}{page[at:]}"


class Sections:
    """Those of a page that a link can lead to, read once."""

    def __init__(self, page: str) -> None:
        self._forms = [form.span() for form in FORM.finditer(page)]
        pieces = list(SECTION.finditer(page))
        fields = [found.start() for found in _FIELD.finditer(page) if not _lies_in(found.start(), self._forms)]
        self._taking = [one.span() for one in pieces if any(one.start() < at < one.end() for at in fields)]
        self.named = [section for piece in pieces if (section := _section(piece))]

    def named_by(self, words: str, at: int) -> str:
        """The id of the section that shares most words with these: by its id and heading first, then by its form. Empty
        where none shares one but that where the control stands, and where the control belongs to fields beside it."""
        if _lies_in(at, self._forms) or _lies_in(at, self._taking):
            return ""
        wanted = stems(words) - _EMPTY_WORDS
        others = (one for one in self.named if not one.first < at < one.behind)
        ranked = ((len(wanted & one.told), len(wanted & one.asked), one) for one in others)
        best = max(ranked, key=lambda rank: (*rank[:2], rank[2].has_form), default=(0, 0, None))
        return best[2].name if best[2] and any(best[:2]) else ""


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    first: int
    behind: int
    told: set[str]
    asked: set[str]
    has_form: bool


def _section(piece: re.Match[str]) -> _Section | None:
    named, form = re.search(r"""^<section\b[^<>]*\bid=["']([\w-]+)["']""", piece[0]), FORM.search(piece[0])
    if named is None:
        return None
    told = stems(" ".join((named[1].replace("-", " "), *titles(piece[0])[:1])))
    asked = stems(text_of(form[0])) if form else set()
    return _Section(named[1], *piece.span(), told, asked, form is not None)


def _lies_in(at: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(first < at < behind for first, behind in spans)


def list_to_search(page: str, words: str) -> str:
    """The id of the list with two entries at least whose words are most like these, or of the only such list; empty
    where there is none. Lists of the navigation and of forms are none."""
    apart = [piece.span() for pattern in (NAV, FORM) for piece in pattern.finditer(page)]
    wanted, found = stems(words), list(LIST.finditer(page))
    alike: dict[str, tuple[int, int]] = {}
    for n, one in enumerate(found):
        named = re.search(r"""\bid=["']([\w-]+)["']""", one[0])
        if named and not _lies_in(one.start(), apart):
            inside = _inside(page, one, found[n + 1 :])
            alike[named[1]] = (len(wanted & stems(text_of(inside))), len(_ENTRIES.findall(inside)))
    lists = {name: rank for name, rank in alike.items() if rank[1] > 1}
    best = max(lists, key=lambda name: lists[name], default="")
    return best if len(lists) == 1 or (best and lists[best][0]) else ""


def _inside(page: str, one: re.Match[str], others: Sequence[re.Match[str]]) -> str:
    """What stands in the list: up to its end, or where boxes lie in boxes up to the next list of boxes."""
    rest = page[one.end() :].partition("</section")[0]
    tag = one[0][1:].split(">")[0].split()[0].lower()
    if tag != "div":
        return re.split(rf"</{tag}\b", rest, maxsplit=1, flags=re.IGNORECASE)[0]
    behind = next((other.start() for other in others if other[0].lower().startswith("<div")), len(page))
    return rest[: behind - one.end()]


def with_anchors_led(page: str) -> str:
    """Links to ids that no element has lead to the section that they or their words name, where there is one."""
    sections, ids = Sections(page), set(re.findall(r"""(?<![\w-])id\s*=\s*["']?([\w-]+)""", page))

    def led(link: re.Match[str]) -> str:
        target = re.search(r"""\bhref=["']#([\w-]+)["']""", link[0].partition(">")[0])
        if link[1].lower() != "a" or target is None or target[1] in ids | {"top"}:
            return link[0]
        named = sections.named_by(f"{target[1].replace('-', ' ')} {text_of(link[0])}", link.start())
        return link[0].replace(target[0], f'href="#{named}"', 1) if named else link[0]

    return CONTROL.sub(led, page)


def _with_report_form(page: str) -> str:
    """The id of the section where a report can be asked for; empty where there is none."""
    at = page.find("<form data-report=")
    before = [found[1] for found in re.finditer(r"""<section\b[^<>]*\bid=["']([\w-]+)["']""", page[: max(at, 0)])]
    return before[-1] if before else ""
