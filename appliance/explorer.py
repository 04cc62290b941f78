"""The explorer: a tester without any model that uses every control of a page and says what came of it.

It works through forms, lists, filters and searches, single controls, links and views, first at desktop width and then
at a phone's, each from a state it knows. A failure is stated only after a second try from a freshly opened page.
Not seen: sounds, work in frames of other sites, drag and drop, and what only a second visitor would notice.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from appliance.explorer_facts import (
    claims_success,
    claims_to_keep,
    fact,
    form_purpose,
    is_chosen,
    nonce,
    plain,
    query_word,
    refuses,
    says,
    settled,
    short,
)
from appliance.steps import Act, Exploration, Fact
from sandbox.browser import Browser
from sandbox.errors import BrowserCrashed, ScriptFailed
from sandbox.hands import Effect, Hands, HandsSettings, Mark, Target

BUDGET_S = 10.0
DESKTOP, PHONE = (1280, 800), (390, 844)
QUICK = HandsSettings(patience_ms=450, load_patience_ms=250, act_timeout_s=1.5, answer_timeout_s=6.0, prompt_answer="Hawthorn Merlin")
PATIENT = replace(QUICK, patience_ms=2600, act_timeout_s=3.0)
EDITED = QUICK.prompt_answer
NOTHING_LIKE_IT = "Zyxqovut"
PLACES_MAX = 24
TWINS_MAX = 4
LINKS_MAX = 16
LOGIN = {"email": "admin@example.com", "password": "admin123456", "text": "admin"}
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00050001ff"
    "89993d1d0000000049454e44ae426082"
)
TYPED = frozenset({"text", "email", "number", "date", "password", "search", "textarea", "editable"})
TICKED = frozenset({"checkbox", "radio"})

State = Mapping[str, Any]


class OutOfTime(Exception):
    """The time given is used up."""


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
        if self.mark.kind == "link" and self.mark.href:
            return f"link {self.mark.href}"
        counted = re.sub(r"\(\d+\)|:\s*\d+", "", self.name.lower())
        return f"{self.kin} {counted or self.name}"

    @property
    def place(self) -> str:
        where = self.about["where"]
        hint = self.mark.placeholder
        said = f' (placeholder "{hint}")' if hint and hint != self.name else ""
        return short(f'{_noun(self)} "{self.name}"{said}' + (f" in {where}" if where else ""), 120)

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


def explore(browser: Browser, *, budget_s: float = BUDGET_S, path: str = "/") -> Exploration:
    """Uses the page at `path` and the pages it leads to. Leaves the browser there, at desktop width, nothing stored.

    The time is looked at before each act; one act takes 3 seconds at most, a page that hangs 6.
    """
    began = time.monotonic()
    with Hands(browser, QUICK) as hands:
        tour = _Tour(browser, hands, began + budget_s, date.today())
        unfinished = tour.run(path)
        try:
            browser.resize(*DESKTOP)
            browser.evaluate(_FORGET)
        except (BrowserCrashed, ScriptFailed):
            pass  # the next open begins anew
    return Exploration(
        settled(tour.facts),
        controls=len(tour.seen),
        acts=tour.acts,
        seconds=round(time.monotonic() - began, 3),
        unfinished=unfinished,
        sequences=tuple(tour.sequences),
    )


def sequences(exploration: Exploration) -> tuple[tuple[tuple[str, Target | None, str], ...], ...]:
    """What worked, as (verb, target, text) from the opened page on; a target is None for `open`, `press`, `reload`."""
    return tuple(
        tuple((act.verb, Target(**act.target) if act.target else None, act.text) for act in one)  # type: ignore[arg-type]
        for one in exploration.sequences
    )


_FORGET = """
try { localStorage.clear(); sessionStorage.clear() } catch {}
for (const part of document.cookie.split(';')) document.cookie = part.split('=')[0] + '=;expires=Thu, 01 Jan 1970 00:00:00 GMT;path=/'
try { for (const one of await indexedDB.databases()) indexedDB.deleteDatabase(one.name) } catch {}
"""


@dataclass(slots=True)
class _Tour:
    browser: Browser
    hands: Hands
    until: float
    today: date
    facts: list[Fact] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """The keys of all controls met."""
    kin: dict[str, int] = field(default_factory=dict)
    acts: int = 0
    sequences: list[tuple[Act, ...]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    put_off: list[tuple[Place, Control]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    worked: list[tuple[Place, Control, tuple[Act, ...]]] = field(default_factory=list)
    primed: dict[str, tuple[Act, ...]] = field(default_factory=dict)
    """For a path: acts after which a list holds one more item, ticked off where that is possible."""
    here: Place | None = None
    """The place the page is in, as freshly opened; None after anything else was done."""
    once: set[str] = field(default_factory=set)
    """Forms, pages and boxes that were looked at."""
    loads: set[str] = field(default_factory=set)
    typed: int = 0
    backs: int = 0
    reloads: int = 0

    # -- the course

    def run(self, path: str) -> str:
        """Empty, or why something was left out."""
        self.places = [Place(path)]
        try:
            self.visit_all()
            self.phone(path)
            self.visit_all()
            self.last()
        except OutOfTime:
            left = len(self.places) + len(self.put_off)
            self.notes.append(f"the time was used up with {left} places or controls left to try")
        except BrowserCrashed as crashed:
            self.notes.append(f"the page hung or broke off while it was used: {crashed}")
        except ScriptFailed as failed:
            self.notes.append(f"the page left while it was looked at: {short(str(failed), 200)}")
        return "; ".join(dict.fromkeys(self.notes))

    def visit_all(self) -> None:
        visited = 0
        while self.places:
            place = self.places[0]
            visited += 1
            if visited > PLACES_MAX:
                self.notes.append(f"{len(self.places)} views were not tried, there are more than {PLACES_MAX}")
                self.places = []
                return
            self.visit(place)
            self.places.remove(place)

    def visit(self, place: Place) -> None:
        if not self.go(place):
            return
        if not place.acts:
            self.read_texts(place)
        everything = self.controls()
        forms = [form for form in _forms(everything) if f"form {place.path} {form.path}" not in self.once]
        self.once |= {f"form {place.path} {form.path}" for form in forms}
        controls = self.fresh(everything)
        in_forms = {id(one) for form in forms for one in (*form.fields, *form.buttons) if _belongs(form, one)}
        in_old_forms = {one.key for form in _forms(everything) for one in (*form.fields, *form.buttons) if _belongs(form, one)}
        single = [one for one in controls if id(one) not in in_forms and one.key not in in_old_forms]
        for form in sorted(forms, key=_form_rank):
            if form.purpose == "search":
                self.search(place, form)
            else:
                self.use_form(place, form)
        self.lists(place, single)
        self.filters(place, single)
        for one in single:
            if one.mark.kind == "search" or (one.mark.kind in TYPED and says("search", f"{one.name} {one.mark.placeholder}")):
                self.search(place, Form(one.about["group_path"] or one.about["path"], [one], []))
        self.singles(place, single)

    def phone(self, path: str) -> None:
        self.places = [Place(path, width=PHONE[0])]

    def last(self) -> None:
        """What destroys or leaves comes after everything else."""
        while self.put_off:
            place, control = self.put_off[0]
            self.try_single(place, control)
            self.put_off.pop(0)

    # -- moving

    def go(self, place: Place) -> bool:
        """Opens the place anew with nothing stored. False if it cannot be reached; then it is noted."""
        if self.here == place:
            return True
        self.check_time()
        width, height = DESKTOP if place.width == DESKTOP[0] else PHONE
        if self.here is not None or self.acts:
            self.browser.evaluate(_FORGET)
        if self.browser.size != (width, height):
            self.browser.resize(width, height, mobile=False)
        effect = self.hands.open(place.path)
        self.acts += 1
        if not effect.done:
            self.notes.append(f"{place.path} could not be opened: {effect.why}")
            return False
        self.loads |= {event.text for event in effect.events if event.kind == "exception"}
        self.here = None
        for act in place.acts:
            if not self.do(act).done:
                self.notes.append(f"{_act_words(act)} could not be repeated on {place.path}")
                return False
        self.here = place
        return True

    def check_time(self) -> None:
        if time.monotonic() > self.until:
            raise OutOfTime

    def do(self, act: Act, *, patient: bool = False) -> Effect:
        self.check_time()
        self.acts += 1
        self.here = None
        self.hands.settings = PATIENT if patient else QUICK
        target = Target(**act.target) if act.target else None  # type: ignore[arg-type]
        match act.verb, target:
            case "click", Target():
                effect = self.hands.click(target)
            case "type", Target():
                effect = self.hands.type(target, act.text)
            case "enter", Target():
                effect = self.hands.type(target, act.text, enter=True)
            case "choose", Target():
                effect = self.hands.choose(target, act.text)
            case "set_value", Target():
                effect = self.hands.set_value(target, act.text)
            case "set_file", Target():
                effect = self.hands.set_file(target, act.text, PICTURE)
            case "press", _:
                effect = self.hands.press(act.text)
            case "back", _:
                effect = self.hands.back()
            case _:
                effect = self.hands.reload()
        self.hands.settings = QUICK
        return effect

    def look(self, *, nonces: Sequence[str] = (), targets: Sequence[Target] = (), words: Sequence[str] = (), headings: bool = False) -> State:
        given = {
            "nonces": list(nonces),
            "words": list(words),
            "targets": [{"selector": one.selector, "nth": 0} for one in targets],
            "headings": headings,
        }
        for _ in range(2):
            try:
                state: State = self.browser.evaluate(_page_script(), given)
                return state
            except ScriptFailed:
                time.sleep(0.1)  # it was leaving for another page
        state = self.browser.evaluate(_page_script(), given)
        return state

    def controls(self) -> list[Control]:
        marks = [mark for mark in self.hands.marks() if not mark.target.frame and ">>>" not in mark.target.selector]
        abouts = self.look(targets=[mark.target for mark in marks])["controls"]
        return [Control(mark, about) for mark, about in zip(marks, abouts, strict=True) if about is not None]

    def fresh(self, controls: Iterable[Control]) -> list[Control]:
        """Those not met before; of those that repeat in every row of a list only some."""
        found = []
        for one in controls:
            if one.key in self.seen:
                continue
            self.seen.add(one.key)
            self.kin[one.kin] = self.kin.get(one.kin, 0) + 1
            if one.about["item"] and self.kin[one.kin] > TWINS_MAX:
                continue
            found.append(one)
        return found

    # -- facts

    def state_fact(self, kind: str, place: str, holds: bool, evidence: str, subject: str = "") -> None:
        self.facts.append(fact(kind, place, holds, evidence, subject))

    def thrown(self, place: str, effect: Effect, subject: str = "") -> bool:
        """Whether the act ended in an exception that the page does not raise by itself."""
        for event in effect.events:
            if event.kind == "exception" and event.text not in self.loads:
                numbers = [str(number) for number in (event.line, event.column) if number]
                at = ":".join([urlsplit(event.url).path.lstrip("/") or "index.html", *numbers])
                self.state_fact("handler-throws", place, False, f"throws at {at}: {short(event.text, 200)}", subject)
                return True
        return False

    def read_texts(self, place: Place) -> None:
        for one in self.look(headings=True)["headings"]:
            if len(one["text"]) > 2:
                self.state_fact("shows-text", f"{one['place']} {short(one['text'], 40)}", True, one["text"], one["text"])

    # -- forms

    def use_form(self, place: Place, form: Form) -> None:
        button = form.button
        if not form.fields or (button is None and not form.about["is_form"]):
            return
        empty = self.submit_empty(place, form)
        if not self.go(place):
            return
        done = self.fill_and_submit(place, form)
        if done is None:
            return
        acts, nonces, values, before, effect, after = done
        if self.thrown(form.place, effect, form.words):
            return
        if not effect.done:
            self.notes.append(f"{form.place} could not be submitted: {effect.why}")
            return
        if not _answered(effect, before, after):
            if not self.go(place):
                return
            again = self.fill_and_submit(place, form, patient=True)
            if again is None:
                return
            acts, nonces, values, before, effect, after = again
            if self.thrown(form.place, effect, form.words):
                return
        self.judge_form(place, form, _Submitted(acts, nonces, values, before, effect, after, empty))

    def submit_empty(self, place: Place, form: Form) -> Effect | None:
        """What a form with required fields says when it is sent with nothing typed."""
        marks = [one.mark for one in form.fields if one.mark.kind in TYPED]
        if form.button is None or form.purpose in ("login", "search") or not any(_is_required(mark) for mark in marks):
            return None
        if any(mark.value for mark in marks if _is_required(mark)) or not self.go(place):
            return None
        before = self.look()
        effect = self.do(_act("click", form.button))
        if effect.done and not effect.changed:
            self.state_fact("submit-validated", form.place, True, "refuses to be sent empty", form.words)
            return None
        if effect.done and refuses((*effect.added, *effect.dialogs)):
            self.state_fact("submit-validated", form.place, True, f'sent empty it says "{_first(effect)}"', form.words)
            return None
        after = self.look()
        if effect.done and (_grown(before, after) or claims_success((*effect.added, *effect.dialogs))):
            said = f'says "{_first(effect)}"' if _first(effect) else "adds an item"
            self.state_fact("submit-validated", form.place, False, f"sent with its required fields empty it {said}", form.words)
            return None
        return effect if effect.done else None

    def fill_and_submit(self, place: Place, form: Form, *, patient: bool = False) -> tuple[tuple[Act, ...], list[str], list[str], State, Effect, State] | None:
        acts: list[Act] = []
        nonces: list[str] = []
        values: list[str] = []
        purpose = form.purpose
        self.typed = 0 if patient else self.typed
        radios: set[str] = set()
        for one in form.fields:
            act, seen = self.filling(one, purpose, radios)
            if act is None:
                continue
            effect = self.do(act)
            self.thrown(one.place, effect, one.subject)
            if effect.done:
                acts.append(act)
                values.append(act.text)
                nonces += [seen] if seen else []
        before = self.look(nonces=nonces)
        if form.button is not None:
            last = _act("click", form.button)
        elif acts:
            last = Act("press", {}, "Enter")
        else:
            return None
        effect = self.do(last, patient=patient)
        return (*acts, last), nonces, values, before, effect, self.look(nonces=nonces)

    def filling(self, one: Control, purpose: str, radios: set[str]) -> tuple[Act | None, str]:
        mark = one.mark
        if mark.disabled:
            return None, ""
        words = f"{one.name} {mark.placeholder} {one.about['words']}"
        if purpose == "login" and mark.kind in LOGIN:
            return _act("type", one, LOGIN["email" if "mail" in words.lower() and mark.kind != "password" else mark.kind]), ""
        match mark.kind:
            case "select":
                wished = [option for option in mark.options if option != mark.value][-1:]
                return (_act("choose", one, wished[0]), "") if wished else (None, "")
            case "checkbox":
                return (_act("click", one), "") if not mark.checked else (None, "")
            case "radio":
                group = one.about["words"].split()[-1:] or [one.about["parent"]]
                if group[0] in radios or mark.checked:
                    return None, ""
                radios.add(group[0])
                return _act("click", one), ""
            case "file":
                return _act("set_file", one, "picture.png"), ""
            case "range" | "color":
                return None, ""
            case "date":
                kind = _date_kind(one)
                made = nonce("date", "", self.typed, today=self.today).text
                return _act("set_value", one, {"time": "10:30", "datetime-local": f"{made}T10:30", "month": made[:7]}.get(kind, made)), ""
        if mark.kind not in TYPED:
            return None, ""
        made_up = nonce(mark.kind, words, self.typed, least=one.about["least"], most=one.about["most"], today=self.today)
        self.typed += 1
        return _act("type", one, made_up.text), made_up.seen

    def judge_form(self, place: Place, form: Form, sent: _Submitted) -> None:
        effect, said = sent.effect, sent.said
        purpose, words = form.purpose, form.words
        after = sent.after
        if sent.empty is not None and set(sent.empty.added) & set(effect.added) and not refuses(effect.added):
            both = next(iter(set(sent.empty.added) & set(effect.added)))
            self.state_fact("submit-validated", form.place, False, f'sent empty it answers "{short(both)}" too', words)
        listed = sent.listed
        if listed:
            self.state_fact("add-item", form.place, True, f'"{short(listed)}" stands in the list', f"{words} {listed}")
            self.state_fact("submit-kept", form.place, True, "what was typed is shown in a list", words)
            self.sequences.append((*place.acts, *sent.acts))
            self.use_item(place, form, sent, listed)
            return
        claim = claims_success(said)
        refused = refuses(said) and not claim
        is_lost = bool(sent.nonces) and not sent.kept and not _seen(effect)
        if is_lost or not _answered(effect, sent.before, after):
            kind = "add-item" if purpose == "add" else "submit-shows"
            how = "only loads the page anew" if effect.new_document else "changes nothing that can be seen"
            self.state_fact(kind, form.place, False, f"filling the fields and pressing the button {how}", words)
            return
        if refused and not sent.kept:
            self.state_fact("submit-shows", form.place, True, f'answers "{_first(effect)}"', words)
            return
        if sent.kept or sent.in_answer:
            self.state_fact("submit-shows", form.place, True, f'answers "{_first(effect)}"' if said else "keeps what was typed", words)
            self.state_fact("submit-kept", form.place, True, "what was typed is shown or stored", words)
            self.sequences.append((*place.acts, *sent.acts))
            if purpose == "save" and sent.stored:
                self.kept_after_reload(place, form.place, sent, words)
            elif purpose in ("login", "register", "other", "send", "book"):
                self.reveal(place, sent.acts)
            return
        keeps = claims_to_keep(claim) and purpose in ("add", "save", "book", "register", "other", "send")
        if keeps and not _shows_in_list(effect, after, sent.values) and not self.is_elsewhere(sent.nonces):
            self.state_fact(
                "fake-success", form.place, False, f'says "{short(claim)}", but nothing typed is stored or shown anywhere', words
            )
            return
        if _grown(sent.before, after) and sent.nonces and not _mentions(effect.added, sent.values):
            new = short(next(iter(effect.added), ""))
            self.state_fact("add-item", form.place, False, f'a new item appears ("{new}") without what was typed', words)
            return
        if said or effect.url_after != effect.url_before or effect.removed:
            self.state_fact("submit-shows", form.place, True, f'answers "{_first(effect)}"' if said else "shows another view", words)
            self.sequences.append((*place.acts, *sent.acts))
            self.reveal(place, sent.acts)

    def is_elsewhere(self, nonces: Sequence[str]) -> bool:
        """Whether a view that holds such things, once opened, shows what was typed."""
        for one in self.controls():
            if one.mark.kind in ("button", "link") and says("open", one.words) and not one.about["item"] and not one.about["group"]:
                effect = self.do(_act("click", one))
                if any(trace["seen"] for trace in self.look(nonces=nonces)["nonces"]):
                    return True
                if not effect.done:
                    return False
        return False

    def kept_after_reload(self, place: Place, said: str, sent: _Submitted, words: str) -> None:
        self.do(Act("reload", {}))
        self.repeat(place.acts)
        traces = self.look(nonces=sent.nonces)["nonces"]
        shown = [trace for trace in traces if trace["fields"] or any(one["visible"] for one in trace["seen"])]
        if sent.nonces:
            holds = bool(shown)
            told = "is there again after a reload" if holds else "is stored but not shown again after a reload"
            self.state_fact("persists", said, holds, f"what was typed {told}", words)

    def repeat(self, acts: Iterable[Act]) -> None:
        """After a reload: the way back to the view, as far as it still has to be gone."""
        for act in acts:
            if act.verb == "click":
                self.do(act)

    # -- items of lists

    def use_item(self, place: Place, form: Form, sent: _Submitted, listed: str) -> None:
        """Ticks off, edits, keeps and deletes the item that was added."""
        made = sent.acts
        word = next(one for one in sent.nonces if one.lower() in listed.lower())
        tools = self.tools(word)
        self.seen |= {one.key for one in tools.values()}
        if (tick := tools.get("complete")) is not None and self.complete(place, made, tick, word):
            made = (*made, _act("click", tick))
        self.primed.setdefault(place.path, (*place.acts, *made))
        self.do(Act("reload", {}))
        if not self.is_shown(word):
            self.repeat(place.acts)
        holds = self.is_shown(word)
        told = "is still there" if holds else "is gone"
        self.state_fact("persists", form.place, holds, f"after a reload the added item {told}", f"{form.words} {listed}")
        if (pen := tools.get("edit")) is not None:
            self.edit(place, sent.acts, pen, word)
        if (bin_ := tools.get("delete")) is not None:
            self.delete(place, sent.acts, bin_, word)

    def lists(self, place: Place, single: list[Control]) -> None:
        """The same with an item that is there from the start, for what no form has shown."""
        rows: dict[str, list[Control]] = {}
        for one in single:
            item = one.about["item"]
            if item and not one.about["is_form"] and (one.mark.kind == "checkbox" or one.mark.kind in ("button", "link")) and not one.mark.href:
                rows.setdefault(f"{item['list']} {item['text']}", []).append(one)
        for row in rows.values():
            text = row[0].about["item"]["text"].splitlines()
            word = text[0] if text else ""
            if len(word) < 3:
                continue
            tools = _tools(row)
            for purpose, trial in (("complete", self.complete), ("edit", self.edit), ("delete", self.delete)):
                one = tools.get(purpose)
                kin = f"{purpose} {one.kin}" if one else ""
                if one is None or kin in self.once:
                    continue
                self.once.add(kin)
                single.remove(one)
                if self.go(place):
                    trial(place, (), one, word)

    def tools(self, word: str) -> dict[str, Control]:
        """The controls of the item that shows the word, by what they are for."""
        return _tools([one for one in self.controls() if one.about["item"] and word.lower() in one.about["item"]["text"].lower()])

    def attempt(self, place: Place, made: Sequence[Act], trial: Callable[[bool], bool | None]) -> bool | None:
        """Tried at once, and if it fails a second time from a fresh page with more patience."""
        first = trial(False)
        if first is not False:
            return first
        if not self.go(place):
            return None
        for act in made:
            if not self.do(act).done:
                return None
        return trial(True)

    def complete(self, place: Place, made: tuple[Act, ...], one: Control, word: str) -> bool:
        def trial(patient: bool) -> bool | None:
            before = self.item_look(word)
            effect = self.do(_act("click", one), patient=patient)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return None
            return not _is_own_only(effect, one) or self.item_look(word) != before

        holds = self.attempt(place, made, trial)
        if holds is not None:
            told = "changes the item" if holds else "changes nothing of the item but the tick itself"
            self.state_fact("complete-item", one.place, holds, f"pressing it {told}", one.subject)
        if holds:
            self.sequences.append((*place.acts, *made, _act("click", one)))
        return bool(holds)

    def edit(self, place: Place, made: tuple[Act, ...], one: Control, word: str) -> None:
        last: list[Act] = []

        def trial(patient: bool) -> bool | None:
            known = {control.key + control.target.selector for control in self.controls()}
            old = self.fields()
            effect = self.do(_act("click", one), patient=patient)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return None
            last[:] = [_act("click", one)]
            if any(said.startswith("prompt") for said in effect.dialogs):
                return self.is_shown(EDITED)
            if not effect.changed:
                return False
            found = self.controls()
            pens = [control for control in found if control.mark.kind in TYPED and (control.key + control.target.selector not in known or control.mark.value not in ("", old.get(control.target.selector, "")))]
            pens = [control for control in pens if control.mark.value and control.mark.value.lower() in f"{word} {one.about['item']['text']}".lower()] or pens
            if not pens:
                return None
            typed = self.do(_act("type", pens[0], EDITED))
            last.append(_act("type", pens[0], EDITED))
            if not typed.done:
                return None
            saves = [control for control in self.controls() if control.mark.kind == "button" and _saves(control, known, pens[0])]
            ending = _act("click", saves[0]) if saves else Act("press", {}, "Enter")
            last.append(ending)
            done = self.do(ending, patient=patient)
            if self.thrown(one.place, done, one.subject):
                return None
            return self.is_shown(EDITED)

        if not self.stand(place, made, word):
            return
        holds = self.attempt(place, made, trial)
        if holds is not None:
            told = "the item shows the new text" if holds else "the item does not change"
            self.state_fact("edit-item", one.place, holds, f"after editing {told}", one.subject)
        if holds:
            self.sequences.append((*place.acts, *made, *last))

    def delete(self, place: Place, made: tuple[Act, ...], one: Control, word: str) -> None:
        def trial(patient: bool) -> bool | None:
            before = self.count(word)
            effect = self.do(_act("click", one), patient=patient)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return None
            if self.count(word) < before:
                return True
            if effect.added and (box := self.look()["modal"]) is not None:
                yes = [control for control in self.controls() if control.about["path"].startswith(box["path"]) and says("confirm", control.words)]
                if not yes:
                    return None
                self.do(_act("click", yes[0]), patient=patient)
                return self.count(word) < before
            # In a cart one fewer may be left of several.
            return None if effect.removed and effect.added else False

        if not self.stand(place, made, word):
            return
        holds = self.attempt(place, made, trial)
        if holds is not None:
            told = "the item is gone" if holds else "the item is still there"
            self.state_fact("delete-item", one.place, holds, f"after pressing it {told}", one.subject)
        if holds:
            self.sequences.append((*place.acts, *made, _act("click", one)))

    def stand(self, place: Place, made: Sequence[Act], word: str) -> bool:
        """To the place, with the item made."""
        if self.here == place and not made:
            return True
        if not self.go(place):
            return False
        return all(self.do(act).done for act in made) and self.is_shown(word)

    def is_shown(self, word: str) -> bool:
        return any(one["visible"] for one in self.look(nonces=[word])["nonces"][0]["seen"])

    def count(self, word: str) -> int:
        return sum(word.lower() in item["text"].lower() for one in self.look()["lists"] for item in one["items"])

    def item_look(self, word: str) -> list[tuple[str, str, bool]]:
        lists = self.look()["lists"]
        return [(one["where"], item["look"], item["done"]) for one in lists for item in one["items"] if word.lower() in item["text"].lower()]

    def fields(self) -> dict[str, str]:
        return {mark.target.selector: mark.value for mark in self.hands.marks() if mark.kind in TYPED}

    # -- searching and filtering

    def search(self, place: Place, form: Form) -> None:
        """With a word that no item has none is left; with a word of an item that one is left."""
        box = next((one for one in form.fields if one.mark.kind in TYPED), None)
        if box is None or not self.go(place):
            return
        start = self.look()
        had = _texts(start)
        if sum(len(one["items"]) for one in start["lists"]) < 2:
            return
        button = form.button

        def query(text: str, patient: bool) -> list[Effect]:
            effects = [self.do(_act("type", box, text), patient=patient)]
            if not effects[0].changed:
                effects.append(self.do(Act("press", {}, "Enter"), patient=patient))
            if not any(effect.changed for effect in effects) and button is not None:
                effects.append(self.do(_act("click", button), patient=patient))
            return effects

        def trial(patient: bool) -> bool | None:
            effects = query(NOTHING_LIKE_IT, patient)
            if any([self.thrown(box.place, effect, box.subject) for effect in effects]) or not effects[0].done:
                return None
            left = _texts(self.look())
            if had <= left:
                if any(effect.added or effect.dialogs for effect in effects):
                    return None
                told.append(f'with "{NOTHING_LIKE_IT}" all items stay')
                return False
            gone = [text for text in start_items(start) if text in had - left]
            wanted = next((text for text in gone if query_word(text)), "")
            if not wanted:
                return None
            word = query_word(wanted)
            query(word, patient)
            found = _texts(self.look())
            told.append(f'"{word}" finds "{short(wanted, 40)}"' if wanted in found else f'"{word}" does not find "{short(wanted, 40)}"')
            return wanted in found

        told: list[str] = []
        holds = self.attempt(place, (), trial)
        if holds is not None:
            self.state_fact("search-items", box.place, holds, told[-1], f"{box.subject} {' '.join(sorted(had))[:150]}")
        if holds:
            self.sequences.append((*place.acts, _act("type", box, NOTHING_LIKE_IT)))

    def filters(self, place: Place, single: list[Control]) -> None:
        groups: dict[str, list[Control]] = {}
        for one in single:
            if one.mark.kind in ("button", "link") and not one.about["item"] and "nav" not in one.about["area"] and one.about["siblings"] > 1:
                groups.setdefault(one.about["parent"], []).append(one)
        selects = [one for one in single if one.mark.kind == "select"]
        if not selects and not any(len(group) > 1 for group in groups.values()):
            return
        acts = self.primed.get(place.path, ())
        start = Place(place.path, acts, place.width) if acts and acts[: len(place.acts)] == place.acts else place
        if not self.go(start):
            return
        lists = [one for one in self.look()["lists"] if len(one["items"]) > 1]
        for group in groups.values():
            choices = [(one, one.name, _act("click", one)) for one in group]
            for one in lists:
                if len(group) > 1 and _is_filter(group, one["items"]):
                    self.filter(start, choices, one)
                    break
        for control in selects:
            names = control.mark.options
            for one in lists:
                if not says("sort", f"{control.name} {control.about['words']}") and _is_select_filter(names, one["items"]):
                    self.filter(start, [(control, name, _act("choose", control, name)) for name in names[:5]], one)
                    break
        filtered = {known.place for known in self.facts if known.kind == "filter-items"}
        single[:] = [one for one in single if one.place not in filtered]

    def filter(self, place: Place, choices: list[tuple[Control, str, Act]], listed: Mapping[str, Any]) -> None:
        items, where = listed["items"], listed["where"]
        base = {item["text"] for item in items}
        for one, name, act in choices:
            wanted = _expected(name, items)
            if not wanted or wanted == base:
                continue

            def trial(patient: bool, act: Act = act, wanted: set[str] = wanted, one: Control = one) -> bool | None:
                effect = self.do(act, patient=patient)
                if self.thrown(one.place, effect, one.subject) or not effect.done:
                    return None
                shown = {item["text"] for item in _items_of(self.look(), where)}
                return bool(shown & wanted) and not base <= shown and not (shown & base) - wanted

            if not self.go(place):
                return
            holds = self.attempt(place, (), trial)
            if holds is None:
                continue
            told = f'"{name}" shows its {len(wanted)} items only' if holds else f'"{name}" does not show just its items ({short(", ".join(sorted(wanted)), 60)})'
            self.state_fact("filter-items", one.place, holds, told, f"{one.subject} {name}")
            if holds:
                self.sequences.append((*place.acts, act))

    # -- single controls

    def singles(self, place: Place, single: list[Control]) -> None:
        links = [one for one in single if _leads(one, self.browser.origin)]
        rest = [one for one in single if one not in links]
        for one in rest:
            if says("delete", one.words) or says("leave", one.words) or says("reset", one.words) or one.about["type"] == "reset":
                self.put_off.append((place, one))
            else:
                self.try_single(place, one)
        # The first link of a menu of views leads to the one in view: others must lead away from it first.
        in_view = next((one for one in links if one.about["anchor"] == "missing" and "nav" in one.about["area"]), None)
        links.sort(key=lambda one: one is in_view)
        for one in links[:LINKS_MAX]:
            self.follow(place, one)
        if len(links) > LINKS_MAX:
            self.notes.append(f"{len(links) - LINKS_MAX} links of {place.path} were not followed")
        self.keyboard(place)

    def try_single(self, place: Place, one: Control) -> None:
        kind = one.mark.kind
        if one.mark.disabled or kind in TYPED:
            return
        if not self.reachable(place, one):
            return
        act = self.using(one)
        if act is None:
            return
        was_fresh = self.here == place
        look = self.look(targets=[one.target])
        effect = self.do(act)
        if _throws(effect) and not was_fresh:  # an earlier act may have broken what this one needs
            if not self.go(place):
                return
            look = self.look(targets=[one.target])
            effect = self.do(act, patient=True)
        if self.thrown(one.place, effect, one.subject):
            return
        if not effect.done:
            self.unpressed(one, effect)
            return
        if kind in ("checkbox", "radio", "file") and _is_own_only(effect, one):
            effect = replace(effect, changed=False)
        if effect.changed:
            self.worked_fact(place, one, act, look, effect)
        else:
            self.dead(place, one, act)

    def reachable(self, place: Place, one: Control) -> bool:
        """The control can be pressed now, or after opening its place anew."""
        if self.here is None:
            mark = self.hands.find(one.target)
            path = urlsplit(self.look()["url"]).path
            if mark is not None and not mark.covered and not mark.disabled and mark.target.name == one.name and path == urlsplit(place.path).path and mark.target.text == one.target.text:
                return True
        return self.go(place)

    def using(self, one: Control) -> Act | None:
        match one.mark.kind:
            case "select":
                others = [option for option in one.mark.options if option != one.mark.value and option != _chosen(one)]
                return _act("choose", one, others[-1]) if others else None
            case "range":
                least, most = one.about["least"] or "0", one.about["most"] or "100"
                return _act("set_value", one, most if one.mark.value != most else least)
            case "color":
                return _act("set_value", one, "#c2410c")
            case "file":
                return _act("set_file", one, "picture.png")
        return _act("click", one)

    def unpressed(self, one: Control, effect: Effect) -> None:
        if "outside the site" not in effect.why and "disabled" not in effect.why:
            self.notes.append(f"{one.place} could not be used: {effect.why}")

    def worked_fact(self, place: Place, one: Control, act: Act, before: State, effect: Effect) -> None:
        kind = _works_kind(one)
        after = self.look(targets=[one.target])
        if _empties(one, effect):
            if self.confirmed_empty(place, act):
                said = short(next(iter(effect.removed), ""))
                self.state_fact(kind, one.place, False, f'it hides "{said}" and shows nothing instead', one.subject)
            return
        if self.is_fake(place, one, effect):
            return
        self.state_fact(kind, one.place, True, _changed_words(effect), one.subject)
        self.worked.append((place, one, (act,)))
        if len(place.acts) < 2:
            self.sequences.append((*place.acts, act))
        if says("add", one.words) and one.about["item"]:
            self.added_from_item(one, before, after)
        box = after["modal"]
        if box is not None and before["modal"] is None:
            self.modal(place, one, act, box)
        elif effect.added or effect.attributes or effect.new_document:
            self.reveal(place, (act,))
        takes_back = says("reset", one.words) or says("delete", one.words) or says("leave", one.words)
        if effect.storage and not takes_back and self.reloads < 5:
            self.look_after_reload(place, one, act, before, after)
        if effect.new_document and urlsplit(effect.url_after).path != urlsplit(effect.url_before).path:
            self.arrived(place, one, effect)

    def arrived(self, place: Place, one: Control, effect: Effect) -> None:
        state = self.look()
        if state["status"] >= 400:
            self.state_fact("link-works", one.place, False, f"leads to {urlsplit(effect.url_after).path}, which answers {state['status']}", one.subject)
        else:
            self.enter(state["url"], place.width)

    def confirmed_empty(self, place: Place, act: Act) -> bool:
        if not self.go(place):
            return False
        effect = self.do(act, patient=True)
        return effect.done and bool(effect.removed) and not effect.added

    def is_fake(self, place: Place, one: Control, effect: Effect) -> bool:
        """States a success that is said and not seen, for a control that adds, saves or books."""
        if not (says("add", one.words) or says("save", one.words) or says("book", one.words)):
            return False
        said = (*effect.added, *effect.dialogs)
        claim = claims_success(said)
        others = [text for text in effect.added if text != claim] + [text for text in effect.attributes if not _TOAST.search(text)]
        if not claim or not claims_to_keep(claim) or others or effect.removed or effect.storage or effect.new_document:
            return False
        item = one.about["item"]
        title = item["text"].splitlines()[0] if item and item["text"] else ""
        if title and self.is_counted(place, one, title):
            return False
        if not title and self.is_elsewhere([]):
            return False
        self.state_fact("fake-success", one.place, False, f'says "{short(claim)}", but nothing else changes and nothing is stored', one.subject)
        return True

    def is_counted(self, place: Place, one: Control, title: str) -> bool:
        """Whether the item's name is now found once more somewhere, hidden parts and views that can be opened included."""
        now = self.look(words=[title])["counts"][0]
        if not self.go(place):
            return True
        before = self.look(words=[title])["counts"][0]
        effect = self.do(_act("click", one), patient=True)
        in_toast = sum(title in text for text in effect.added)
        if now > before + in_toast:
            return True
        for control in self.controls():
            if control.mark.kind in ("button", "link") and says("open", control.words) and not control.about["item"]:
                self.do(_act("click", control))
                if self.look(words=[title])["counts"][0] > before:
                    return True
        return False

    def added_from_item(self, one: Control, before: State, after: State) -> None:
        title = one.about["item"]["text"].splitlines()[0]
        had, has = (sum(title in text for text in state["texts"]) for state in (before, after))
        if has > had:
            self.state_fact("add-item", one.place, True, f'"{short(title)}" now also stands elsewhere on the page', f"{one.subject} {one.words}")

    def look_after_reload(self, place: Place, one: Control, act: Act, before: State, after: State) -> None:
        """What a control stored must show again after a reload: in its own look, the page's look, or a list."""
        if f"reload {one.kin}" in self.once:
            return
        self.once.add(f"reload {one.kin}")
        self.reloads += 1
        own = _own_look(before), _own_look(after)
        roots = before["root"], after["root"]
        new = _texts(after) - _texts(before) if len(_items(after)) > len(_items(before)) else set()
        if (own[0] == own[1] or not own[1]) and roots[0] == roots[1] and not new:
            return
        if not self.go(place) or not self.do(act).done:
            return
        self.do(Act("reload", {}))
        self.repeat(place.acts)
        again = self.look(targets=[one.target])
        kept = (own[0] != own[1] and _own_look(again) == own[1]) or (roots[0] != roots[1] and again["root"] == roots[1]) or bool(new & _texts(again))
        lost = not kept and (own[0] == own[1] or _own_look(again) == own[0]) and again["root"] == roots[0]
        if kept or lost:
            told = "is there again" if kept else "is gone, though something was stored"
            self.state_fact("persists", one.place, kept, f"after a reload what it changed {told}", one.subject)

    def reveal(self, place: Place, acts: tuple[Act, ...]) -> None:
        """Controls that came into view are a place of their own."""
        if len(place.acts) + len(acts) > 12 or len(self.places) >= PLACES_MAX:
            return
        state = self.look()
        if urlsplit(state["url"]).path != urlsplit(place.path).path:
            if state["status"] < 400 and not place.acts:
                self.enter(state["url"], place.width)
            return
        used = acts[-1].target.get("selector")
        if any(one.key not in self.seen and one.target.selector != used for one in self.controls()):
            found = Place(place.path, (*place.acts, *acts), place.width)
            if found not in self.places:
                self.places.append(found)

    def enter(self, url: str, width: int) -> None:
        """Another page of the site, once."""
        path = urlsplit(url).path
        if f"page {path}" not in self.once and width == DESKTOP[0]:
            self.once.add(f"page {path}")
            self.places.append(Place(path))

    def dead(self, place: Place, one: Control, act: Act) -> None:
        """Says so only if nothing excuses it and it stays dead on a fresh page, or after what it undoes was done."""
        if not _claimable(one) or _SILENT.search(one.words) or is_chosen(one.about["look"]):
            return
        acts = [act]
        if one.mark.kind == "select":
            acts = [_act("choose", one, option) for option in one.mark.options if option != _chosen(one)][:4]
        needs_change = says("reset", one.words) or one.about["type"] == "reset"
        for each in acts:
            if not self.go(place):
                return
            effect = self.do(each, patient=True)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return
            if effect.changed and not (one.mark.kind in ("checkbox", "file") and _is_own_only(effect, one)):
                self.state_fact(_works_kind(one), one.place, True, _changed_words(effect), one.subject)
                return
        if one.about["is_form"] and one.about["type"] == "submit" and any(mark.required and not mark.value for mark in self.hands.marks()):
            return  # the browser may hold it back until the fields are filled
        if needs_change and not self.dead_after_changes(place, one, act):
            return
        if one.mark.kind == "checkbox":
            return
        told = "choosing another option changes nothing" if one.mark.kind == "select" else "using it changes nothing at all"
        self.state_fact(_works_kind(one), one.place, False, told, one.subject)

    def dead_after_changes(self, place: Place, one: Control, act: Act) -> bool:
        """For what takes something back: whether it still does nothing after other controls have changed something."""
        if not self.go(place):
            return False
        changed = False
        near = sorted(
            (entry for entry in self.worked if entry[0] == place and entry[1].key != one.key and not says("reset", entry[1].words)),
            key=lambda entry: entry[1].about["parent"] != one.about["parent"],
        )
        for _, _, acts in near[:3]:
            for each in acts:
                effect = self.do(each)
                changed = changed or (effect.done and effect.changed and not effect.new_document)
        if not changed and (acts := self.primed.get(place.path)):
            changed = all(self.do(each).done for each in acts)
        if not changed and not says("delete", one.words) and "clear" not in one.words.lower():
            return False
        effect = self.do(act, patient=True)
        if effect.done and effect.changed:
            self.state_fact(_works_kind(one), one.place, True, _changed_words(effect), one.subject)
        return effect.done and not effect.changed and not self.thrown(one.place, effect, one.subject)

    def modal(self, place: Place, one: Control, act: Act, box: Mapping[str, Any]) -> None:
        """A box over the page must let go: by its button, the Escape key, or a press beside it."""
        if f"modal {box['path']}" in self.once:
            return
        self.once.add(f"modal {box['path']}")
        inside = Place(place.path, (*place.acts, act), place.width)
        closers = [control for control in self.controls() if control.about["path"].startswith(box["path"]) and says("close", control.words)]
        self.seen |= {control.key for control in closers}
        ways: list[Callable[[], object]] = [lambda control=control: self.do(_act("click", control), patient=True) for control in closers[:2]]  # type: ignore[misc]
        ways += [lambda: self.do(Act("press", {}, "Escape")), lambda: self.beside(box), lambda: self.do(act)]
        for way in ways:
            way()
            if self.look()["modal"] is None:
                self.state_fact("focus-trap", one.place, True, "what it opens can be closed again", one.subject)
                break
        else:
            said = f'"{closers[0].name}"' if closers else "no button"
            self.state_fact("focus-trap", one.place, False, f"{box['where']} that it opens cannot be closed: {said}, Escape and a press beside it leave it open", one.subject)
        if self.go(inside) and any(control.key not in self.seen for control in self.controls()):
            self.places.append(inside)

    def beside(self, box: Mapping[str, Any]) -> None:
        where = {"x": box["backdrop"][0], "y": box["backdrop"][1]}
        self.here = None
        for kind in ("mousePressed", "mouseReleased"):
            self.browser.command("Input.dispatchMouseEvent", {"type": kind, **where, "button": "left", "clickCount": 1})
        time.sleep(0.1)  # a press at a bare place is no act of the hands

    def keyboard(self, place: Place) -> None:
        """Canvas games listen to keys; and the Tab key must lead on."""
        if place.acts or place.width != DESKTOP[0] or not self.go(place):
            return
        state = self.look()
        if state["drawn"]:
            for key in ("ArrowRight", "Space", "ArrowUp"):
                effect = self.do(Act("press", {}, key))
                if "a drawing changed" in effect.attributes:
                    self.state_fact("control-works", "canvas", True, f"the key {key} changes the drawing", "game canvas")
                    break
        typed = [one for one in self.controls() if one.mark.kind in TYPED and not one.mark.disabled]
        if not typed or len(self.hands.marks()) < 3:
            return
        self.do(_act("click", typed[0]))
        at = self.look()["active"]
        effects = [self.do(Act("press", {}, "Tab")) for _ in range(2)]
        if at and self.look()["active"] == at and not any(effect.changed for effect in effects):
            self.state_fact("focus-trap", typed[0].place, False, "the Tab key does not lead out of it", typed[0].subject)

    # -- links

    def follow(self, place: Place, one: Control) -> None:
        if not self.reachable(place, one):
            return
        anchor = one.about["anchor"]
        act = _act("click", one)
        before = self.look()
        effect = self.do(act)
        if self.thrown(one.place, effect, one.subject):
            return
        if not effect.done:
            self.unpressed(one, effect)
            return
        after = self.look(targets=[one.target])
        if effect.new_document and not anchor:
            self.followed_page(place, one, after)
        elif effect.added or (effect.removed and not anchor):
            self.followed_view(place, one, act, before, effect)
        elif _empties(one, effect) and anchor != "away" and not says("close", one.words):
            if self.confirmed_empty(place, act):
                said = short(next(iter(effect.removed), ""))
                self.state_fact("navigates", one.place, False, f'it hides "{said}" and shows nothing instead', one.subject)
        elif anchor == "missing":
            self.no_place(place, one, act)
        elif anchor in ("away", "in-view", "top"):
            moved = after["scroll"] != before["scroll"] or (after["controls"][0] or {}).get("anchor") == "in-view" or anchor != "away"
            if moved or _at_end(self.browser):
                self.state_fact("link-works", one.place, True, "leads to its place on the page", one.subject)

    def no_place(self, place: Place, one: Control, act: Act) -> None:
        """A link to a view may do nothing because that view is shown; it must do something after another one."""
        others = [acts for at, other, acts in self.worked if at == place and other.mark.kind == "link" and other.about["area"] == one.about["area"]]
        if others and self.go(place):
            for each in others[-1]:
                self.do(each)
            effect = self.do(act, patient=True)
            if effect.added:
                self.state_fact("navigates", one.place, True, f'shows "{short(effect.added[0])}"', f"{one.subject} {effect.added[0]}")
                return
        said = f"{urlsplit(one.mark.href).fragment} is no place on the page, nothing else happens"
        self.state_fact("link-works", one.place, False, said, one.subject)

    def followed_page(self, place: Place, one: Control, after: State) -> None:
        path = urlsplit(one.mark.href).path
        if after["status"] >= 400 or not after["texts"]:
            said = f"answers {after['status']}" if after["status"] >= 400 else "shows nothing"
            self.state_fact("link-works", one.place, False, f"{path} {said}", one.subject)
            return
        heading = " ".join(after["texts"][:1])
        self.state_fact("link-works", one.place, True, f'opens {path} ("{short(after["title"] or heading)}")', f"{one.subject} {after['title']}")
        self.sequences.append((*place.acts, _act("click", one)))
        self.enter(after["url"], place.width)
        if self.backs < 6:
            self.backs += 1
            for _ in range(2):
                effect = self.do(Act("back", {}))
                if urlsplit(self.look()["url"]).path == urlsplit(place.path).path or not effect.done:
                    break
            holds = urlsplit(self.look()["url"]).path in (urlsplit(place.path).path, urlsplit(place.path).path + "index.html")
            told = "going back leads here again" if holds else f"going back does not leave {path}"
            self.state_fact("back-works", one.place, holds, told, one.subject)

    def followed_view(self, place: Place, one: Control, act: Act, before: State, effect: Effect) -> None:
        said = short(next(iter(effect.added), "")) or "another view"
        self.state_fact("navigates", one.place, True, f'shows "{said}"', f"{one.subject} {' '.join(effect.added[:2])}")
        self.sequences.append((*place.acts, act))
        self.worked.append((place, one, (act,)))
        self.reveal(place, (act,))
        if effect.url_after != effect.url_before and self.backs < 2 and set(effect.removed) and not effect.new_document:
            self.backs += 1
            self.do(Act("back", {}))
            again = self.look()
            shown = set(again["texts"]) >= set(effect.removed) & set(before["texts"])
            if shown or not set(effect.removed) & set(again["texts"]):
                told = "going back shows the earlier view again" if shown else "going back changes the address but not the view"
                self.state_fact("back-works", one.place, shown, told, one.subject)


