"""What the explorer knows of controls, forms and what an act changed: pure readings, no page is touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from appliance.explorer_facts import (
    claims_success,
    form_purpose,
    plain,
    says,
    short,
)
from appliance.steps import Act
from sandbox.hands import Effect, Mark, Target
from sandbox.page_text import parts_of

TYPED = frozenset({"text", "email", "number", "date", "password", "search", "textarea", "editable"})

State = Mapping[str, Any]
"""What the page script tells of a page."""
DESKTOP, PHONE = (1280, 800), (390, 844)


@dataclass(frozen=True, slots=True)
class Place:
    """A state of the site: what to open, and what to do there from a page without stored state."""

    path: str
    acts: tuple[Act, ...] = ()
    width: int = DESKTOP[0]


@dataclass(frozen=True, slots=True)
class Control:
    """A control and where it stands. `about` holds what the page script says of it."""

    mark: Mark
    about: Mapping[str, Any]

    @property
    def target(self) -> Target:
        return self.mark.target

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def words(self) -> str:
        """What the control calls itself."""
        return f"{self.name} {self.about['own_text']}"

    @property
    def kin(self) -> str:
        """Equal for the same control in the rows of a list, and for the entries of one menu."""
        return f"{self.mark.kind} {self.about['bare']}"

    @property
    def key(self) -> str:
        if self.mark.kind == "link" and self.mark.href and not self.mark.href.endswith("#"):
            return f"link {self.mark.href}"
        counted = re.sub(r"\(\d+\)|:\s*\d+", "", self.name.lower())
        return f"{self.kin} {counted or self.name}"

    @property
    def place(self) -> str:
        where = self.about["where"]
        hint = self.mark.placeholder
        said = f' (placeholder "{hint}")' if hint and hint != self.name else ""
        return short(f'{noun_of(self)} "{self.name}"{said}' + (f" in {where}" if where else ""), 120)

    @property
    def subject(self) -> str:
        item = self.about["item"]
        return f"{self.name} {self.about['heading']} {self.about['words']} {item['text'] if item else ''}"


@dataclass(slots=True)
class Form:
    """Fields and the buttons that belong to them."""

    path: str
    fields: list[Control]
    buttons: list[Control]

    @property
    def button(self) -> Control | None:
        submits = [one for one in self.buttons if one.about["type"] == "submit"]
        closing = [one for one in self.buttons if says("close", one.words) or says("reset", one.words)]
        return next(iter(submits), next((one for one in self.buttons if one not in closing), None))

    @property
    def about(self) -> Mapping[str, Any]:
        return self.fields[0].about

    @property
    def words(self) -> str:
        fields = " ".join(f"{one.name} {one.mark.placeholder} {one.about['words']}" for one in self.fields)
        return f"{self.about['group_words']} {fields}"

    @property
    def place(self) -> str:
        said = f' (button "{self.button.name}")' if self.button else ""
        return f"{self.about['group']}{said}"

    @property
    def purpose(self) -> str:
        words = self.words
        return form_purpose(self.button.words if self.button else "", words, [one.mark.kind for one in self.fields])

    @property
    def is_to_produce(self) -> bool:
        """Whether its button promises something made of what is entered: a report, a calculation."""
        return self.button is not None and says("produce", self.button.words)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A form that was filled and sent, and what was to be seen before and after."""

    acts: tuple[Act, ...]
    nonces: list[str]
    values: list[str]
    before: State
    effect: Effect
    after: State
    empty: Effect | None

    @property
    def said(self) -> tuple[str, ...]:
        return (*self.effect.added, *self.effect.dialogs)

    @property
    def listed(self) -> str:
        """The item of a list that shows what was typed; empty if none does."""
        for trace in self.after["nonces"]:
            for one in trace["seen"]:
                if one["visible"] and one["item"] and not claims_success([one["text"]]):
                    return str(one["item"])
        return ""

    @property
    def stored(self) -> bool:
        pairs = zip(self.before["nonces"], self.after["nonces"], strict=True)
        if self.nonces:
            return any(now["stored"] and now["stored"] != was["stored"] for was, now in pairs)
        return bool(self.effect.storage)

    @property
    def kept(self) -> bool:
        return self.stored or any(trace["seen"] for trace in self.after["nonces"])

    @property
    def in_answer(self) -> bool:
        return any(word.lower() in text.lower() for word in self.nonces for text in self.said)


