"""Repairs of forms: their opening tag says what becomes of what is entered, and a search where it looks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance import prompts
from appliance.artifact import unescaped
from appliance.mend_patch import INLINE, KIT_WAYS, MarkupPatch, ready
from appliance.mend_pieces import FORM, LIST, form_at, label_of, stems, text_of, titles, with_list_names
from appliance.mend_ready import MAKES_REPORTS, list_to_search
from appliance.steps import Finding

_LIST_CHARS = 1500
_LABEL_CHARS = 160
_TYPED = re.compile(
    r"""<input\b(?![^<>]*\btype=["']?(?:checkbox|radio|submit|button|hidden)\b)[^<>]*+>""", re.IGNORECASE
)
_USABLE = re.compile(r"<(?:form|button|input)\b[^<>]*+>", re.IGNORECASE)
_NEEDS = {"vote": r"""<select\b|type=["']?radio""", "login": r"""type=["']?password"""}
_FORM_WAYS = re.compile(r"""\bdata-(add|answer|find|report|login|vote)(-[\w-]+)?(?=[=\s>])""")


def form_patch(page: str, finding: Finding, problem: str) -> MarkupPatch | None:
    form = form_at(page, finding.place)
    if form is None:
        return None
    if finding.kind == "fake-success" and MAKES_REPORTS.search(label_of(finding.place)):
        return with_report(page, form)
    ids = re.findall(r"""<(?:ul|ol|div|section|table|tbody|dialog)\b[^<>]*\bid=["']([\w-]+)""", page)
    messages = prompts.repair_piece("form", problem=problem, form=form[0], ids=", ".join(ids[:24]) or "none")
    return MarkupPatch(messages, "form", page, "```html\n<form ", form[1], at=form.start())


def with_report(page: str, form: re.Match[str]) -> MarkupPatch:
    """What a form that only says it made something can do: report what was entered, and of what the page knows that of
    the list whose words are most like the form's."""
    page = with_list_names(page)
    form = next(found for found in FORM.finditer(page) if found[0] == form[0])
    wanted = stems(text_of(" ".join((*titles(page[: form.start()])[-1:], form[0]))))
    alike = {
        named[1]: len(wanted & stems(text_of(page[found.end() : found.end() + _LIST_CHARS].partition("</section")[0])))
        for found in LIST.finditer(page)
        if not form.start() < found.start() < form.end()
        and (named := re.search(r"""\bid=["']([\w-]+)["']""", found[0]))
    }
    best = max(alike, key=lambda name: alike[name], default="")
    return _ready_form(page, form, f'data-report="#{best}"' if best and alike[best] else 'data-report=""')


def search_patch(page: str, finding: Finding) -> MarkupPatch | None:
    """A search form that finds nothing brings what fits of the list it can only mean; a field alone leaves it there."""
    page = with_list_names(page)
    if " in form" not in finding.place:
        return _search_field_patch(page, finding.place)
    form = _search_form(page, finding.place)
    if form is None or not (name := list_to_search(page, text_of(form[0]))):
        return None
    page = without_handlers(page, form)
    form = next(found for found in FORM.finditer(page) if found.start() == form.start())
    return _ready_form(page, form, f'data-find="#{name}"')


def _search_form(page: str, place: str) -> re.Match[str] | None:
    """One that holds the field's words, in a label or in the field."""
    said, named = re.findall(r'"(.+?)"', place), form_at(page, place)
    holding = [form for form in FORM.finditer(page) if any(one in unescaped(form[0]) for one in said)]
    return next((form for form in holding if named and form.start() == named.start()), next(iter(holding), None))


def _search_field_patch(page: str, place: str) -> MarkupPatch | None:
    said = re.findall(r'"(.+?)"', place)
    fields = (field for field in _TYPED.finditer(page) if _is_called(page, field, said))
    field, name = next(fields, None), list_to_search(page, " ".join(said))
    if field is None or not name:
        return None
    tag = re.sub(r"\s*/?>$", "", KIT_WAYS.sub("", INLINE.sub("", field[0])))
    return ready(page, field[0], f'{tag} data-search="#{name}">', at=field.start())


def _is_called(page: str, field: re.Match[str], said: Sequence[str]) -> bool:
    """By its placeholder, or by a label before it."""
    held = re.search(r"""\bplaceholder=(?:"([^"]*)"|'([^']*)')""", field[0])
    before = text_of(page[max(0, field.start() - _LABEL_CHARS) : field.start()])
    return any(one in (held[1], held[2]) for one in said) if held else any(before.endswith(one) for one in said)


def _ready_form(page: str, form: re.Match[str], way: str) -> MarkupPatch:
    """The form with this attribute, and with none that did not do it."""
    tag = KIT_WAYS.sub("", opening_tag(form[1], form[1]).rstrip(">").rstrip())
    return ready(page, form[1], f"{tag} {way}>", at=form.start(), scope="form")


def without_handlers(page: str, form: re.Match[str]) -> str:
    """A form and its buttons without handlers of their own, which would throw beside any attribute."""
    tags = _USABLE.sub(lambda tag: INLINE.sub("", tag[0]), form[0])
    return page[: form.start()] + tags + page[form.end() :]


def opening_tag(reply: str, old: str) -> str:
    """The new tag with the old one's id, which labels and styles may name."""
    found = re.search(r"<form\b[^<>]*+>", reply, re.IGNORECASE)
    if found is None:
        return ""
    kept = re.search(r"""\bid=["'][\w-]+["']""", old)
    new = re.sub(r"""\s+(?:id|action|method|onsubmit)=("[^"]*"|'[^']*')""", "", found[0])
    return new.replace("<form", f"<form {kept[0]}", 1) if kept else new


def fitting(tag: str, form: str) -> str:
    """A name that kit/site.js does not know is the one it begins with, or else what the form's own words ask for. A
    vote counts choices, and a login asks for a password: on a form that has none it would swallow what was entered or
    greet an age, so that form answers."""
    if not tag:
        return ""
    answer = 'data-answer="Thank you, we have received it."'
    tag = _FORM_WAYS.sub(r"data-\1", tag)
    if not _FORM_WAYS.search(tag):
        way = 'data-report=""' if MAKES_REPORTS.search(text_of(form)) else answer
        return f"{tag.rstrip('>').rstrip()} {way}>"
    for way, needs in _NEEDS.items():
        if not re.search(needs, form, re.IGNORECASE):
            tag = re.sub(rf"""\bdata-{way}(?:=("[^"]*"|'[^']*'|[^\s>]+))?""", answer, tag)
    return tag
