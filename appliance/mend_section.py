"""A section that the model wrote, made to fit the page it is added to."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from appliance.checklist_check import stem
from appliance.mend_pieces import ENTRY, FORM, LIST, NAV, SECTION, has_id, text_of, titles
from appliance.recipes import opening, title_of, whole_words
from appliance.steps import Artifact, Build, Change, ChecklistItem, FileAppend, FileWrite

THIN_CHARS = 40
_LINK_CHARS = 28
_FILLED = re.compile(  # an id may be filled by a script
    r"\bid=|<(?:form|button|input|select|textarea|table|img|svg|canvas|video|audio|iframe)\b", re.IGNORECASE
)


def without_thin_section(page: str, item: ChecklistItem) -> str:
    """Small models announce a section and leave it empty: a heading, a comment, nothing to read or to use."""
    wanted = {stem(word) for word in re.findall(r"\w{3,}", (item.subject or title_of(item)).lower())}
    for found in SECTION.finditer(page):
        body = re.sub(r"<!--.*?(?:-->|\Z)", "", found[0], flags=re.DOTALL)
        named = {stem(word) for title in titles(body)[:1] for word in re.findall(r"\w{3,}", title.lower())}
        rest = re.sub(r"<h[1-4]\b(?:(?!<h[1-4]\b).)*?</h[1-4]\s*+>", "", body, flags=re.DOTALL | re.IGNORECASE)
        inner = rest[rest.find(">") + 1 :]
        if wanted and wanted <= named and len(text_of(rest)) < THIN_CHARS and not _FILLED.search(inner):
            without = page[: found.start()] + page[found.end() :]
            own = re.search(r"""\bid=["']([\w-]+)""", found[0])
            new = re.search(r'id="([\w-]+)"', opening(item, {title.lower() for title in titles(without)}))
            return without.replace(f'"#{own[1]}"', f'"#{new[1]}"') if own and new else without
    return page


def read_section(page: str, path: str, foreign: Sequence[str], section: str) -> Artifact:
    """The section with ids that are still free, and a link to it in the page's navigation.

    Small models copy: entries that come from the example are left out; a section that has no others, or stands on the
    page already, is refused.
    """
    section = _without_copies(section, foreign)
    opened, closed = (len(re.findall(rf"<{mark}section\b", section, re.IGNORECASE)) for mark in ("", "/"))
    section += "</section>" * (opened - closed)  # else the next ones would stand inside it
    if copied := next((name for name in foreign if name.lower() in section.lower()), ""):
        return Artifact(
            Build(), problems=(f"the section copies the example (“{copied}”) instead of being about the site",)
        )
    if repeated := {title.lower() for title in titles(section)[:1]} & {title.lower() for title in titles(page)}:
        return Artifact(Build(), problems=(f"the page has a section “{repeated.pop()}” already",))
    if "data-chart" in section and not _has_figures(section):
        return Artifact(Build(), problems=("the table to be drawn needs two rows with a figure at least",))
    section = re.sub(r"""\s+on\w+\s*=\s*("[^"]*"|'[^']*')""", "", section)  # it names functions that are not there
    section = _with_dates_free(_with_free_ids(page, section))
    section = _with_targets(page, _with_choices_wired(_with_lists_named(page, section)))
    changes: list[Change] = []
    name, title = re.search(r"""<section[^<>]*\bid=["']([^"']+)""", section), titles(section)
    if name and title:
        changes.append(FileWrite(path, _with_link(page, name[1], title[0].capitalize())))
    return Artifact(Build(), (*changes, FileAppend(path, "html", section)))


def _has_figures(section: str) -> bool:
    """Two rows whose cells begin with a figure, the first cell apart: that one names the row."""
    rows = re.findall(r"<tr\b((?:(?!</tr).)*+)", section, re.DOTALL | re.IGNORECASE)
    cells = (re.findall(r"<td\b[^<>]*+>\s*([^<]*+)", row, re.IGNORECASE) for row in rows)
    return sum(any(re.match(r"[^\w]*\d", cell) for cell in row[1:]) for row in cells) > 1


def _without_copies(section: str, foreign: Sequence[str]) -> str:
    entries = list(ENTRY.finditer(section))
    copied = [one[0] for one in entries if any(name.lower() in one[0].lower() for name in foreign)]
    for one in copied if len(copied) < len(entries) else ():
        section = section.replace(one, "", 1)
    return section


