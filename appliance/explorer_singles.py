"""What the explorer does with single controls, boxes over the page, and links."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from appliance.explorer_controls import (
    DESKTOP,
    SILENT,
    TOAST,
    TYPED,
    Control,
    Place,
    State,
    act_on,
    changed_words,
    chosen_option,
    claimable,
    empties,
    is_own_only,
    item_texts,
    leads_out,
    leads_within,
    longest_list,
    only_tops,
    own_look,
    throws,
    works_kind,
)
from appliance.explorer_facts import (
    COPIED,
    NOTHING,
    claims_success,
    claims_to_keep,
    is_chosen,
    lacks_a_value,
    says,
    short,
)
from appliance.explorer_forms import FormTrials
from appliance.explorer_walk import at_end
from appliance.steps import Act
from sandbox.hands import Effect
from sandbox.page_text import parts_of

LINKS_MAX = 16
PARTS_OF_A_DATE = 8
"""The Tab key goes through the parts of a date and a time, and to the button beside them."""
NEEDS_WORK = re.compile(r"\b(?:undo|redo|delete|remove|erase|new)\b", re.IGNORECASE)
BY_HAND = re.compile(r"\b(?:clear|add)\b", re.IGNORECASE)
WRITES = re.compile(r"\b(?:post|publish|reply|comment|write|message)\b", re.IGNORECASE)
"""What needs words of the visitor's own: a copy of the card is no post."""
ALL = re.compile(r"(?:show )?(?:all|everything)", re.IGNORECASE)


