"""Repairs that change markup alone: a new section, a form's opening tag, a dead control, the navigation.

The behaviour comes from kit/site.js, so that a small model has to choose an attribute and need not write a script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from appliance import prompts
from appliance.artifact import parse_patch
from appliance.findings import describe
from appliance.mend_forms import fitting, form_patch, opening_tag, search_patch, with_report, without_handlers
from appliance.mend_patch import INLINE, KIT_WAYS, PAGE, MarkupPatch, ready, replaced
from appliance.mend_pieces import (
    CONTROL,
    FORM,
    NAV,
    SCRIPT,
    SELECT,
    form_at,
    kinds_in,
    label_of,
    list_names,
    places,
    text_of,
    titles,
    with_list_names,
    with_places,
)
from appliance.mend_ready import MAKES_REPORTS, PUT, TO_CART, Sections, way_in_card, with_anchors_led, with_cart
from appliance.mend_section import read_section, without_thin_section
from appliance.recipes import examples_own, opening, recipe
from appliance.steps import Artifact, Build, ChecklistItem, FileAppend, FileWrite, Finding

FORM_KINDS = ("submit-lost", "add-fails", "not-persisted", "fake-success")
CONTROL_KINDS = ("dead-control", "filter-fails")
LINK_KINDS = ("dead-link", "dead-anchor")
_AROUND_CHARS = 400
_HREF = re.compile(r"""\s+href=(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
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
_EXAMPLE_WORDS = re.compile(r">(?:Title|Two sentences\.|Words)<")
_SELECT_WAYS = """\
- <select data-sort="#list">, for orders, sorts the entries of the list with that id by what is chosen
- <select data-filter="#list"> shows the entries of that list that have the chosen word; the first option is All
- <select data-choose="#panel"> keeps what is chosen and says so in the box with that id
"""


def feature_patch(page: str, item: ChecklistItem, brief: str) -> MarkupPatch:
    """One new section for what the page lacks; one of that name that is all but empty gives way."""
    page = without_thin_section(page, item)
    named = "\n".join(f"- {title[:80]}" for title in dict.fromkeys(titles(page)) if title)
    example = recipe(item)
    foreign = tuple(name for name in examples_own(example) if name.lower() not in brief.lower())
    messages = prompts.feature(brief, named or "- nothing yet", item, example)
    start = opening(item, {title.lower() for title in titles(page)})
    return MarkupPatch(messages, "feature", page, f"```html\n{start}", foreign=foreign)


def markup_patch(page: str, findings: Sequence[Finding]) -> MarkupPatch | None:
    """None where the piece does not stand in the page's source, or the finding is of another kind."""
    first, problem = findings[0], "\n".join(describe(finding) for finding in findings)
    if first.kind in FORM_KINDS:
        return form_patch(page, first, problem) or _control_patch(page, first)
    if first.kind in CONTROL_KINDS:
        return _select_patch(page, first) if first.place.startswith("select") else _control_patch(page, first)
    if first.kind == "search-fails":
        return search_patch(page, first)
    if first.kind == "dead-anchor" and (anchors := _anchors_patch(page)):
        return anchors
    if first.kind in LINK_KINDS:
        outside = None if " in nav" in first.place else _control_patch(page, first)
        return outside or _nav_patch(page, problem)
    return None


def is_at_start(finding: Finding) -> bool:
    """Whether a script throws as the page opens, not when something on it is used."""
    return finding.kind == "exception" and _USED.search(finding.evidence) is None


def used_patch(page: str, finding: Finding) -> MarkupPatch | None:
    """For a script that throws when a form or button is used: an attribute in its place does the work without it."""
    used = _USED.search(finding.evidence)
    if used is None:
        return None
    place = replace(finding, place=used[1])
    if "form" not in used[1]:
        return _control_patch(page, place)
    if form := form_at(page, used[1]):
        page = without_handlers(page, form)
    form = form_at(page, used[1])
    if form and MAKES_REPORTS.search(label_of(used[1])):
        return with_report(page, form)
    return form_patch(page, place, describe(finding))


def read_markup(patch: MarkupPatch, reply: str, *, cut: bool) -> Artifact:
    if cut:
        return Artifact(Build(), problems=("the repair was cut off before its end",), truncated=True)
    artifact = parse_patch(SCRIPT.sub("", reply), patch.path)
    blocks = [change.content for change in artifact.changes if isinstance(change, FileAppend)]
    if not blocks or len(blocks) != len(artifact.changes):
        return Artifact(Build(), problems=(*artifact.problems, "the reply is not one piece in an HTML block"))
    match patch.scope:
        case "feature":
            return read_section(patch.page, patch.path, patch.foreign, "\n".join(blocks))
        case "form":
            form = patch.page[patch.at :].partition("</form")[0]
            return replaced(patch, fitting(opening_tag(blocks[0], patch.old), form))
        case "nav":
            found = NAV.search(blocks[0])
            return replaced(patch, found[0] if found else "")
        case "control" | "script":
            new = blocks[0].strip()
            if why := _control_fault(new, patch.old):
                return Artifact(Build(), problems=(why,))
            return replaced(patch, new)


def _control_fault(new: str, old: str) -> str:
    """Small models drop what they were to mend, or fill a box with the words that explain the example."""
    words = text_of(re.sub(r"<option\b(?:(?!<option\b).)*?</option\s*+>", "", old, flags=re.DOTALL))
    if words.lower() not in text_of(new).lower() or not re.search(r"<(?:button|a|select)\b", new):
        return f"the element came back without its words “{words[:40]}”"
    return "the box holds the words of the example" if _EXAMPLE_WORDS.search(new) else ""


# -- controls --------------------------------------------------------------------------------------------------------


def _control_patch(page: str, finding: Finding) -> MarkupPatch | None:
    label = label_of(finding.place)
    controls = CONTROL.finditer(page)
    control = next((found for found in controls if label and text_of(found[0]) == label), None)
    if control is None:
        return None
    if way := way_in_card(page, finding.place, label):
        return ready(with_cart(page) if way == PUT else page, control[0], _with_way(control, way))
    alone = finding.kind in (*FORM_KINDS, "filter-fails") or TO_CART.search(label)
    if named := "" if alone else Sections(page).named_by(label, control.start()):
        sends = any(control[0] in form[0] for form in FORM.finditer(page))
        return ready(page, control[0], _leading_to(control, named), at=control.start() if sends else -1)
    several = page.count(control[0]) > 1
    around = page[max(0, control.start() - _AROUND_CHARS) : control.end()]
    around = around[max(0, around.find("\n")) :]
    messages = prompts.repair_piece(
        "control",
        control=control[0],
        around=around.strip(),
        places=places(page),
        ways="".join(line + "\n" for line in _WAYS.splitlines() if not several or _fits_each(line, label)),
    )
    return MarkupPatch(messages, "control", page, "```html\n<", control[0])


def _fits_each(way: str, label: str) -> bool:
    """Buttons that read alike stand in cards: what all of them can do alike is to show, to mark or to put the card."""
    return "data-put" in way if TO_CART.search(label) else "data-details" in way or "data-mark" in way


def _with_way(control: re.Match[str], way: str) -> str:
    """The element with this attribute, and with none that did nothing."""
    tag, rest = control[0].split(">", 1)
    name = len(f"<{control[1]}")
    return f"{tag[:name]} {way}{KIT_WAYS.sub('', tag[name:])}>{rest}"


def _leading_to(control: re.Match[str], name: str) -> str:
    if control[1].lower() != "a":
        return _with_way(control, f'data-open="#{name}"')
    tag, rest = control[0].split(">", 1)
    for done in (KIT_WAYS, INLINE, _HREF):
        tag = done.sub("", tag)
    return f'{tag} href="#{name}">{rest}'


def _anchors_patch(page: str) -> MarkupPatch | None:
    """All dead anchors at once, where a section can be told for one of them."""
    page = with_places(page)
    led = with_anchors_led(page)
    return None if led == page else MarkupPatch((), "nav", led, "", ready=Artifact(Build(), (FileWrite(PAGE, led),)))


def _select_patch(page: str, finding: Finding) -> MarkupPatch | None:
    """A choice that does nothing gets the attribute that fits; lists without a name get one first."""
    page = with_list_names(page)
    said = label_of(finding.place).rstrip(":")
    choices = SELECT.finditer(page)
    choice = next((one for one in choices if said in text_of(page[max(0, one.start() - 160) : one.end(1)])), None)
    if choice is None:
        return None
    if (named := re.search(r"""\bdata-filter=["']#([\w-]+)""", choice[1])) and (kinds := kinds_in(page, named[1])):
        options = "".join(f"<option>{kind}</option>" for kind in ("All", *kinds))
        return ready(page, choice[0], f"{choice[1]}{options}</select>", at=choice.start())
    around = page[max(0, choice.start() - _AROUND_CHARS) : choice.end()]
    messages = prompts.repair_piece(
        "control",
        control=choice[0],
        around=around[max(0, around.find("\n")) :].strip(),
        places="\n".join(f"- #{name}" for name in list_names(page)) or "- none",
        ways=_SELECT_WAYS,
    )
    return MarkupPatch(messages, "control", page, "```html\n<select data-", choice[0], at=choice.start())


# -- navigation ------------------------------------------------------------------------------------------------------


def _nav_patch(page: str, problem: str) -> MarkupPatch | None:
    page = with_places(page)
    found = NAV.findall(page)
    if len(found) != 1:
        return None
    messages = prompts.repair_piece("nav", problem=problem, nav=found[0], places=places(page))
    return MarkupPatch(messages, "nav", page, "```html\n<nav", found[0])