@dataclass(frozen=True, slots=True)
class _Submitted:
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


_TOAST = re.compile(r"toast|notif|snack|message|alert|success|modal|popup|banner|feedback|status|button|flash", re.I)
_SILENT = re.compile(r"sound|mute|music|volume|listen|speak|voice|full ?screen|print|share|play|record|vibrat", re.I)


def _throws(effect: Effect) -> bool:
    return any(event.kind == "exception" for event in effect.events)


def _act(verb: str, one: Control, text: str = "") -> Act:
    return Act(verb, asdict(one.target), text)


def _act_words(act: Act) -> str:
    return f'{act.verb} "{act.target.get("name", act.text)}"'


def _noun(one: Control) -> str:
    nouns = {"combobox": "select", "textbox": "field", "searchbox": "field", "slider": "slider", "spinbutton": "field"}
    return nouns.get(one.target.role, one.target.role)


def _forms(controls: Sequence[Control]) -> list[Form]:
    groups: dict[str, Form] = {}
    for one in controls:
        path = one.about["group_path"]
        if not path or one.mark.kind in ("link", "other"):
            continue
        form = groups.setdefault(path, Form(path, [], []))
        (form.buttons if one.mark.kind == "button" else form.fields).append(one)
    return [form for form in groups.values() if form.fields and (form.about["is_form"] or (form.button and any(one.mark.kind in TYPED for one in form.fields)))]