def _with_free_ids(page: str, section: str) -> str:
    """Ids that the page has already get a number, wherever the section names them; one that the section itself gives
    to several elements stays with the first."""
    seen: set[str] = set()

    def once(found: re.Match[str]) -> str:
        is_new = found[1] not in seen
        seen.add(found[1])
        return found[0] if is_new else ""

    section = re.sub(r"""\s+id=["']([\w-]+)["']""", once, section)
    for name in dict.fromkeys(re.findall(r"""\bid=["']([\w-]+)["']""", section)):
        if has_id(page, name):
            free = next(f"{name}-{n}" for n in range(2, 1000) if not has_id(page, f"{name}-{n}"))
            section = re.sub(rf"""((?:\bid|\bfor)=["']|["']#){re.escape(name)}(?=["'])""", rf"\g<1>{free}", section)
    return section


def _with_dates_free(section: str) -> str:
    """A report can be had for all days: only what it is about must be said."""

    def free(form: re.Match[str]) -> str:
        if "data-report" not in form[1]:
            return form[0]
        return re.sub(
            r"""(<input\b(?=[^<>]*\btype=["']?(?:date|datetime-local|month|week|time)\b)[^<>]*?)\s+required(?:=["'][^"']*["'])?""",
            r"\1",
            form[0],
        )

    return FORM.sub(free, section)


def _with_lists_named(page: str, section: str) -> str:
    """A list that an attribute names and nobody made is the section's own list, whatever that was called."""
    for name in dict.fromkeys(re.findall(r"""\bdata-(?:filter|sort|search|report)=["']#([\w-]+)["']""", section)):
        own = None if has_id(page + section, name) else LIST.search(section)
        if own:
            tag = re.sub(r"""\s+id=["'][^"']*["']""", "", own[0])
            section = f'{section[: own.start()]}{tag[:-1]} id="{name}">{section[own.end() :]}'
    return section


def _with_choices_wired(section: str) -> str:
    """A choice that stands in no form and says nothing about what it does acts on the section's list: it sorts where
    its label speaks of an order, else it filters."""
    listed = next((named for tag in LIST.finditer(section) if (named := re.search(r'\bid="([\w-]+)"', tag[0]))), None)
    if listed is None:
        return section
    forms = [found.span() for found in FORM.finditer(section)]

    def wired(found: re.Match[str]) -> str:
        if re.search(r"data-(?:filter|sort|choose)=", found[0]) or any(a < found.start() < b for a, b in forms):
            return found[0]
        orders = re.search(
            r"\b(?:sort|order)", text_of(section[max(0, found.start() - 80) : found.start()]), re.IGNORECASE
        )
        return f'<select data-{"sort" if orders else "filter"}="#{listed[1]}"{found[0][len("<select") :]}'

    return re.sub(r"<select\b[^<>]*+>", wired, section, flags=re.IGNORECASE)


def _with_targets(page: str, section: str) -> str:
    """A list or box that an attribute names and nobody made is put at the section's end."""
    made = []
    for name in dict.fromkeys(re.findall(r"""\bdata-(?:add|vote|put|choose)=["']#([\w-]+)["']""", section)):
        if not has_id(page + section, name):
            tag = "ul" if re.search(rf"data-(?:add|put)=[\"']#{name}", section) else "div"
            made.append(f'<{tag} id="{name}"></{tag}>\n')
    end = section.lower().rfind("</section")
    return section[:end] + "".join(made) + section[end:] if made and end >= 0 else section + "".join(made)


def _with_link(page: str, name: str, title: str) -> str:
    """Whoever looks for the new section in the navigation finds it. The page as it is where there is not just one."""
    navs = list(NAV.finditer(page))
    if len(navs) != 1 or f'"#{name}"' in navs[0][0]:
        return page
    link = f'<a href="#{name}">{html.escape(whole_words(title, _LINK_CHARS))}</a>'
    ends = [(page.lower().rfind(mark, navs[0].start(), navs[0].end()), mark) for mark in ("</ul", "</nav")]
    at, mark = next(end for end in ends if end[0] >= 0)
    return page[:at] + (f"<li>{link}</li>" if mark == "</ul" else link) + page[at:]
