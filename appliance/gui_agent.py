"""A model tries one checklist item on the running site: it sees numbered controls and chooses one action at a time.

A text-only model gets the controls as a list, a vision model also pictures with the numbers drawn in. The answer it
ends with is its own story; the acts with what each changed are the evidence that others judge by.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from appliance.gui_actions import (
    GuiAction,
    Malformed,
    Offer,
    action_schema,
    action_words,
    effect_words,
    element_line,
    errors_of,
    read_action,
)
from appliance.prompts import fill
from appliance.steps import Answer, ChecklistItem, GuiAct, GuiEnd, GuiTrace, Usage
from models.chat import ChatMessage, ChatModel, Completion, Sampling
from models.errors import ContextOverflow
from sandbox.errors import SandboxError
from sandbox.hands import Effect, Hands, Mark, PageView, ScriptBroke, Verb


@dataclass(frozen=True, slots=True)
class GuiSettings:
    actions: int = 15
    """The last one can only be the answer."""
    vision: bool = False
    pictures_kept: int = 3
    """How many of the newest pictures a vision model is shown."""
    answers: tuple[Answer, ...] = ("YES", "PARTIAL", "NO")
    enter_after_typing: bool = False
    same_again: int = 2
    """The same action on an unchanged page for the n-th time ends the test; 0 lets it go on."""
    elements_listed: int = 60
    text_chars: int = 1500
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0, max_tokens=400, seed=42))
    path: str = "/"
    width: int = 1280
    height: int = 800


FIXED = GuiSettings()
FAITHFUL = GuiSettings(
    vision=True, answers=("YES", "NO"), enter_after_typing=True, same_again=0, width=1024, height=768
)
"""The reference's choices; its fixed waits are left out, because they change nothing but the time."""

KeepPicture = Callable[[bytes], str]
"""Stores a PNG and gives its SHA-256."""