def _belongs(form: Form, one: Control) -> bool:
    """Fields of a form, and its button; other buttons are tried by themselves, and so is a select box beside a search."""
    if one.mark.kind == "button":
        return one is form.button
    return form.about["is_form"] and form.purpose != "search" or one.mark.kind in TYPED or (form.purpose != "search")


def _form_rank(form: Form) -> int:
    order = ("add", "save", "book", "send", "other", "register", "login", "search")
    return order.index(form.purpose)


def _is_required(mark: Mark) -> bool:
    return mark.required or re.search(r"\*|\(required\)", mark.label) is not None


def _date_kind(one: Control) -> str:
    return str(one.about["type"])


def _first(effect: Effect) -> str:
    return short(next(iter((*effect.added, *effect.dialogs)), ""), 80)


def _answered(effect: Effect, before: State, after: State) -> bool:
    """Something was seen to come of it; a page loaded anew with the same words is no answer."""
    if effect.new_document and urlsplit(effect.url_after).path == urlsplit(effect.url_before).path and not effect.storage:
        return before["texts"] != after["texts"]
    own_fields = all(text.startswith("field ") for text in effect.attributes)
    return bool(effect.added or effect.removed or effect.dialogs or effect.storage or effect.new_pages or effect.downloads or effect.url_after != effect.url_before) or (
        effect.changed and not own_fields and bool(effect.attributes) and before["root"] != after["root"]
    )


