"""Repairs that change markup alone: a new section, a form's opening tag, a dead control, the navigation.

The behaviour comes from kit/site.js, so that a small model has to choose an attribute and need not write a script.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from appliance import prompts
from appliance.artifact import parse_patch, unescaped
from appliance.checklist_check import stem
from appliance.findings import describe
from appliance.recipes import done_by, examples_own, marked_as, opening, recipe, title_of, whole_words
from appliance.steps import Artifact, Build, Change, ChecklistItem, FileAppend, FileWrite, Finding
from models.chat import ChatMessage

FORM_KINDS = ("submit-lost", "add-fails", "not-persisted", "fake-success")
CONTROL_KINDS = ("dead-control", "filter-fails")
LINK_KINDS = ("dead-link", "dead-anchor")
_AROUND_CHARS = 400
THIN_CHARS = 40
_LINK_CHARS = 28
_LIST_CHARS = 1500
_FILLED = re.compile(  # an id may be filled by a script
    r"\bid=|<(?:form|button|input|select|textarea|table|img|svg|canvas|video|audio|iframe)\b", re.IGNORECASE
)
_INLINE = re.compile(r"""\s+on(?:submit|click)=(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_USABLE = re.compile(r"<(?:form|button|input)\b[^<>]*+>", re.IGNORECASE)
_USED = re.compile(r"\(when (.*) is used\)")
_WAYS = """\
- <button data-open="#more">Words</button><dialog id="more"><h3>Title</h3><p>Two sentences.</p></dialog> shows more
- <button data-put="#cart">Words</button> puts its card into the list with the id cart
- <button data-toggle="#panel">Words</button> shows and hides the box with that id
- <button data-choose="#panel">Words</button> chooses this one of several and says so in the box with that id
- <button data-mark="Joined">Join</button> marks its card, and keeps that
- <button data-details>Words</button> shows its card large, with everything in it
- <button data-filter="#list" data-value="Fiction">Words</button> shows the entries of that kind in that list
- <button data-answer="Thank you.">Words</button> takes what was entered in the fields beside it, and says this
"""
_IN_CARD = re.compile(r"\" in (?:article|li|tr)\b|\" in [^\s#]+\.card(?:\.|$)")
_SHOWS_MORE = re.compile(r"\b(?:view|details?|more|learn|read|explore|discover|see)\b", re.IGNORECASE)
_PUT = 'data-put="#cart"'
_TO_CART = re.compile(r"\b(?:cart|basket|bag|buy|order|purchase)\b", re.IGNORECASE)
_KIT_WAYS = re.compile(
    r"""\s+data-(?:filter|put|open|details|toggle|choose|mark|report|answer|add|login|vote)(?:=(?:"[^"]*"|'[^']*'|[^\s>]+))?"""
)
_EXAMPLE_WORDS = re.compile(r">(?:Title|Two sentences\.|Words)<")
_SELECT_WAYS = """\
- <select data-sort="#list">, for orders, sorts the entries of the list with that id by what is chosen
- <select data-filter="#list"> shows the entries of that list that have the chosen word; the first option is All
- <select data-choose="#panel"> keeps what is chosen and says so in the box with that id
"""
# An element ends before the next of its kind begins: a page of opening tags alone would be searched for ever.
RAW_ELEMENT = re.compile(r"<(style|script)\b(?:(?!<\1\b).)*?</\1\s*+>", re.DOTALL | re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b(?:(?!<script\b).)*?</script\s*+>", re.DOTALL)
_NAV = re.compile(r"<nav\b(?:(?!<nav\b).)*?</nav\s*+>", re.DOTALL | re.IGNORECASE)
_FORM = re.compile(r"(<form\b[^<>]*+>)(?:(?!<form\b).)*?</form\s*+>", re.DOTALL | re.IGNORECASE)
_SECTION = re.compile(r"<section\b[^<>]*+>(?:(?!<section\b).)*?</section\s*+>", re.DOTALL | re.IGNORECASE)
_CONTROL = re.compile(r"<(button|a)\b[^<>]*+>(?:(?!<\1\b).)*?</\1\s*+>", re.DOTALL | re.IGNORECASE)
_SELECT = re.compile(r"(<select\b[^<>]*+>)((?:(?!<select\b).)*?)</select\s*+>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<h[1-4]\b[^<>]*+>((?:(?!<h[1-4]\b).)*?)</h[1-4]>", re.DOTALL | re.IGNORECASE)
_ENTRY = re.compile(r"<(article|li)\b[^<>]*+>(?:(?!<\1\b).)*?</\1\s*+>", re.DOTALL | re.IGNORECASE)
_LIST = re.compile(
    r"""<(?:ul|ol|table|tbody|div(?=[^<>]*\bclass=["'][^"'<>]*\b(?:cards|grid|list)\b))\b[^<>]*>""", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class MarkupPatch:
    """What was asked, how the answer begins, and which piece of the page it replaces; none for a new section.

    `foreign` are words of the worked example that must not come back.
    """

    messages: tuple[ChatMessage, ...]
    scope: Literal["feature", "form", "control", "nav"]
    page: str
    start: str
    old: str = ""
    foreign: tuple[str, ...] = ()
    at: int = -1
    """Where the piece stands, for one that must not be changed elsewhere too; -1 for all that read like it."""
    path: str = "index.html"
    ready: Artifact | None = None
    """The repair itself, where only one fits: no model is asked."""


def feature_patch(page: str, item: ChecklistItem, brief: str) -> MarkupPatch:
    """One new section for what the page lacks; one of that name that is all but empty gives way."""
    page = _without_thin_section(page, item)
    titles = "\n".join(f"- {title[:80]}" for title in dict.fromkeys(_titles(page)) if title)
    example = recipe(item)
    foreign = tuple(name for name in examples_own(example) if name.lower() not in brief.lower())
    messages = prompts.feature(brief, titles or "- nothing yet", item, example)
    start = opening(item, {title.lower() for title in _titles(page)})
    return MarkupPatch(messages, "feature", page, f"```html\n{start}", foreign=foreign)


def _without_thin_section(page: str, item: ChecklistItem) -> str:
    """Small models announce a section and leave it empty: a heading, a comment, nothing to read or to use."""
    wanted = {stem(word) for word in re.findall(r"\w{3,}", (item.subject or title_of(item)).lower())}
    for found in _SECTION.finditer(page):
        body = re.sub(r"<!--.*?(?:-->|\Z)", "", found[0], flags=re.DOTALL)
        named = {stem(word) for title in _titles(body)[:1] for word in re.findall(r"\w{3,}", title.lower())}
        rest = re.sub(r"<h[1-4]\b(?:(?!<h[1-4]\b).)*?</h[1-4]\s*+>", "", body, flags=re.DOTALL | re.IGNORECASE)
        inner = rest[rest.find(">") + 1 :]
        if wanted and wanted <= named and len(_text(rest)) < THIN_CHARS and not _FILLED.search(inner):
            without = page[: found.start()] + page[found.end() :]
            own = re.search(r"""\bid=["']([\w-]+)""", found[0])
            new = re.search(r'id="([\w-]+)"', opening(item, {title.lower() for title in _titles(without)}))
            return without.replace(f'"#{own[1]}"', f'"#{new[1]}"') if own and new else without
    return page


def markup_patch(page: str, findings: Sequence[Finding]) -> MarkupPatch | None:
    """None where the piece does not stand in the page's source, or the finding is of another kind."""
    first, problem = findings[0], "\n".join(describe(finding) for finding in findings)
    if first.kind in FORM_KINDS:
        return _form_patch(page, first, problem) or _control_patch(page, first)
    if first.kind in CONTROL_KINDS:
        return _select_patch(page, first) if first.place.startswith("select") else _control_patch(page, first)
    if first.kind in LINK_KINDS:
        outside = None if " in nav" in first.place else _control_patch(page, first)
        return outside or _nav_patch(page, problem)
    return None


def used_patch(page: str, finding: Finding) -> MarkupPatch | None:
    """For a script that throws when a form or button is used: an attribute in its place does the work without it."""
    used = _USED.search(finding.evidence)
    if used is None:
        return None
    place = replace(finding, place=used[1])
    if "form" not in used[1]:
        return _control_patch(page, place)
    page = _without_inline(page, used[1])
    form = _form_at(page, used[1])
    if form and _MAKES_REPORTS.search(_label(used[1])):
        return _with_report(page, form)
    return _form_patch(page, place, describe(finding))


def _without_inline(page: str, place: str) -> str:
    """A form and its buttons without handlers of their own, which would throw beside any attribute."""
    form = _form_at(page, place)
    if form is None:
        return page
    tags = _USABLE.sub(lambda tag: _INLINE.sub("", tag[0]), form[0])
    return page[: form.start()] + tags + page[form.end() :]


def read_markup(patch: MarkupPatch, reply: str, *, cut: bool) -> Artifact:
    if cut:
        return Artifact(Build(), problems=("the repair was cut off before its end",), truncated=True)
    artifact = parse_patch(_SCRIPT.sub("", reply), patch.path)
    blocks = [change.content for change in artifact.changes if isinstance(change, FileAppend)]
    if not blocks or len(blocks) != len(artifact.changes):
        return Artifact(Build(), problems=(*artifact.problems, "the reply is not one piece in an HTML block"))
    match patch.scope:
        case "feature":
            return _read_section(patch, "\n".join(blocks))
        case "form":
            form = patch.page[patch.at :].partition("</form")[0]
            return _replaced(patch, _fitting(_opening_tag(blocks[0], patch.old), form))
        case "nav":
            found = _NAV.search(blocks[0])
            return _replaced(patch, found[0] if found else "")
        case "control":
            new = blocks[0].strip()
            if why := _control_fault(new, patch.old):
                return Artifact(Build(), problems=(why,))
            return _replaced(patch, new)


def _control_fault(new: str, old: str) -> str:
    """Small models drop what they were to mend, or fill a box with the words that explain the example."""
    words = _text(re.sub(r"<option\b(?:(?!<option\b).)*?</option\s*+>", "", old, flags=re.DOTALL))
    if words.lower() not in _text(new).lower() or not re.search(r"<(?:button|a|select)\b", new):
        return f"the element came back without its words “{words[:40]}”"
    return "the box holds the words of the example" if _EXAMPLE_WORDS.search(new) else ""


def _replaced(patch: MarkupPatch, new: str) -> Artifact:
    """Every piece that reads exactly like the old one becomes the new one."""
    if not new or new == patch.old:
        return Artifact(Build(), problems=("the piece came back unchanged",))
    if patch.at < 0:
        return Artifact(Build(), (FileWrite(patch.path, patch.page.replace(patch.old, new)),))
    page = patch.page[: patch.at] + new + patch.page[patch.at + len(patch.old) :]
    return Artifact(Build(), (FileWrite(patch.path, page),))


# -- forms -----------------------------------------------------------------------------------------------------------


def _form_patch(page: str, finding: Finding, problem: str) -> MarkupPatch | None:
    form = _form_at(page, finding.place)
    if form is None:
        return None
    if finding.kind == "fake-success" and _MAKES_REPORTS.search(_label(finding.place)):
        return _with_report(page, form)
    ids = re.findall(r"""<(?:ul|ol|div|section|table|tbody|dialog)\b[^<>]*\bid=["']([\w-]+)""", page)
    messages = prompts.repair_piece("form", problem=problem, form=form[0], ids=", ".join(ids[:24]) or "none")
    return MarkupPatch(messages, "form", page, "```html\n<form ", form[1], at=form.start())


def _with_report(page: str, form: re.Match[str]) -> MarkupPatch:
    """What a form that only says it made something can do: report what was entered, and of what the page knows that of
    the list whose words are most like the form's."""
    page = _with_list_names(page)
    form = next(found for found in _FORM.finditer(page) if found[0] == form[0])
    wanted = _stems(_text(" ".join((*_titles(page[: form.start()])[-1:], form[0]))))
    alike = {
        named[1]: len(wanted & _stems(_text(page[found.end() : found.end() + _LIST_CHARS].partition("</section")[0])))
        for found in _LIST.finditer(page)
        if not form.start() < found.start() < form.end()
        and (named := re.search(r"""\bid=["']([\w-]+)["']""", found[0]))
    }
    best = max(alike, key=lambda name: alike[name], default="")
    tag = _opening_tag(form[1], form[1]).rstrip(">").rstrip()
    way = f'data-report="#{best}"' if best and alike[best] else 'data-report=""'
    patch = MarkupPatch((), "form", page, "", form[1], at=form.start())
    return replace(patch, ready=_replaced(patch, f"{_KIT_WAYS.sub('', tag)} {way}>"))


def _stems(text: str) -> set[str]:
    return {stem(word) for word in re.findall(r"[^\W\d_]{4,}", text.lower())}


def _form_at(page: str, place: str) -> re.Match[str] | None:
    """The form that the explorer's place speaks of, whole, and its opening tag."""
    forms = list(_FORM.finditer(page))
    if named := re.search(r"form#([\w-]+)", place):
        forms = [form for form in forms if re.search(rf"""\bid=["']{re.escape(named[1])}["']""", form[1])] or forms
    if (said := _label(place)) and len(forms) > 1:
        forms = [form for form in forms if said in _text(form[0])] or forms
    return next(iter(forms), None)


def _opening_tag(reply: str, old: str) -> str:
    """The new tag with the old one's id, which labels and styles may name."""
    found = re.search(r"<form\b[^<>]*+>", reply, re.IGNORECASE)
    if found is None:
        return ""
    kept = re.search(r"""\bid=["'][\w-]+["']""", old)
    new = re.sub(r"""\s+(?:id|action|method|onsubmit)=("[^"]*"|'[^']*')""", "", found[0])
    return new.replace("<form", f"<form {kept[0]}", 1) if kept else new


_FORM_WAYS = re.compile(r"""\bdata-(add|answer|report|login|vote)(-[\w-]+)?(?=[=\s>])""")
_MAKES_REPORTS = re.compile(r"\b(?:report|calculat|analy[sz]|summar|estimat|generat|convert)", re.IGNORECASE)


def _fitting(tag: str, form: str) -> str:
    """A name that kit/site.js does not know is the one it begins with, or else what the form's own words ask for. A
    vote counts choices: on a form that offers none it would swallow what was entered, so that form answers."""
    if not tag:
        return ""
    answer = 'data-answer="Thank you, we have received it."'
    tag = _FORM_WAYS.sub(r"data-\1", tag)
    if not _FORM_WAYS.search(tag):
        way = 'data-report=""' if _MAKES_REPORTS.search(_text(form)) else answer
        return f"{tag.rstrip('>').rstrip()} {way}>"
    offers = re.search(r"""<select\b|type=["']?radio""", form, re.IGNORECASE)
    return tag if offers else re.sub(r"""\bdata-vote(?:=("[^"]*"|'[^']*'|[^\s>]+))?""", answer, tag)


# -- controls --------------------------------------------------------------------------------------------------------


def _control_patch(page: str, finding: Finding) -> MarkupPatch | None:
    label = _label(finding.place)
    controls = _CONTROL.finditer(page)
    control = next((found for found in controls if label and _text(found[0]) == label), None)
    if control is None:
        return None
    if way := _way_in_card(page, finding.place, label):
        patch = MarkupPatch((), "control", _with_cart(page) if way == _PUT else page, "", control[0])
        return replace(patch, ready=_replaced(patch, _with_way(control, way)))
    several = page.count(control[0]) > 1
    around = page[max(0, control.start() - _AROUND_CHARS) : control.end()]
    around = around[max(0, around.find("\n")) :]
    messages = prompts.repair_piece(
        "control",
        control=control[0],
        around=around.strip(),
        places=_places(page),
        ways="".join(line + "\n" for line in _WAYS.splitlines() if not several or _fits_each(line, label)),
    )
    return MarkupPatch(messages, "control", page, "```html\n<", control[0])


def _fits_each(way: str, label: str) -> bool:
    """Buttons that read alike stand in cards: what all of them can do alike is to show, to mark or to put the card."""
    return "data-put" in way if _TO_CART.search(label) else "data-details" in way or "data-mark" in way


def _with_way(control: re.Match[str], way: str) -> str:
    """The element with this attribute, and with none that did nothing."""
    tag, rest = control[0].split(">", 1)
    name = len(f"<{control[1]}")
    return f"{tag[:name]} {way}{_KIT_WAYS.sub('', tag[name:])}>{rest}"


def _way_in_card(page: str, place: str, label: str) -> str:
    """The attribute that a button in a card can only mean by its words; empty where there is a choice."""
    if not _IN_CARD.search(place):
        return ""
    if _TO_CART.search(label):
        carts = set(re.findall(r"""\bdata-put=["']#([\w-]+)["']""", page))
        if len(carts) == 1:
            return f'data-put="#{carts.pop()}"'
        return _PUT if not carts and not _has_id(page, "cart") and re.search(r"\bcart\b", label, re.IGNORECASE) else ""
    if done := marked_as(label):
        return f'data-mark="{done}"'
    if done := done_by(label):
        form = _section_with_form(page, label)
        return f'data-open="#{form}"' if form else f'data-mark="{done}"'
    if _MAKES_REPORTS.search(label) and (section := _with_report_form(page)):
        return f'data-open="#{section}"'
    return "data-details" if _SHOWS_MORE.search(label) else ""


def _with_cart(page: str) -> str:
    """For what is put into a cart on a page that has none."""
    cart = '<section id="your-cart"><h2>Your cart</h2>\n<ul id="cart"></ul></section>\n'
    at = next((at for mark in ("</main", "<footer", "</body") if (at := page.lower().rfind(mark)) >= 0), len(page))
    return page if _has_id(page, "cart") else f"{page[:at]}{cart}{page[at:]}"


def _section_with_form(page: str, label: str) -> str:
    """The id of the section with a form that shares a word with the button; empty where there is none."""
    wanted = _stems(label)
    for found in _SECTION.finditer(page):
        named, form = re.search(r"""^<section\b[^<>]*\bid=["']([\w-]+)["']""", found[0]), _FORM.search(found[0])
        if named and form and wanted & _stems(" ".join((*_titles(found[0])[:1], _text(form[0])))):
            return named[1]
    return ""


def _with_report_form(page: str) -> str:
    """The id of the section where a report can be asked for; empty where there is none."""
    at = page.find("<form data-report=")
    before = [found[1] for found in re.finditer(r"""<section\b[^<>]*\bid=["']([\w-]+)["']""", page[: max(at, 0)])]
    return before[-1] if before else ""


def _select_patch(page: str, finding: Finding) -> MarkupPatch | None:
    """A choice that does nothing gets the attribute that fits; lists without a name get one first."""
    page = _with_list_names(page)
    said = _label(finding.place).rstrip(":")
    choices = _SELECT.finditer(page)
    choice = next((one for one in choices if said in _text(page[max(0, one.start() - 160) : one.end(1)])), None)
    if choice is None:
        return None
    if (named := re.search(r"""\bdata-filter=["']#([\w-]+)""", choice[1])) and (kinds := _kinds_in(page, named[1])):
        options = "".join(f"<option>{kind}</option>" for kind in ("All", *kinds))
        patch = MarkupPatch((), "control", page, "", choice[0], at=choice.start())
        return replace(patch, ready=_replaced(patch, f"{choice[1]}{options}</select>"))
    around = page[max(0, choice.start() - _AROUND_CHARS) : choice.end()]
    messages = prompts.repair_piece(
        "control",
        control=choice[0],
        around=around[max(0, around.find("\n")) :].strip(),
        places="\n".join(f"- #{name}" for name in _list_names(page)) or "- none",
        ways=_SELECT_WAYS,
    )
    return MarkupPatch(messages, "control", page, "```html\n<select data-", choice[0], at=choice.start())


def _kinds_in(page: str, name: str) -> tuple[str, ...]:
    """The kinds that the entries of the list of this name say they are; none where fewer than two are told apart."""
    behind = page.partition(f'id="{name}"')[2].partition("</section")[0]
    kinds = tuple(dict.fromkeys(re.findall(r"""\bdata-category=["']([^"'<>]+)["']""", behind)))
    return kinds if len(kinds) > 1 else ()


def _list_names(page: str) -> list[str]:
    tags = (found[0] for found in _LIST.finditer(page))
    return [named[1] for tag in tags if (named := re.search(r"""\bid=["']([\w-]+)["']""", tag))][:12]


def _with_list_names(page: str) -> str:
    """Lists and rows of cards, those of the navigation left out, get an id that an attribute can name."""
    free = (f"list-{n}" for n in range(1, 1000) if not _has_id(page, f"list-{n}"))
    navs = [found.span() for found in _NAV.finditer(page)]

    def named(found: re.Match[str]) -> str:
        in_nav = any(first < found.start() < behind for first, behind in navs)
        return found[0] if in_nav or " id=" in found[0] else f'{found[0][:-1]} id="{next(free)}">'

    return _LIST.sub(named, page)


# -- navigation ------------------------------------------------------------------------------------------------------


def _nav_patch(page: str, problem: str) -> MarkupPatch | None:
    page = _with_places(page)
    found = _NAV.findall(page)
    if len(found) != 1:
        return None
    messages = prompts.repair_piece("nav", problem=problem, nav=found[0], places=_places(page))
    return MarkupPatch(messages, "nav", page, "```html\n<nav", found[0])


def _with_places(page: str) -> str:
    """Sections without an id get one from their heading, so that a link can lead there."""

    def named(found: re.Match[str]) -> str:
        title = _titles(page[found.end() : found.end() + 600])
        name = re.sub(r"[^a-z0-9]+", "-", title[0].lower()).strip("-")[:30] if title else ""
        return f'{found[1]} id="{name}">' if name and not _has_id(page, name) else found[0]

    return re.sub(r"(<section\b(?![^<>]*\bid=)[^<>]*+)>", named, page)


def _places(page: str) -> str:
    places = []
    for found in re.finditer(r"""<(?:section|article|main|header|footer|div)\b[^<>]*\bid=["']([\w-]+)[^<>]*>""", page):
        title = _titles(page[found.end() : found.end() + 400])
        # A list that an attribute fills belongs to its section, and is no place of its own.
        if not re.search(rf"""\bdata-[a-z]+=["']#{re.escape(found[1])}["']""", page):
            places.append(f"- #{found[1]}: {title[0][:60] if title else found[1]}")
    return "\n".join(places[:16])


# -- new sections ----------------------------------------------------------------------------------------------------


def _read_section(patch: MarkupPatch, section: str) -> Artifact:
    """The section with ids that are still free, and a link to it in the page's navigation.

    Small models copy: entries that come from the example are left out; a section that has no others, or stands on the
    page already, is refused.
    """
    section = _without_copies(section, patch.foreign)
    opened, closed = (len(re.findall(rf"<{mark}section\b", section, re.IGNORECASE)) for mark in ("", "/"))
    section += "</section>" * (opened - closed)  # else the next ones would stand inside it
    if copied := next((name for name in patch.foreign if name.lower() in section.lower()), ""):
        return Artifact(
            Build(), problems=(f"the section copies the example (“{copied}”) instead of being about the site",)
        )
    if repeated := {title.lower() for title in _titles(section)[:1]} & {title.lower() for title in _titles(patch.page)}:
        return Artifact(Build(), problems=(f"the page has a section “{repeated.pop()}” already",))
    section = re.sub(r"""\s+on\w+\s*=\s*("[^"]*"|'[^']*')""", "", section)  # it names functions that are not there
    section = _with_free_ids(patch.page, section)
    section = _with_targets(patch.page, _with_choices_wired(_with_lists_named(patch.page, section)))
    changes: list[Change] = []
    name, title = re.search(r"""<section[^<>]*\bid=["']([^"']+)""", section), _titles(section)
    if name and title:
        changes.append(FileWrite(patch.path, _with_link(patch.page, name[1], title[0].capitalize())))
    return Artifact(Build(), (*changes, FileAppend(patch.path, "html", section)))


def _without_copies(section: str, foreign: Sequence[str]) -> str:
    entries = list(_ENTRY.finditer(section))
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
        if _has_id(page, name):
            free = next(f"{name}-{n}" for n in range(2, 1000) if not _has_id(page, f"{name}-{n}"))
            section = re.sub(rf"""((?:\bid|\bfor)=["']|["']#){re.escape(name)}(?=["'])""", rf"\g<1>{free}", section)
    return section


def _with_lists_named(page: str, section: str) -> str:
    """A list that an attribute names and nobody made is the section's own list, whatever that was called."""
    for name in dict.fromkeys(re.findall(r"""\bdata-(?:filter|sort|search|report)=["']#([\w-]+)["']""", section)):
        own = None if _has_id(page + section, name) else _LIST.search(section)
        if own:
            tag = re.sub(r"""\s+id=["'][^"']*["']""", "", own[0])
            section = f'{section[: own.start()]}{tag[:-1]} id="{name}">{section[own.end() :]}'
    return section


def _with_choices_wired(section: str) -> str:
    """A choice that stands in no form and says nothing about what it does acts on the section's list: it sorts where
    its label speaks of an order, else it filters."""
    listed = next((named for tag in _LIST.finditer(section) if (named := re.search(r'\bid="([\w-]+)"', tag[0]))), None)
    if listed is None:
        return section
    forms = [found.span() for found in _FORM.finditer(section)]

    def wired(found: re.Match[str]) -> str:
        if re.search(r"data-(?:filter|sort|choose)=", found[0]) or any(a < found.start() < b for a, b in forms):
            return found[0]
        orders = re.search(
            r"\b(?:sort|order)", _text(section[max(0, found.start() - 80) : found.start()]), re.IGNORECASE
        )
        return f'<select data-{"sort" if orders else "filter"}="#{listed[1]}"{found[0][len("<select") :]}'

    return re.sub(r"<select\b[^<>]*+>", wired, section, flags=re.IGNORECASE)


def _with_targets(page: str, section: str) -> str:
    """A list or box that an attribute names and nobody made is put at the section's end."""
    made = []
    for name in dict.fromkeys(re.findall(r"""\bdata-(?:add|vote|put|choose)=["']#([\w-]+)["']""", section)):
        if not _has_id(page + section, name):
            tag = "ul" if re.search(rf"data-(?:add|put)=[\"']#{name}", section) else "div"
            made.append(f'<{tag} id="{name}"></{tag}>\n')
    end = section.lower().rfind("</section")
    return section[:end] + "".join(made) + section[end:] if made and end >= 0 else section + "".join(made)


def _with_link(page: str, name: str, title: str) -> str:
    """Whoever looks for the new section in the navigation finds it. The page as it is where there is not just one."""
    navs = list(_NAV.finditer(page))
    if len(navs) != 1 or f'"#{name}"' in navs[0][0]:
        return page
    link = f'<a href="#{name}">{html.escape(whole_words(title, _LINK_CHARS))}</a>'
    ends = [(page.lower().rfind(mark, navs[0].start(), navs[0].end()), mark) for mark in ("</ul", "</nav")]
    at, mark = next(end for end in ends if end[0] >= 0)
    return page[:at] + (f"<li>{link}</li>" if mark == "</ul" else link) + page[at:]


# -- words of the markup ---------------------------------------------------------------------------------------------


def _titles(markup: str) -> list[str]:
    return [_text(text) for text in _TITLE.findall(RAW_ELEMENT.sub("", markup))]


def _text(markup: str) -> str:
    return unescaped(re.sub(r"\s+", " ", re.sub(r"<[^<>]++>", " ", markup))).strip()


def _label(place: str) -> str:
    """The words in quotes of the explorer's `button "Learn More" in div.card`."""
    found = re.search(r'"(.+?)"', place)
    return found[1] if found else ""


def _has_id(page: str, name: str) -> bool:
    return re.search(rf"""\bid\s*=\s*["']{re.escape(name)}["']""", page) is not None