TOAST = re.compile(r"toast|notif|snack|message|alert|success|modal|popup|banner|feedback|status|button|flash", re.I)


SILENT = re.compile(
    r"sound|mute|music|volume|listen|speak|voice|full ?screen|print|share|play|record|vibrat|stop|pause|refresh", re.I
)


def is_held_back(effect: Effect) -> bool:
    """The browser itself asks for what is missing."""
    return any("refused:" in text for text in effect.attributes) and not effect.added and not effect.dialogs


def throws(effect: Effect) -> bool:
    return any(event.kind == "exception" for event in effect.events)


def act_on(verb: str, one: Control, text: str = "") -> Act:
    return Act(verb, asdict(one.target), text)


def act_words(act: Act) -> str:
    return f'{act.verb} "{act.target.get("name", act.text)}"'


def noun_of(one: Control) -> str:
    nouns = {"combobox": "select", "textbox": "field", "searchbox": "field", "slider": "slider", "spinbutton": "field"}
    return nouns.get(one.target.role, one.target.role)


def forms_of(controls: Sequence[Control]) -> list[Form]:
    groups: dict[str, Form] = {}
    for one in controls:
        path = one.about["group_path"]
        if not path or one.mark.kind in ("link", "other"):
            continue
        form = groups.setdefault(path, Form(path, [], []))
        (form.buttons if one.mark.kind == "button" else form.fields).append(one)
    return [
        form
        for form in groups.values()
        if form.fields
        and (form.about["is_form"] or (form.button and any(one.mark.kind in TYPED for one in form.fields)))
    ]


def belongs_to(form: Form, one: Control) -> bool:
    """Fields of a form, and its button; other buttons are tried alone, and so is a select box beside a search."""
    if one.mark.kind == "button":
        return one is form.button
    return one.mark.kind in TYPED or form.purpose != "search"


def form_rank(form: Form) -> int:
    order = ("add", "save", "book", "send", "other", "register", "login", "search")
    return order.index(form.purpose)


def is_required(mark: Mark) -> bool:
    return mark.required or re.search(r"\*|\(required\)", mark.label) is not None


def date_kind(one: Control) -> str:
    return str(one.about["type"])


def first_said(effect: Effect) -> str:
    return short(next(iter((*effect.added, *effect.dialogs)), ""), 80)


def is_answered(effect: Effect, before: State, after: State) -> bool:
    """Something was seen to come of it; a page loaded anew with the same words is no answer."""
    if (
        effect.new_document
        and parts_of(effect.url_after).path == parts_of(effect.url_before).path
        and not effect.storage
    ):
        return bool(before["texts"] != after["texts"])
    own_fields = all(text.startswith("field ") for text in effect.attributes)
    return bool(
        effect.added
        or effect.removed
        or effect.dialogs
        or effect.storage
        or effect.new_pages
        or effect.downloads
        or effect.url_after != effect.url_before
    ) or (effect.changed and not own_fields and bool(effect.attributes) and before["root"] != after["root"])


def was_seen(effect: Effect) -> bool:
    """Whether a reader saw something happen; fields that were emptied are no answer."""
    went = effect.url_after != effect.url_before or effect.new_document
    return bool(effect.added or effect.removed or effect.dialogs or effect.new_pages or effect.downloads or went)


def longest_list(state: State) -> list[Mapping[str, Any]]:
    """The items of the longest list."""
    longest = max(state["lists"], key=lambda one: len(one["items"]), default=None)
    return list(longest["items"]) if longest else []