def _seen(effect: Effect) -> bool:
    """Whether a reader saw something happen; fields that were emptied are no answer."""
    went = effect.url_after != effect.url_before or effect.new_document
    return bool(effect.added or effect.removed or effect.dialogs or effect.new_pages or effect.downloads or went)


def _items(state: State) -> list[Mapping[str, Any]]:
    """The items of the longest list."""
    longest = max(state["lists"], key=lambda one: len(one["items"]), default=None)
    return list(longest["items"]) if longest else []


def _items_of(state: State, where: str) -> list[Mapping[str, Any]]:
    return [item for one in state["lists"] if one["where"] == where for item in one["items"]]


def start_items(state: State) -> list[str]:
    return [item["text"] for one in sorted(state["lists"], key=lambda one: -len(one["items"])) for item in one["items"]]


def _texts(state: State) -> set[str]:
    return {item["text"] for one in state["lists"] for item in one["items"]}


def _grown(before: State, after: State) -> bool:
    counts = {one["where"]: one["count"] for one in before["lists"]}
    return any(one["count"] > counts.get(one["where"], 0) for one in after["lists"])


def _shows_in_list(effect: Effect, after: State, values: Sequence[str]) -> bool:
    return _mentions(_texts(after) & set(effect.added), values)


def _mentions(texts: Iterable[str], values: Sequence[str]) -> bool:
    told = " ".join(texts).lower()
    return any(re.search(rf"(?<!\w){re.escape(value.lower())}(?!\w)", told) for value in values if value)


