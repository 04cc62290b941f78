"""How the explorer moves: to a place from a page without stored state, act by act, and what it notes on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path

from appliance.explorer_controls import (
    DESKTOP,
    PHONE,
    TYPED,
    Control,
    Place,
    State,
    act_on,
    act_words,
    date_kind,
)
from appliance.explorer_facts import (
    fact,
    nonce,
    says,
    short,
)
from appliance.steps import Act, Fact
from sandbox.browser import Browser
from sandbox.errors import ScriptFailed
from sandbox.hands import Effect, Hands, HandsSettings, Target
from sandbox.page_text import parts_of

QUICK = HandsSettings(
    patience_ms=450,
    load_patience_ms=250,
    act_timeout_s=1.5,
    answer_timeout_s=6.0,
    prompt_answer="Hawthorn Merlin",
    still=True,
)

PATIENT = replace(QUICK, patience_ms=2600, act_timeout_s=3.0)

EDITED = QUICK.prompt_answer

PLACES_MAX = 24

ACTS_MAX = 140
"""What twenty seconds are enough for on two free cores. Counted, so that what else a machine does changes no grade."""

TWINS_MAX = 4

LOGIN = {"email": "admin@example.com", "password": "admin123456", "text": "admin"}

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00050001ff"
    "89993d1d0000000049454e44ae426082"
)

FORGET = """
try { localStorage.clear(); sessionStorage.clear() } catch {}
for (const part of document.cookie.split(';')) document.cookie = part.split('=')[0] + '=;max-age=0;path=/'
try { for (const one of await indexedDB.databases()) indexedDB.deleteDatabase(one.name) } catch {}
"""


class OutOfTime(Exception):
    """The acts or the time given are used up."""


@dataclass(slots=True)
class Walk:
    """One walk through a site. Its parts are tried by the classes below it."""

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
    doing: str = "opening it"
    tried: set[str] = field(default_factory=set)

    def go(self, place: Place) -> bool:
        """Opens the place anew with nothing stored. False if it cannot be reached; then it is noted."""
        if self.here == place:
            return True
        self.check_time()
        width, height = DESKTOP if place.width == DESKTOP[0] else PHONE
        if self.here is not None or self.acts:
            self.browser.evaluate(FORGET)
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
                self.notes.append(f"{act_words(act)} could not be repeated on {place.path}")
                return False
        self.here = place
        return True

    def check_time(self) -> None:
        if self.acts >= ACTS_MAX:
            raise OutOfTime(f"{ACTS_MAX} acts were")
        if time.monotonic() > self.until:
            raise OutOfTime("the time was")

    def do(self, act: Act, *, patient: bool = False) -> Effect:
        self.check_time()
        self.doing = act_words(act)
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

    def look(
        self,
        *,
        nonces: Sequence[str] = (),
        targets: Sequence[Target] = (),
        words: Sequence[str] = (),
        headings: bool = False,
    ) -> State:
        given = {
            "nonces": list(nonces),
            "words": list(words),
            "targets": [{"selector": one.selector, "nth": 0} for one in targets],
            "headings": headings,
        }
        for _ in range(2):
            try:
                state: State = self.browser.evaluate(page_script(), given)
                return state
            except ScriptFailed:
                time.sleep(0.1)  # it was leaving for another page
        last: State = self.browser.evaluate(page_script(), given)
        return last

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

    def state_fact(self, kind: str, place: str, holds: bool, evidence: str, subject: str = "") -> None:
        self.facts.append(fact(kind, place, holds, evidence, subject))

    def thrown(self, place: str, effect: Effect, subject: str = "") -> bool:
        """Whether the act ended in an exception that the page does not raise by itself."""
        for event in effect.events:
            if event.kind == "exception" and event.text not in self.loads:
                numbers = [str(number) for number in (event.line, event.column) if number]
                at = ":".join([parts_of(event.url).path.lstrip("/") or "index.html", *numbers])
                self.state_fact("handler-throws", place, False, f"throws at {at}: {short(event.text, 200)}", subject)
                return True
        return False

    def unpressed(self, place: str, effect: Effect) -> None:
        """What leads out of the site, or is off, is nothing left undone."""
        if "outside the site" not in effect.why and "disabled" not in effect.why:
            self.notes.append(f"{place} could not be used: {effect.why}")

    def is_shown(self, word: str) -> bool:
        return any(one["visible"] for one in self.look(nonces=[word])["nonces"][0]["seen"])

    def count(self, word: str) -> int:
        return sum(word.lower() in item["text"].lower() for one in self.look()["lists"] for item in one["items"])

    def item_look(self, word: str) -> list[tuple[str, str, bool]]:
        lists = self.look()["lists"]
        return [
            (one["where"], item["look"], item["done"])
            for one in lists
            for item in one["items"]
            if word.lower() in item["text"].lower()
        ]

    def fields(self) -> dict[str, str]:
        return {mark.target.selector: mark.value for mark in self.hands.marks() if mark.kind in TYPED}

    def repeat(self, acts: Iterable[Act]) -> None:
        """After a reload: the way back to the view, as far as it still has to be gone."""
        for act in acts:
            if act.verb == "click":
                self.do(act)

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

    def reveal(self, place: Place, acts: tuple[Act, ...]) -> None:
        """Controls that came into view are a place of their own."""
        if len(place.acts) + len(acts) > 12 or len(self.places) >= PLACES_MAX:
            return
        state = self.look()
        if parts_of(state["url"]).path != parts_of(place.path).path:
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
        path = parts_of(url).path
        if f"page {path}" not in self.once and width == DESKTOP[0]:
            self.once.add(f"page {path}")
            self.places.append(Place(path))

    def filling(self, one: Control, purpose: str, radios: set[str]) -> tuple[Act | None, str]:
        mark = one.mark
        if mark.disabled:
            return None, ""
        words = f"{one.name} {mark.placeholder} {one.about['words']}"
        if purpose == "login" and mark.kind in LOGIN:
            return act_on(
                "type", one, LOGIN["email" if "mail" in words.lower() and mark.kind != "password" else mark.kind]
            ), ""
        match mark.kind:
            case "select":
                wished = [option for option in mark.options if option != mark.value][-1:]
                return (act_on("choose", one, wished[0]), "") if wished else (None, "")
            case "checkbox":
                return (act_on("click", one), "") if not mark.checked else (None, "")
            case "radio":
                group = one.about["words"].split()[-1:] or [one.about["parent"]]
                if group[0] in radios or mark.checked:
                    return None, ""
                radios.add(group[0])
                return act_on("click", one), ""
            case "file":
                return act_on("set_file", one, "picture.png"), ""
            case "range" | "color":
                return None, ""
            case "date":
                kind = date_kind(one)
                made = nonce("date", "", self.typed, today=self.today).text
                return act_on(
                    "set_value",
                    one,
                    {"time": "10:30", "datetime-local": f"{made}T10:30", "month": made[:7]}.get(kind, made),
                ), ""
        if mark.kind not in TYPED:
            return None, ""
        made_up = nonce(
            mark.kind, words, self.typed, least=one.about["least"], most=one.about["most"], today=self.today
        )
        self.typed += 1
        return act_on("type", one, made_up.text), made_up.seen

    def is_elsewhere(self, nonces: Sequence[str]) -> bool:
        """Whether a view that holds such things, once opened, shows what was typed."""
        for one in self.controls():
            if (
                one.mark.kind in ("button", "link")
                and says("open", one.words)
                and not one.about["item"]
                and not one.about["group"]
            ):
                effect = self.do(act_on("click", one))
                if any(trace["seen"] for trace in self.look(nonces=nonces)["nonces"]):
                    return True
                if not effect.done:
                    return False
        return False


@cache
def page_script() -> str:
    return Path(__file__).with_name("explorer_page.js").read_text(encoding="utf-8")


def at_end(browser: Browser) -> bool:
    """A page scrolled to its end cannot bring a place further up."""
    return bool(browser.evaluate("return innerHeight + scrollY >= document.documentElement.scrollHeight - 4"))