def items_of(state: State, where: str) -> list[Mapping[str, Any]]:
    return [item for one in state["lists"] if one["where"] == where for item in one["items"]]


def start_items(state: State) -> list[str]:
    return [item["text"] for one in sorted(state["lists"], key=lambda one: -len(one["items"])) for item in one["items"]]


def item_texts(state: State) -> set[str]:
    return {item["text"] for one in state["lists"] for item in one["items"]}


def has_grown(before: State, after: State) -> bool:
    counts = {one["where"]: one["count"] for one in before["lists"]}
    return any(one["count"] > counts.get(one["where"], 0) for one in after["lists"])


def shows_in_list(effect: Effect, after: State, values: Sequence[str]) -> bool:
    return mentions(item_texts(after) & set(effect.added), values)


def mentions(texts: Iterable[str], values: Sequence[str]) -> bool:
    told = " ".join(texts).lower()
    return any(re.search(rf"(?<!\w){re.escape(value.lower())}(?!\w)", told) for value in values if value)


def tools_of(row: Sequence[Control]) -> dict[str, Control]:
    found: dict[str, Control] = {}
    for one in row:
        if one.mark.kind == "checkbox":
            found.setdefault("complete", one)
        if one.mark.kind not in ("button", "link", "other"):
            continue
        for purpose in ("delete", "edit", "complete"):
            words = f"{one.words} {one.about['classes'].split(' ')[0]}"
            if (
                says(purpose, words)
                or (purpose == "delete" and says("delete", f"{one.name} {one.mark.label}"))
                or (purpose == "delete" and plain(one.name).lower() in ("cancel", "x"))
            ):
                found.setdefault(purpose, one)
                break
    return found


def shows_what_was_typed(state: State) -> bool:
    """Whether a reader sees any of it outside the fields."""
    return any(one["visible"] for trace in state["nonces"] for one in trace["seen"])


def is_saving(one: Control, known: set[str], field_: Control) -> bool:
    near = one.about["group_path"] and one.about["group_path"] == field_.about["group_path"]
    same = one.about["parent"] == field_.about["parent"]
    if says("close", one.words) and not says("save", one.words):
        return False
    return (
        (one.key + one.target.selector not in known and says("save", one.words))
        or (bool(near) and one.about["type"] == "submit")
        or (same and says("save", one.words))
    )


def is_own_only(effect: Effect, one: Control) -> bool:
    own = f'field "{one.name}"'
    others = [text for text in effect.attributes if not text.startswith(own)]
    return not (
        others
        or effect.added
        or effect.removed
        or effect.storage
        or effect.dialogs
        or effect.new_pages
        or effect.downloads
        or effect.url_after != effect.url_before
    )


def is_filter(group: Sequence[Control], items: Sequence[Mapping[str, Any]]) -> bool:
    classes = plain(group[0].about["classes"])
    named_all = any(
        re.fullmatch(r"(?:all|everything|show all|view all)(?: \w+)?(?: \(?\d+\)?)?", one.name.strip(), re.I)
        for one in group
    )
    telling = sum(bool(expected_items(one.name, items)) for one in group)
    return named_all or (says("filter", classes) and telling > 0) or telling > 1


def is_select_filter(names: Sequence[str], items: Sequence[Mapping[str, Any]]) -> bool:
    base = {item["text"] for item in items}
    return sum(bool(wanted) and wanted != base for wanted in (expected_items(name, items) for name in names)) > 0


def expected_items(name: str, items: Sequence[Mapping[str, Any]]) -> set[str]:
    """The items that a filter of this name should leave; empty where that cannot be told."""
    whole = name.strip().lower()
    word = re.sub(r"\s*\(?\d+\)?$", "", whole)  # how many there are of it
    if not word or re.fullmatch(r"(?:all|everything|any|show all|view all)(?: .*)?", word):
        return set()
    if word in ("completed", "complete", "done", "finished"):
        return {item["text"] for item in items if item["done"]}
    if word in ("active", "pending", "incomplete", "open", "to do", "todo", "remaining") and any(
        item["done"] for item in items
    ):
        return {item["text"] for item in items if not item["done"]}
    return _of_kind(whole, items) or _of_kind(word, items)  # a kind may end in a number: "Room 1"


