"""The explorer: a tester without any model that uses every control of a page and says what came of it.

It works through forms, lists, filters and searches, single controls, links and views, first at desktop width and then
at a phone's, each from a state it knows. A failure is stated only after a second try from a freshly opened page.
Not seen: sounds, work in frames of other sites, drag and drop, and what only a second visitor would notice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date

from appliance.explorer_controls import (
    DESKTOP,
    PHONE,
    TYPED,
    Form,
    Place,
    belongs_to,
    form_rank,
    forms_of,
)
from appliance.explorer_facts import (
    says,
    settled,
    short,
)
from appliance.explorer_singles import ControlTrials
from appliance.explorer_walk import FORGET, PLACES_MAX, QUICK, OutOfTime
from appliance.steps import Exploration
from sandbox.browser import Browser
from sandbox.errors import BrowserCrashed, ScriptFailed
from sandbox.hands import Hands, Target

BUDGET_S = 40.0


def explore(browser: Browser, *, budget_s: float = BUDGET_S, path: str = "/") -> Exploration:
    """Uses the page at `path` and the pages it leads to. Leaves the browser there, at desktop width, nothing stored.

    Acts are counted (`ACTS_MAX`), and the time is looked at before each; one act takes 3 seconds at most, a page that
    hangs 6.
    """
    began = time.monotonic()
    with Hands(browser, QUICK) as hands:
        tour = Tour(browser, hands, began + budget_s, date.today())
        unfinished = tour.run(path)
        try:
            browser.resize(*DESKTOP)
            browser.evaluate(FORGET)
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


@dataclass(slots=True)
class Tour(ControlTrials):
    """The order in which a site is gone through."""

    def run(self, path: str) -> str:
        """Empty, or why something was left out."""
        self.places = [Place(path)]
        try:
            self.visit_all()
            self.phone(path)
            self.visit_all()
            self.last()
        except OutOfTime as out:
            self.notes.append(f"{out} used up after {len(self.tried & self.seen)} of {len(self.seen)} controls")
        except BrowserCrashed:
            self.notes.append(f"the page hung or its tab died at: {self.doing}")
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
        forms = [form for form in forms_of(everything) if f"form {place.path} {form.path}" not in self.once]
        self.once |= {f"form {place.path} {form.path}" for form in forms}
        controls = self.fresh(everything)
        in_forms = {id(one) for form in forms for one in (*form.fields, *form.buttons) if belongs_to(form, one)}
        in_old_forms = {
            one.key for form in forms_of(everything) for one in (*form.fields, *form.buttons) if belongs_to(form, one)
        }
        single = [one for one in controls if id(one) not in in_forms and one.key not in in_old_forms]
        for form in sorted(forms, key=form_rank):
            if form.purpose == "search":
                self.search(place, form)
            else:
                self.use_form(place, form)
        self.lists(place, single)
        self.filters(place, single)
        for one in single:
            if one.mark.kind == "search" or (
                one.mark.kind in TYPED and says("search", f"{one.name} {one.mark.placeholder}")
            ):
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

    def read_texts(self, place: Place) -> None:
        for one in self.look(headings=True)["headings"]:
            if len(one["text"]) > 2:
                self.state_fact(
                    "shows-text", f"{one['place']} {short(one['text'], 40)}", True, one["text"], one["text"]
                )
