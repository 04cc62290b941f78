"""What the explorer does with forms and with the items of lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.explorer_controls import (
    TYPED,
    Control,
    Form,
    Place,
    State,
    Submitted,
    act_on,
    expected_items,
    first_said,
    has_grown,
    is_answered,
    is_filter,
    is_held_back,
    is_own_only,
    is_required,
    is_saving,
    is_select_filter,
    item_texts,
    items_of,
    mentions,
    shows_in_list,
    shows_what_was_typed,
    start_items,
    tools_of,
    was_seen,
)
from appliance.explorer_facts import (
    NOTHING,
    claims_success,
    claims_to_keep,
    is_notice,
    lacks_a_value,
    query_word,
    refuses,
    says,
    short,
    word_set,
)
from appliance.explorer_walk import EDITED, Walk
from appliance.steps import Act
from sandbox.hands import Effect
from sandbox.page_text import parts_of

NOTHING_LIKE_IT = "Zyxqovut"


@dataclass(slots=True)
class FormTrials(Walk):
    """Fills and sends forms; ticks off, edits, keeps and deletes items; searches and filters."""

    # -- forms

    def use_form(self, place: Place, form: Form) -> None:
        button = form.button
        self.tried |= {one.key for one in (*form.fields, *form.buttons)}
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
            self.unpressed(form.place, effect)
            return
        if not is_answered(effect, before, after):
            if not self.go(place):
                return
            again = self.fill_and_submit(place, form, patient=True)
            if again is None:
                return
            acts, nonces, values, before, effect, after = again
            if self.thrown(form.place, effect, form.words):
                return
        self.judge_form(place, form, Submitted(acts, nonces, values, before, effect, after, empty))

    def submit_empty(self, place: Place, form: Form) -> Effect | None:
        """What a form with required fields says when it is sent with nothing typed."""
        marks = [one.mark for one in form.fields if one.mark.kind in TYPED]
        if form.button is None or form.purpose in ("login", "search") or not any(is_required(mark) for mark in marks):
            return None
        if any(mark.value for mark in marks if is_required(mark)) or not self.go(place):
            return None
        before = self.look()
        effect = self.do(act_on("click", form.button))
        if effect.done and (not effect.changed or is_held_back(effect)):
            self.state_fact("submit-validated", form.place, True, "refuses to be sent empty", form.words)
            return None
        if effect.done and refuses((*effect.added, *effect.dialogs)):
            self.state_fact(
                "submit-validated", form.place, True, f'sent empty it says "{first_said(effect)}"', form.words
            )
            return None
        after = self.look()
        if effect.done and (has_grown(before, after) or claims_success((*effect.added, *effect.dialogs))):
            said = f'says "{first_said(effect)}"' if first_said(effect) else "adds an item"
            self.state_fact(
                "submit-validated", form.place, False, f"sent with its required fields empty it {said}", form.words
            )
            return None
        return effect if effect.done else None

    def fill_and_submit(
        self, place: Place, form: Form, *, patient: bool = False
    ) -> tuple[tuple[Act, ...], list[str], list[str], State, Effect, State] | None:
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
            last = act_on("click", form.button)
        elif acts:
            last = Act("press", {}, "Enter")
        else:
            return None
        effect = self.do(last, patient=patient)
        return (*acts, last), nonces, values, before, effect, self.look(nonces=nonces)

    def judge_form(self, place: Place, form: Form, sent: Submitted) -> None:
        effect, said = sent.effect, sent.said
        purpose, words = form.purpose, form.words
        after = sent.after
        if after["status"] >= 400:
            told = f"sending it leads to {parts_of(effect.url_after).path}, which answers {after['status']}"
            self.state_fact("submit-shows", form.place, False, told, words)
            return
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
        is_lost = bool(sent.nonces) and not sent.kept and not was_seen(effect)
        if is_lost or not is_answered(effect, sent.before, after):
            if form.button is None:
                return  # its fields may work as they are typed in
            kind = "add-item" if purpose == "add" else "submit-shows"
            how = "only loads the page anew" if effect.new_document else "changes nothing that can be seen"
            self.state_fact(kind, form.place, False, f"filling the fields and pressing the button {how}", words)
            return
        if refused and not sent.kept:
            self.state_fact("submit-shows", form.place, True, f'answers "{first_said(effect)}"', words)
            return
        if self.is_hollow(form, sent):
            return
        if purpose == "add" and sent.stored and not claim and not self.is_shown_somewhere(place, sent):
            self.state_fact("add-item", form.place, False, "what was typed is stored, but shown nowhere", words)
            return
        if sent.kept or sent.in_answer:
            self.state_answer(place, form, sent, "keeps what was typed")
            self.state_fact("submit-kept", form.place, True, "what was typed is shown or stored", words)
            if purpose == "save" and sent.stored:
                self.kept_after_reload(place, form.place, sent, words)
            elif purpose in ("login", "register", "other", "send", "book"):
                self.reveal(place, sent.acts)
            return
        keeps = claims_to_keep(claim) and purpose in ("add", "save", "book", "register", "other", "send")
        if keeps and not shows_in_list(effect, after, sent.values) and not self.is_elsewhere(sent.nonces):
            self.state_fact(
                "fake-success",
                form.place,
                False,
                f'says "{short(claim)}", but nothing typed is stored or shown anywhere',
                words,
            )
            return
        is_without_it = has_grown(sent.before, after) and sent.nonces and not mentions(effect.added, sent.values)
        if is_without_it and not form.is_to_produce:  # what is calculated need not repeat what it comes from
            new = short(next(iter(effect.added), ""))
            self.state_fact(
                "add-item", form.place, False, f'a new item appears ("{new}") without what was typed', words
            )
            return
        if said or effect.url_after != effect.url_before or effect.removed:
            self.state_answer(place, form, sent, "shows another view")
            self.reveal(place, sent.acts)

    def state_answer(self, place: Place, form: Form, sent: Submitted, otherwise: str) -> None:
        """What came of a form that works, and the way there; `otherwise` where it says nothing."""
        told = f'answers "{first_said(sent.effect)}"' if sent.said else otherwise
        self.state_fact("submit-shows", form.place, True, told, form.words)
        self.sequences.append((*place.acts, *sent.acts))

    def is_hollow(self, form: Form, sent: Submitted) -> bool:
        """States an answer that lacks its value, or only announces what it should show."""
        if without := next(filter(lacks_a_value, sent.said), ""):
            told = f'answers "{short(without)}": a value is missing'
            self.state_fact("submit-shows", form.place, False, told, form.words)
            return True
        only_announced = bool(sent.said) and all(map(is_notice, sent.said))
        if form.is_to_produce and only_announced and not (sent.stored or sent.effect.downloads):
            told = f'says "{first_said(sent.effect)}", but shows nothing of what it is to make'
            self.state_fact("fake-success", form.place, False, told, form.words)
            return True
        return False

    def is_shown_somewhere(self, place: Place, sent: Submitted) -> bool:
        """At once, in a view that holds such things, or after a reload."""
        if not sent.nonces or sent.in_answer or shows_what_was_typed(sent.after) or self.is_elsewhere(sent.nonces):
            return True
        self.do(Act("reload", {}))
        self.repeat(place.acts)
        return shows_what_was_typed(self.look(nonces=sent.nonces))

    def kept_after_reload(self, place: Place, said: str, sent: Submitted, words: str) -> None:
        self.do(Act("reload", {}))
        self.repeat(place.acts)
        traces = self.look(nonces=sent.nonces)["nonces"]
        shown = [trace for trace in traces if trace["fields"] or any(one["visible"] for one in trace["seen"])]
        if sent.nonces:
            holds = bool(shown)
            told = "is there again after a reload" if holds else "is stored but not shown again after a reload"
            self.state_fact("persists", said, holds, f"what was typed {told}", words)

    # -- items of lists

    def use_item(self, place: Place, form: Form, sent: Submitted, listed: str) -> None:
        """Ticks off, edits, keeps and deletes the item that was added."""
        made = sent.acts
        word = next(one for one in sent.nonces if one.lower() in listed.lower())
        tools = self.tools(word)
        self.seen |= {one.key for one in tools.values()}
        if (tick := tools.get("complete")) is not None and self.complete(place, made, tick, word):
            made = (*made, act_on("click", tick))
        self.primed.setdefault(place.path, (*place.acts, *made))
        self.do(Act("reload", {}))
        if not self.is_shown(word):
            self.repeat(place.acts)
        holds = self.is_shown(word)
        told = "is still there" if holds else "is gone"
        self.state_fact(
            "persists", form.place, holds, f"after a reload the added item {told}", f"{form.words} {listed}"
        )
        if (pen := tools.get("edit")) is not None:
            self.edit(place, sent.acts, pen, word)
        if (bin_ := tools.get("delete")) is not None:
            self.delete(place, sent.acts, bin_, word)

    def lists(self, place: Place, single: list[Control]) -> None:
        """The same with an item that is there from the start, for what no form has shown."""
        rows: dict[str, list[Control]] = {}
        for one in single:
            item = one.about["item"]
            if (
                item
                and not one.about["is_form"]
                and (one.mark.kind == "checkbox" or one.mark.kind in ("button", "link"))
                and not one.mark.href
            ):
                rows.setdefault(f"{item['list']} {item['text']}", []).append(one)
        for row in rows.values():
            text = row[0].about["item"]["text"].splitlines()
            word = text[0] if text else ""
            if len(word) < 3:
                continue
            tools = tools_of(row)
            for purpose, trial in (("complete", self.complete), ("edit", self.edit), ("delete", self.delete)):
                tool = tools.get(purpose)
                if tool is None or f"{purpose} {tool.kin}" in self.once:
                    continue
                self.once.add(f"{purpose} {tool.kin}")
                self.tried.add(tool.key)
                single.remove(tool)
                if self.go(place):
                    trial(place, (), tool, word)

    def tools(self, word: str) -> dict[str, Control]:
        """The controls of the item that shows the word, by what they are for."""
        return tools_of(
            [one for one in self.controls() if one.about["item"] and word.lower() in one.about["item"]["text"].lower()]
        )

    def complete(self, place: Place, made: tuple[Act, ...], one: Control, word: str) -> bool:
        def trial(patient: bool) -> bool | None:
            before = self.item_look(word)
            effect = self.do(act_on("click", one), patient=patient)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return None
            return not is_own_only(effect, one) or self.item_look(word) != before

        holds = self.attempt(place, made, trial)
        if holds is not None:
            told = "changes the item" if holds else "changes nothing of the item but the tick itself"
            self.state_fact("complete-item", one.place, holds, f"pressing it {told}", one.subject)
        if holds:
            self.sequences.append((*place.acts, *made, act_on("click", one)))
        return bool(holds)

    def edit(self, place: Place, made: tuple[Act, ...], one: Control, word: str) -> None:
        last: list[Act] = []

        def trial(patient: bool) -> bool | None:
            known = {control.key + control.target.selector for control in self.controls()}
            old = self.fields()
            effect = self.do(act_on("click", one), patient=patient)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return None
            last[:] = [act_on("click", one)]
            if any(said.startswith("prompt") for said in effect.dialogs):
                return self.is_shown(EDITED)
            if not effect.changed:
                return False
            found = self.controls()
            pens = [
                control
                for control in found
                if control.mark.kind in TYPED
                and (
                    control.key + control.target.selector not in known
                    or control.mark.value not in ("", old.get(control.target.selector, ""))
                )
            ]
            pens = [
                control
                for control in pens
                if control.mark.value and control.mark.value.lower() in f"{word} {one.about['item']['text']}".lower()
            ] or pens
            if not pens:
                return None
            typed = self.do(act_on("type", pens[0], EDITED))
            last.append(act_on("type", pens[0], EDITED))
            if not typed.done:
                return None
            saves = [
                control
                for control in self.controls()
                if control.mark.kind == "button" and is_saving(control, known, pens[0])
            ]
            ending = act_on("click", saves[0]) if saves else Act("press", {}, "Enter")
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
            effect = self.do(act_on("click", one), patient=patient)
            if self.thrown(one.place, effect, one.subject) or not effect.done:
                return None
            if self.count(word) < before:
                return True
            if effect.added and (box := self.look()["modal"]) is not None:
                yes = [
                    control
                    for control in self.controls()
                    if control.about["path"].startswith(box["path"]) and says("confirm", control.words)
                ]
                if not yes:
                    return None
                self.do(act_on("click", yes[0]), patient=patient)
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
            self.sequences.append((*place.acts, *made, act_on("click", one)))

    def stand(self, place: Place, made: Sequence[Act], word: str) -> bool:
        """To the place, with the item made."""
        if self.here == place and not made:
            return True
        if not self.go(place):
            return False
        return all(self.do(act).done for act in made) and self.is_shown(word)

    def search(self, place: Place, form: Form) -> None:
        """With a word that no item has none is left; with a word of an item that one is left."""
        self.tried |= {one.key for one in form.fields}
        box = next((one for one in form.fields if one.mark.kind in TYPED), None)
        if box is None or not self.go(place):
            return
        start = self.look()
        had = item_texts(start)
        if sum(len(one["items"]) for one in start["lists"]) < 2:
            return
        button = form.button

        def query(text: str, patient: bool) -> list[Effect]:
            effects = [self.do(act_on("type", box, text), patient=patient)]
            if not effects[0].changed:
                effects.append(self.do(Act("press", {}, "Enter"), patient=patient))
            if not any(effect.changed for effect in effects) and button is not None:
                effects.append(self.do(act_on("click", button), patient=patient))
            return effects

        def trial(patient: bool) -> bool | None:
            effects = query(NOTHING_LIKE_IT, patient)
            if any([self.thrown(box.place, effect, box.subject) for effect in effects]) or not effects[0].done:
                return None
            left = item_texts(self.look())
            if had <= left:
                if any(NOTHING.search(text) for effect in effects for text in effect.added):
                    return brings(patient)
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
            found = item_texts(self.look())
            told.append(
                f'"{word}" finds "{short(wanted, 40)}"'
                if wanted in found
                else f'"{word}" does not find "{short(wanted, 40)}"'
            )
            return wanted in found

        def brings(patient: bool) -> bool | None:
            """Where the list stays and what was found stands elsewhere: more of an item than the word asked for."""
            wanted = next((text for text in start_items(start) if (one := query_word(text)) and rest(text, one)), "")
            if not wanted:
                return None
            word = query_word(wanted)
            added = [text for effect in query(word, patient) for text in effect.added]
            holds = len(rest(wanted, word) & word_set(" ".join(added))) * 2 >= len(rest(wanted, word))
            if not holds and not all(NOTHING.search(text) for text in added):
                return None  # it says something of its own: how many there are, or where
            told.append(f'"{word}" {"brings" if holds else "does not bring"} "{short(wanted, 40)}"')
            brought.append(wanted)
            return holds

        def rest(text: str, word: str) -> frozenset[str]:
            return word_set(text) - word_set(word)

        told: list[str] = []
        brought: list[str] = []
        holds = self.attempt(place, (), trial)
        if holds is not None:
            self.state_fact("search-items", box.place, holds, told[-1], f"{box.subject} {' '.join(sorted(had))[:150]}")
        if holds and not brought:  # to type alone changes nothing there
            self.sequences.append((*place.acts, act_on("type", box, NOTHING_LIKE_IT)))

    def filters(self, place: Place, single: list[Control]) -> None:
        groups: dict[str, list[Control]] = {}
        for one in single:
            if (
                one.mark.kind in ("button", "link")
                and not one.about["item"]
                and "nav" not in one.about["area"]
                and one.about["siblings"] > 1
            ):
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
            choices = [(one, one.name, act_on("click", one)) for one in group]
            for one in lists:
                if len(group) > 1 and is_filter(group, one["items"]):
                    self.filter(start, choices, one)
                    break
        for control in selects:
            names = control.mark.options
            if says("sort", f"{control.name} {control.about['words']}"):
                self.sort(start, control, names[:5], lists)
                continue
            for one in lists:
                if is_select_filter(names, one["items"]):
                    self.filter(start, [(control, name, act_on("choose", control, name)) for name in names[:5]], one)
                    break
        filtered = {known.place for known in self.facts if known.kind == "filter-items"}
        single[:] = [one for one in single if one.place not in filtered]

    def sort(self, place: Place, control: Control, names: Sequence[str], lists: Sequence[Mapping[str, Any]]) -> None:
        """Whether a choice puts the same items of a list into another order. One that does not may find them in order
        already, so nothing is said of it."""
        for name in names:
            act = act_on("choose", control, name)
            if not self.go(place):
                return
            effect = self.do(act, patient=True)
            if self.thrown(control.place, effect, control.subject) or not effect.done:
                continue
            now = self.look()
            for one in lists if effect.changed else ():
                base = [item["text"] for item in one["items"]]
                shown = [item["text"] for item in items_of(now, one["where"])]
                if shown != base and sorted(shown) == sorted(base):
                    self.tried.add(control.key)
                    told = f'"{name}" puts the {len(base)} items into another order'
                    self.state_fact("filter-items", control.place, True, told, f"{control.subject} sort")
                    self.sequences.append((*place.acts, act))
                    return

    def filter(self, place: Place, choices: list[tuple[Control, str, Act]], listed: Mapping[str, Any]) -> None:
        items, where = listed["items"], listed["where"]
        base = {item["text"] for item in items}
        for one, name, act in choices:
            self.tried.add(one.key)
            wanted = expected_items(name, items)
            if not wanted or wanted == base:
                continue

            def trial(patient: bool, act: Act = act, wanted: set[str] = wanted, one: Control = one) -> bool | None:
                effect = self.do(act, patient=patient)
                if self.thrown(one.place, effect, one.subject) or not effect.done:
                    return None
                shown = {item["text"] for item in items_of(self.look(), where)}
                if act.verb == "click" and base <= shown and effect.added:
                    return None  # it chooses one of them, and says so
                return bool(shown & wanted) and not base <= shown and not (shown & base) - wanted

            if not self.go(place):
                return
            holds = self.attempt(place, (), trial)
            if holds is None:
                continue
            told = (
                f'"{name}" shows its {len(wanted)} items only'
                if holds
                else f'"{name}" does not show just its items ({short(", ".join(sorted(wanted)), 60)})'
            )
            self.state_fact("filter-items", one.place, holds, told, f"{one.subject} {name}")
            if holds:
                self.sequences.append((*place.acts, act))