def _of_kind(word: str, items: Sequence[Mapping[str, Any]]) -> set[str]:
    tagged = {item["text"] for item in items if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", item["tags"].lower())}
    lined = {item["text"] for item in items if word in (line.strip().lower() for line in item["text"].splitlines())}
    return tagged or lined


def leads_within(one: Control, origin: str) -> bool:
    """Whether it is a link to a page or a place of the site, not a button in a link's clothes."""
    href = one.mark.href
    return one.mark.kind == "link" and href.startswith(origin) and not href.endswith("#")


def leads_out(one: Control, origin: str) -> bool:
    href = one.mark.href
    return one.mark.kind == "link" and bool(href) and not href.startswith((origin, "javascript:"))


def claimable(one: Control) -> bool:
    """Whether a reader may expect something of it: not of a place that merely listens or can be reached by Tab."""
    mark, role = one.mark, one.about["role"]
    if "disabled" in one.about["look"].split("|")[0] or mark.disabled:
        return False
    if mark.kind == "link":
        outside = mark.href and not mark.href.endswith("#") and not mark.href.startswith("javascript:")
        top = says("reset", one.words) or "brand" in one.about["classes"] or "logo" in one.about["classes"]
        return not outside and not top
    return (
        mark.tag in ("button", "summary", "select")
        or mark.kind in ("range", "file")
        or role in ("button", "tab", "menuitem", "switch")
        or (mark.tag == "input" and mark.kind == "button")
    )


TOGGLES = re.compile(r"tab|accordion|menu|toggle|burger|hamburger|faq|drop|theme|collapse|acc\b|☰", re.I)


def works_kind(one: Control) -> str:
    about = one.about
    is_toggle = (
        about["expanded"]
        or about["popup"]
        or about["role"] in ("tab", "switch")
        or TOGGLES.search(f"{about['classes']} {one.name}")
    )
    return "toggle-works" if is_toggle and one.mark.kind in ("button", "other") else "control-works"


def empties(one: Control, effect: Effect) -> bool:
    """A tab or an entry of a menu that hides a view and shows none."""
    is_tab = (
        one.about["role"] == "tab"
        or "tab" in plain(one.about["classes"]).lower().split()
        or "tabs" in one.about["classes"]
        or "nav" in one.about["area"].split()
    )
    return (
        is_tab and one.about["siblings"] > 1 and bool(effect.removed) and not effect.added and not effect.new_document
    )


def only_tops(one: Control, effect: Effect) -> bool:
    """A link of a card to "#": it goes to the top of the page, which is nothing to do with the card. In the page's own
    navigation or foot it may be what is meant."""
    if one.mark.kind != "link" or not one.mark.href.endswith("#") or not one.about["item"] or one.about["area"]:
        return False
    did = effect.added or effect.removed or effect.storage or effect.dialogs or effect.new_pages or effect.downloads
    return not did and not effect.new_document and set(effect.attributes) <= {"scrolled"}


def chosen_option(one: Control) -> str:
    return one.mark.options[0] if one.mark.options else ""


def own_look(state: State) -> str:
    about = state["controls"][0] if state["controls"] else None
    return str(about["look"]) if about else ""


def changed_words(effect: Effect) -> str:
    if effect.added:
        return f'shows "{short(effect.added[0])}"'
    if effect.removed:
        return f'hides "{short(effect.removed[0])}"'
    if effect.url_after != effect.url_before:
        return f"leads to {parts_of(effect.url_after).path}"
    if effect.dialogs:
        return f'says "{short(effect.dialogs[0])}"'
    if effect.downloads:
        return f"offers {short(effect.downloads[0])}"
    return short(effect.attributes[0], 100) if effect.attributes else "changes the page"