def _tools(row: Sequence[Control]) -> dict[str, Control]:
    found: dict[str, Control] = {}
    for one in row:
        if one.mark.kind == "checkbox":
            found.setdefault("complete", one)
        if one.mark.kind not in ("button", "link", "other"):
            continue
        for purpose in ("delete", "edit", "complete"):
            words = f"{one.words} {one.about['classes'].split(' ')[0]}"
            if says(purpose, words) or (purpose == "delete" and says("delete", f"{one.name} {one.mark.label}")) or (purpose == "delete" and plain(one.name).lower() in ("cancel", "x")):
                found.setdefault(purpose, one)
                break
    return found


def _saves(one: Control, known: set[str], field_: Control) -> bool:
    near = one.about["group_path"] and one.about["group_path"] == field_.about["group_path"]
    same = one.about["parent"] == field_.about["parent"]
    if says("close", one.words) and not says("save", one.words):
        return False
    return (one.key + one.target.selector not in known and says("save", one.words)) or (bool(near) and one.about["type"] == "submit") or (same and says("save", one.words))


def _is_own_only(effect: Effect, one: Control) -> bool:
    own = f'field "{one.name}"'
    others = [text for text in effect.attributes if not text.startswith(own)]
    return not (others or effect.added or effect.removed or effect.storage or effect.dialogs or effect.new_pages or effect.downloads or effect.url_after != effect.url_before)