def run_test(
    model: ChatModel,
    hands: Hands,
    item: ChecklistItem,
    settings: GuiSettings = FIXED,
    *,
    keep: KeepPicture | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> GuiTrace:
    """Starts from a fresh page and an empty store. Never raises for what page or model do: that is how it ended."""
    return _Test(model, hands, item, settings, keep, cancelled).run()


class _Test:
    def __init__(
        self,
        model: ChatModel,
        hands: Hands,
        item: ChecklistItem,
        settings: GuiSettings,
        keep: KeepPicture | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.model, self.hands, self.item, self.settings = model, hands, item, settings
        self.keep, self.cancelled = keep, cancelled
        self.acts: list[GuiAct] = []
        self.pictures: list[bytes] = []
        self.tried: dict[tuple[object, ...], int] = {}
        self.usage = Usage()
        self.first: PageView | None = None
        self.last: PageView | None = None
        self.restless = False
        # A page cannot close a fence whose name it does not know.
        self.fence = f"=== site {secrets.token_hex(4)}"

    def run(self) -> GuiTrace:
        began = time.monotonic()
        try:
            answer, reason, ended = self._turns()
        except (SandboxError, ScriptBroke) as error:
            answer, reason, ended = "unjudged", f"the page was lost: {error}", "page lost"
        except ContextOverflow as error:
            answer, reason, ended = "unjudged", f"the page does not fit the model's context: {error}", "too long"
        first, last = self.first, self.last
        return GuiTrace(
            task=self.item.task,
            expected=self.item.expected,
            model=self.model.name,
            acts=tuple(self.acts),
            answer=answer,
            reason=reason,
            ended=ended,
            start=self.settings.path,
            text_before=first.text if first else "",
            text_after=last.text if last else "",
            storage_after=last.storage if last else {},
            url_after=last.url if last else "",
            usage=self.usage,
            seconds=time.monotonic() - began,
        )

    def _turns(self) -> tuple[Answer, str, GuiEnd]:
        self.hands.forget()
        self.hands.browser.resize(self.settings.width, self.settings.height)
        opened = self.hands.open(self.settings.path)
        if not opened.done:
            return "unjudged", f"the page was lost: {opened.why}", "page lost"
        self.restless = opened.restless
        for turn in range(self.settings.actions):
            view = self.last = self.hands.view()
            self.first = self.first or view
            marks = self._offered(self.hands.marks())
            offer = Offer(marks, self.settings.answers, only_done=turn == self.settings.actions - 1)
            action = self._ask(view, offer)
            match action:
                case None:
                    return "unjudged", "cancelled", "cancelled"
                case Malformed(why):
                    return "unjudged", f"the model's reply could not be used twice: {why}", "malformed"
                case GuiAction(verb="done"):
                    return action.answer, action.reason, "answered"
            mark = next((mark for mark in marks if mark.number == action.element), None)
            if self._is_loop(action, mark, view):
                words = action_words(action, mark)
                return "unjudged", f"the model went round in circles: {words} on a page it had not changed", "loop"
            self._act(action, mark, view)
        raise AssertionError("the last turn offers nothing but an answer")

    def _offered(self, marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
        """Those in the window first, where not all can be listed; then in reading order again."""
        nearest = sorted(marks, key=lambda mark: not mark.in_view)[: self.settings.elements_listed]
        return tuple(sorted(nearest, key=lambda mark: mark.number))

    def _is_loop(self, action: GuiAction, mark: Mark | None, view: PageView) -> bool:
        # The text of a page that moves by itself says nothing about what the model did.
        page = (view.url, view.fields, tuple(view.storage.items()), "" if self.restless else view.fingerprint)
        key = (action.verb, mark.target if mark else None, action.text, page)
        self.tried[key] = self.tried.get(key, 0) + 1
        return 0 < self.settings.same_again <= self.tried[key]

    # -- the model's part

    def _ask(self, view: PageView, offer: Offer) -> GuiAction | Malformed | None:
        picture = self.hands.overlay() if self.settings.vision else b""
        if picture:
            self.pictures = [*self.pictures, picture][-self.settings.pictures_kept :]
        asked = self._messages(view, offer, "")
        said = self._chat(asked, offer)
        action = read_action(said.text, offer) if said.finish != "cancelled" else None
        if isinstance(action, Malformed):
            said = self._chat(self._messages(view, offer, f"Your last reply could not be used: {action.why}."), offer)
            action = read_action(said.text, offer) if said.finish != "cancelled" else None
        return action

    def _chat(self, messages: list[ChatMessage], offer: Offer) -> Completion:
        said = self.model.chat(
            messages, self.settings.sampling, constraint=action_schema(offer), cancelled=self.cancelled
        )
        self.usage = Usage(
            self.usage.prompt_tokens + said.prompt_tokens,
            self.usage.evaluated_tokens + said.evaluated_tokens,
            self.usage.completion_tokens + said.completion_tokens,
            self.usage.model_seconds + said.seconds,
        )
        return said

    def _messages(self, view: PageView, offer: Offer, complaint: str) -> list[ChatMessage]:
        answers = self.settings.answers
        system = fill("gui.system", answers=" or ".join(answers), first_answer=answers[0])
        acts = [f"{n}. {act.words} -> {act.effect}" for n, act in enumerate(self.acts, 1)]
        ask = "No action is left. Answer now with done." if offer.only_done else "What is the next action?"
        if self.pictures:
            ask += f" The last picture shows the window now; {len(self.pictures) - 1} before it show it earlier."
        user = fill(
            "gui.turn",
            task=self.item.task,
            expected=self.item.expected,
            used=str(len(self.acts)),
            actions=str(self.settings.actions),
            acts=self._fenced("\n".join(acts)) if acts else "none",
            fence=self.fence,
            url=view.url.removeprefix(self.hands.browser.origin),
            title=view.title[:100],
            elements="\n".join(element_line(mark) for mark in offer.marks) or "none",
            text=_shortened(view.text, self.settings.text_chars),
            ask="\n".join(part for part in (complaint, ask) if part),
        )
        return [ChatMessage("system", system), ChatMessage("user", user, tuple(self.pictures))]

    def _fenced(self, text: str) -> str:
        """What acts changed is the site's text as well."""
        return f"{self.fence} begins\n{text}\n{self.fence} ends"

    # -- the hands' part

    def _act(self, action: GuiAction, mark: Mark | None, view: PageView) -> None:
        effect = self._perform(action, mark)
        self.restless = self.restless or effect.restless
        after = self.hands.view()
        self.last = after
        target = asdict(mark.target) if mark else {}
        act = GuiAct(
            verb=self._verb(action),
            words=action_words(action, mark),
            target=target,
            text=action.text,
            thought=action.thought,
            done=effect.done,
            effect=effect_words(effect),
            changed=effect.changed,
            url=after.url.removeprefix(self.hands.browser.origin),
            added=effect.added,
            removed=effect.removed,
            storage=effect.storage,
            errors=errors_of(effect),
            before=view.fingerprint,
            after=after.fingerprint,
            seconds=effect.seconds,
        )
        if self.keep is not None:
            act = replace(act, picture=self.keep(self.hands.browser.screenshot(full_page=False)))
        self.acts.append(act)

    def _perform(self, action: GuiAction, mark: Mark | None) -> Effect:
        return self.hands.perform(self._verb(action), mark.target if mark else None, action.text)

    def _verb(self, action: GuiAction) -> Verb:
        match action.verb:
            case "type":
                return "enter" if self.settings.enter_after_typing else "type"
            case "select":
                return "choose"
            case "upload":
                return "set_file"
            case "done":
                raise AssertionError("an answer is no act")
        return action.verb


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest].rpartition(chr(10))[0]}\n(the rest is left out)"