@dataclass(slots=True)
class ControlTrials(FormTrials):
    """Presses, chooses and follows what belongs to no form, and says what changed."""

    def singles(self, place: Place, single: list[Control]) -> None:
        links = [one for one in single if leads_within(one, self.browser.origin)]
        rest = [one for one in single if one not in links and not leads_out(one, self.browser.origin)]
        for one in rest:
            if (
                says("delete", one.words)
                or says("leave", one.words)
                or says("reset", one.words)
                or one.about["type"] == "reset"
            ):
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
        self.tried.add(one.key)
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
        if throws(effect) and not was_fresh:  # an earlier act may have broken what this one needs
            if not self.go(place):
                return
            look = self.look(targets=[one.target])
            effect = self.do(act, patient=True)
        if self.thrown(one.place, effect, one.subject):
            return
        if not effect.done:
            self.unpressed(one.place, effect)
            return
        if kind in ("checkbox", "radio", "file") and is_own_only(effect, one):
            effect = replace(effect, changed=False)
        if without := next(filter(lacks_a_value, effect.added), ""):
            said = f'shows "{short(without)}": a value is missing'
            self.state_fact(works_kind(one), one.place, False, said, one.subject)
        elif effect.changed and not only_tops(one, effect):
            self.worked_fact(place, one, act, look, effect)
        else:
            self.dead(place, one, act)

    def reachable(self, place: Place, one: Control) -> bool:
        """The control can be pressed now, or after opening its place anew."""
        if self.here is None:
            mark = self.hands.find(one.target)
            path = parts_of(self.look()["url"]).path
            if (
                mark is not None
                and not mark.covered
                and not mark.disabled
                and mark.target.name == one.name
                and path == parts_of(place.path).path
                and mark.target.text == one.target.text
            ):
                return True
        return self.go(place)

    def using(self, one: Control) -> Act | None:
        match one.mark.kind:
            case "select":
                others = [
                    option for option in one.mark.options if option != one.mark.value and option != chosen_option(one)
                ]
                return act_on("choose", one, others[-1]) if others else None
            case "range":
                least, most = one.about["least"] or "0", one.about["most"] or "100"
                return act_on("set_value", one, most if one.mark.value != most else least)
            case "color":
                return act_on("set_value", one, "#c2410c")
            case "file":
                return act_on("set_file", one, "picture.png")
        return act_on("click", one)

    def worked_fact(self, place: Place, one: Control, act: Act, before: State, effect: Effect) -> None:
        kind = works_kind(one)
        after = self.look(targets=[one.target])
        if empties(one, effect):
            if self.confirmed_empty(place, act):
                said = short(next(iter(effect.removed), ""))
                self.state_fact(kind, one.place, False, f'it hides "{said}" and shows nothing instead', one.subject)
            return
        if self.is_fake(place, one, effect) or self.finds_nothing(one, effect):
            return
        self.state_fact(kind, one.place, True, changed_words(effect), one.subject)
        self.worked.append((place, one, (act,)))
        if len(place.acts) < 2:
            self.sequences.append((*place.acts, act))
        if says("add", one.words) and one.about["item"] and not WRITES.search(one.words):
            self.added_from_item(one, before, after)
        box = after["modal"]
        if box is not None and before["modal"] is None:
            self.modal(place, one, act, box)
        elif effect.new_document or after["tally"] != before["tally"]:
            self.reveal(place, (act,))
        takes_back = says("reset", one.words) or says("delete", one.words) or says("leave", one.words)
        if effect.storage and not takes_back and self.reloads < 5:
            self.look_after_reload(place, one, act, before, after)
        if effect.new_document and parts_of(effect.url_after).path != parts_of(effect.url_before).path:
            self.arrived(place, one, effect)

    def finds_nothing(self, one: Control, effect: Effect) -> bool:
        """States that no entry is of any of the kinds that a choice offers."""
        if one.mark.kind != "select" or not self.shows_none(effect):
            return False
        for option in [option for option in one.mark.options if option != chosen_option(one)][:-1][:4]:
            if not self.shows_none(self.do(act_on("choose", one, option))):
                return False
        said = f'no entry is of a kind that it offers: it only shows "{short(effect.added[0])}"'
        self.state_fact("filter-items", one.place, False, said, one.subject)
        return True

    @staticmethod
    def shows_none(effect: Effect) -> bool:
        """Also where the words of the choice before still stand there."""
        said_only = bool(effect.removed and effect.added) and all(NOTHING.search(text) for text in effect.added)
        return said_only or not effect.changed

    def arrived(self, place: Place, one: Control, effect: Effect) -> None:
        state = self.look()
        if state["status"] >= 400:
            self.state_fact(
                "link-works",
                one.place,
                False,
                f"leads to {parts_of(effect.url_after).path}, which answers {state['status']}",
                one.subject,
            )
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
        others = [text for text in effect.added if text != claim] + [
            text for text in effect.attributes if not TOAST.search(text)
        ]
        if not claim or not claims_to_keep(claim) or others or effect.removed or effect.storage or effect.new_document:
            return False
        item = one.about["item"]
        title = item["text"].splitlines()[0] if item and item["text"] else ""
        if title and self.is_counted(place, one, title):
            return False
        if not title and self.is_elsewhere([]):
            return False
        self.state_fact(
            "fake-success",
            one.place,
            False,
            f'says "{short(claim)}", but nothing else changes and nothing is stored',
            one.subject,
        )
        return True

    def is_counted(self, place: Place, one: Control, title: str) -> bool:
        """Whether the item's name is now found once more somewhere, in hidden parts and other views too."""
        now = self.look(words=[title])["counts"][0]
        if not self.go(place):
            return True
        before = self.look(words=[title])["counts"][0]
        effect = self.do(act_on("click", one), patient=True)
        in_toast = sum(title in text for text in effect.added)
        if now > before + in_toast:
            return True
        for control in self.controls():
            if control.mark.kind in ("button", "link") and says("open", control.words) and not control.about["item"]:
                self.do(act_on("click", control))
                if self.look(words=[title])["counts"][0] > before:
                    return True
        return False

    def added_from_item(self, one: Control, before: State, after: State) -> None:
        title = one.about["item"]["text"].splitlines()[0]
        had, has = (sum(title in text for text in state["texts"]) for state in (before, after))
        if has > had:
            self.state_fact(
                "add-item",
                one.place,
                True,
                f'"{short(title)}" {COPIED}',
                f"{one.subject} {one.words}",
            )

    def look_after_reload(self, place: Place, one: Control, act: Act, before: State, after: State) -> None:
        """What a control stored must show again after a reload: in its own look, the page's look, or a list."""
        if f"reload {one.kin}" in self.once:
            return
        self.once.add(f"reload {one.kin}")
        self.reloads += 1
        own = own_look(before), own_look(after)
        roots = before["root"], after["root"]
        new = item_texts(after) - item_texts(before) if len(longest_list(after)) > len(longest_list(before)) else set()
        if (own[0] == own[1] or not own[1]) and roots[0] == roots[1] and not new:
            return
        if not self.go(place) or not self.do(act).done:
            return
        self.do(Act("reload", {}))
        self.repeat(place.acts)
        again = self.look(targets=[one.target])
        kept = (
            (own[0] != own[1] and own_look(again) == own[1])
            or (roots[0] != roots[1] and again["root"] == roots[1])
            or bool(new & item_texts(again))
        )
        lost = not kept and (own[0] == own[1] or own_look(again) == own[0]) and again["root"] == roots[0]
        if kept or lost:
            told = "is there again" if kept else "is gone, though something was stored"
            self.state_fact("persists", one.place, kept, f"after a reload what it changed {told}", one.subject)

    def dead(self, place: Place, one: Control, act: Act) -> None:
        """Says so only if nothing excuses it and it stays dead on a fresh page, or after what it undoes was done."""
        if not claimable(one) or SILENT.search(one.words) or is_chosen(one.about["look"]):
            return
        if NEEDS_WORK.search(one.words) or ALL.fullmatch(one.name.strip()):
            return  # there may be nothing yet to undo, to remove, to begin anew or to show again
        acts = [act]
        if one.mark.kind == "select":
            acts = [act_on("choose", one, option) for option in one.mark.options if option != chosen_option(one)][:4]
        takes_back = says("reset", one.words) or says("delete", one.words) or one.about["type"] == "reset"
        if (one.mark.kind != "button" or BY_HAND.search(one.words)) and self.look()["pictures"]:
            return  # it may be about something in the drawing that only a hand can choose
        for each in acts:
            if not self.go(place):
                return
            effect = self.do(each, patient=True)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return
            own = one.mark.kind in ("checkbox", "file") and is_own_only(effect, one)
            if effect.changed and not own and not only_tops(one, effect):
                self.state_fact(works_kind(one), one.place, True, changed_words(effect), one.subject)
                return
        if self.works_when_filled(place, one, act):
            return
        if takes_back and not self.dead_after_changes(place, one, act):
            return
        if one.mark.kind == "checkbox":
            return
        told = (
            "choosing another option changes nothing"
            if one.mark.kind == "select"
            else "using it changes nothing at all"
        )
        self.state_fact(works_kind(one), one.place, False, told, one.subject)

    def works_when_filled(self, place: Place, one: Control, act: Act) -> bool:
        """What waits for something to be typed beside it is not dead."""
        group = one.about["group_path"]
        empty = [
            other
            for other in self.controls()
            if other.mark.kind in TYPED and not other.mark.value and not other.mark.disabled
            if not other.about["is_form"] or other.about["group_path"] == group
        ]
        if not empty or not self.go(place):
            return False
        for other in empty[:4]:
            filling, _ = self.filling(other, "other", set())
            if filling is not None:
                self.do(filling)
        effect = self.do(act, patient=True)
        if self.thrown(one.place, effect, one.subject) or not effect.done:
            return True
        works = effect.changed and not is_own_only(effect, one) and set(effect.attributes) != {"scrolled"}
        if works:
            self.state_fact(works_kind(one), one.place, True, changed_words(effect), one.subject)
        return works

    def dead_after_changes(self, place: Place, one: Control, act: Act) -> bool:
        """For what takes something back: whether it still does nothing after other controls have changed something."""
        if not self.go(place):
            return False
        changed = False
        near = sorted(
            (
                entry
                for entry in self.worked
                if entry[0] == place and entry[1].key != one.key and not says("reset", entry[1].words)
            ),
            key=lambda entry: entry[1].about["parent"] != one.about["parent"],
        )
        for _, _, acts in near[:3]:
            for each in acts:
                effect = self.do(each)
                changed = changed or (effect.done and effect.changed and not effect.new_document)
        if not changed and (primed := self.primed.get(place.path)):
            changed = all(self.do(each).done for each in primed)
        if not changed and not says("delete", one.words) and "clear" not in one.words.lower():
            return False
        effect = self.do(act, patient=True)
        if effect.done and effect.changed:
            self.state_fact(works_kind(one), one.place, True, changed_words(effect), one.subject)
        return effect.done and not effect.changed and not self.thrown(one.place, effect, one.subject)

    def modal(self, place: Place, one: Control, act: Act, box: Mapping[str, Any]) -> None:
        """A box over the page must let go: by its button, the Escape key, or a press beside it."""
        if f"modal {box['path']}" in self.once:
            return
        self.once.add(f"modal {box['path']}")
        inside = Place(place.path, (*place.acts, act), place.width)
        closers = [
            control
            for control in self.controls()
            if control.about["path"].startswith(box["path"]) and says("close", control.words)
        ]
        self.seen |= {control.key for control in closers}
        ways = [act_on("click", control) for control in closers[:2]]
        for way in (*ways, Act("press", {}, "Escape"), None, act):
            if way is None:
                self.beside(box)
            else:
                self.do(way, patient=True)
            if self.look()["modal"] is None:
                self.state_fact("focus-trap", one.place, True, "what it opens can be closed again", one.subject)
                break
        else:
            said = f'"{closers[0].name}"' if closers else "no button"
            self.state_fact(
                "focus-trap",
                one.place,
                False,
                f"{box['where']} that it opens cannot be closed: {said}, Escape and a press beside it leave it open",
                one.subject,
            )
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
                    self.state_fact(
                        "control-works", "canvas", True, f"the key {key} changes the drawing", "game canvas"
                    )
                    break
        typed = [one for one in self.controls() if one.mark.kind in TYPED and not one.mark.disabled]
        if not typed or len(self.hands.marks()) < 3:
            return
        self.do(act_on("click", typed[0]))
        at = self.look()["active"]
        parts = PARTS_OF_A_DATE if typed[0].mark.kind == "date" else 2
        effects = [self.do(Act("press", {}, "Tab")) for _ in range(parts)]
        if at and self.look()["active"] == at and not any(effect.changed for effect in effects):
            self.state_fact(
                "focus-trap", typed[0].place, False, "the Tab key does not lead out of it", typed[0].subject
            )

    def follow(self, place: Place, one: Control) -> None:
        self.tried.add(one.key)
        if not self.reachable(place, one):
            return
        anchor = one.about["anchor"]
        act = act_on("click", one)
        before = self.look()
        effect = self.do(act)
        if self.thrown(one.place, effect, one.subject):
            return
        if not effect.done:
            self.unpressed(one.place, effect)
            return
        after = self.look(targets=[one.target])
        if effect.new_document and not anchor:
            self.followed_page(place, one, after)
        elif effect.added or (effect.removed and not anchor):
            self.followed_view(place, one, act, before, effect)
        elif empties(one, effect) and anchor != "away" and not says("close", one.words):
            if self.confirmed_empty(place, act):
                said = short(next(iter(effect.removed), ""))
                self.state_fact(
                    "navigates", one.place, False, f'it hides "{said}" and shows nothing instead', one.subject
                )
        elif anchor == "missing":
            self.no_place(place, one, act)
        elif anchor in ("away", "in-view", "top"):
            moved = (
                after["scroll"] != before["scroll"]
                or (after["controls"][0] or {}).get("anchor") == "in-view"
                or anchor != "away"
            )
            if moved or at_end(self.browser):
                self.state_fact("link-works", one.place, True, "leads to its place on the page", one.subject)

    def no_place(self, place: Place, one: Control, act: Act) -> None:
        """A link to a view may do nothing because that view is shown; it must do something after another one."""
        others = [
            acts
            for at, other, acts in self.worked
            if at == place and other.mark.kind == "link" and other.about["area"] == one.about["area"]
        ]
        if others and self.go(place):
            for each in others[-1]:
                self.do(each)
            effect = self.do(act, patient=True)
            if effect.added:
                self.state_fact(
                    "navigates",
                    one.place,
                    True,
                    f'shows "{short(effect.added[0])}"',
                    f"{one.subject} {effect.added[0]}",
                )
                return
        said = f"{parts_of(one.mark.href).fragment} is no place on the page, nothing else happens"
        self.state_fact("link-works", one.place, False, said, one.subject)

    def followed_page(self, place: Place, one: Control, after: State) -> None:
        path = parts_of(one.mark.href).path
        if after["status"] >= 400 or not after["texts"]:
            said = f"answers {after['status']}" if after["status"] >= 400 else "shows nothing"
            self.state_fact("link-works", one.place, False, f"{path} {said}", one.subject)
            return
        heading = " ".join(after["texts"][:1])
        self.state_fact(
            "link-works",
            one.place,
            True,
            f'opens {path} ("{short(after["title"] or heading)}")',
            f"{one.subject} {after['title']}",
        )
        self.sequences.append((*place.acts, act_on("click", one)))
        self.enter(after["url"], place.width)
        if self.backs < 6:
            self.backs += 1
            for _ in range(2):
                effect = self.do(Act("back", {}))
                if parts_of(self.look()["url"]).path == parts_of(place.path).path or not effect.done:
                    break
            holds = parts_of(self.look()["url"]).path in (
                parts_of(place.path).path,
                parts_of(place.path).path + "index.html",
            )
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
                told = (
                    "going back shows the earlier view again"
                    if shown
                    else "going back changes the address but not the view"
                )
                self.state_fact("back-works", one.place, shown, told, one.subject)