def _is_filter(group: Sequence[Control], items: Sequence[Mapping[str, Any]]) -> bool:
    classes = plain(group[0].about["classes"])
    named_all = any(re.fullmatch(r"(?:all|everything|show all|view all)(?: \w+)?(?: \(?\d+\)?)?", one.name.strip(), re.I) for one in group)
    telling = sum(bool(_expected(one.name, items)) for one in group)
    return named_all or (says("filter", classes) and telling > 0) or telling > 1


def _is_select_filter(names: Sequence[str], items: Sequence[Mapping[str, Any]]) -> bool:
    base = {item["text"] for item in items}
    return sum(bool(wanted) and wanted != base for wanted in (_expected(name, items) for name in names)) > 0


def _expected(name: str, items: Sequence[Mapping[str, Any]]) -> set[str]:
    """The items that a filter of this name should leave; empty where that cannot be told."""
    word = re.sub(r"\s*\(?\d+\)?$", "", name.strip()).lower()
    if not word or re.fullmatch(r"(?:all|everything|any|show all|view all)(?: .*)?", word):
        return set()
    if word in ("completed", "complete", "done", "finished"):
        return {item["text"] for item in items if item["done"]}
    if word in ("active", "pending", "incomplete", "open", "to do", "todo", "remaining") and any(item["done"] for item in items):
        return {item["text"] for item in items if not item["done"]}
    tagged = {item["text"] for item in items if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", item["tags"].lower())}
    lined = {item["text"] for item in items if word in (line.strip().lower() for line in item["text"].splitlines())}
    return tagged or lined


def _leads(one: Control, origin: str) -> bool:
    """Whether it is a link to a page or a place of the site, not a button in a link's clothes."""
    href = one.mark.href
    if one.mark.kind != "link" or not href.startswith(origin) or href.endswith("#"):
        return False
    return True


def _claimable(one: Control) -> bool:
    """Whether a reader may expect something of it: not of a place that merely listens or can be reached by Tab."""
    mark, role = one.mark, one.about["role"]
    if "disabled" in one.about["look"].split("|")[0] or mark.disabled:
        return False
    if mark.kind == "link":
        outside = mark.href and not mark.href.endswith("#") and not mark.href.startswith("javascript:")
        top = says("reset", one.words) or "brand" in one.about["classes"] or "logo" in one.about["classes"]
        return not outside and not top
    return mark.tag in ("button", "summary", "select") or mark.kind in ("range", "file", "color") or role in ("button", "tab", "menuitem", "switch") or (mark.tag == "input" and mark.kind == "button")


_TOGGLES = re.compile(r"tab|accordion|menu|toggle|burger|hamburger|faq|drop|theme|collapse|acc\b|☰", re.I)


def _works_kind(one: Control) -> str:
    about = one.about
    is_toggle = about["expanded"] or about["popup"] or about["role"] in ("tab", "switch") or _TOGGLES.search(f"{about['classes']} {one.name}")
    return "toggle-works" if is_toggle and one.mark.kind in ("button", "other") else "control-works"


def _empties(one: Control, effect: Effect) -> bool:
    """A tab or an entry of a menu that hides a view and shows none."""
    is_tab = one.about["role"] == "tab" or "tab" in plain(one.about["classes"]).lower().split() or "tabs" in one.about["classes"] or "nav" in one.about["area"].split()
    return is_tab and one.about["siblings"] > 1 and bool(effect.removed) and not effect.added and not effect.new_document


def _chosen(one: Control) -> str:
    return one.mark.options[0] if one.mark.options else ""


def _own_look(state: State) -> str:
    about = state["controls"][0] if state["controls"] else None
    return str(about["look"]) if about else ""


def _changed_words(effect: Effect) -> str:
    if effect.added:
        return f'shows "{short(effect.added[0])}"'
    if effect.removed:
        return f'hides "{short(effect.removed[0])}"'
    if effect.url_after != effect.url_before:
        return f"leads to {urlsplit(effect.url_after).path}"
    if effect.dialogs:
        return f'says "{short(effect.dialogs[0])}"'
    if effect.downloads:
        return f"offers {short(effect.downloads[0])}"
    return short(effect.attributes[0], 100) if effect.attributes else "changes the page"


def _at_end(browser: Browser) -> bool:
    """A page scrolled to its end cannot bring a place further up."""
    return bool(browser.evaluate("return innerHeight + scrollY >= document.documentElement.scrollHeight - 4"))


@cache
def _page_script() -> str:
    return Path(__file__).with_name("explorer_page.js").read_text(encoding="utf-8")
