"""A way through the site that once worked, tried again without a model after every later step.

Expected again is what a visitor would miss: what was typed shows up or goes, the address, that something is stored,
that the act does anything at all. Other words may change with the design and are not held against it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec

from appliance.steps import Act, GuiTrace
from sandbox.errors import SandboxError
from sandbox.hands import Effect, Hands, ScriptBroke, Target, Verb
from sandbox.page_text import parts_of

LOOKING = ("scroll", "back", "reload", "open", "wait_for")
TYPING = ("type", "enter", "set_value")
SHORTEST_TYPED = 3


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an act must bring about again. Empty fields ask nothing."""

    shown: tuple[str, ...] = ()
    """Typed words that must be readable in what comes."""
    gone: tuple[str, ...] = ()
    """Typed words that must be in what goes."""
    address: str = ""
    """Path, query and fragment afterwards."""
    stores: tuple[str, ...] = ()
    """Keys that changed; whether the store changes is asked, not under which key."""
    says_something: bool = False
    """Some visible text must come."""
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What an act did when it worked."""

    added: Sequence[str]
    removed: Sequence[str]
    storage: tuple[str, ...]
    changed: bool
    address: str
    moved: bool


@dataclass(frozen=True, slots=True)
class ReplayAct:
    verb: Verb
    words: str
    target: Target | None = None
    text: str = ""
    expect: Expectation = Expectation()


@dataclass(frozen=True, slots=True)
class Replay:
    name: str
    acts: tuple[ReplayAct, ...]
    start: str = "/"


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """`broke_at` counts from 0; None when all went as expected."""

    passed: bool
    broke_at: int | None = None
    act: str = ""
    """The act that broke, in words."""
    reason: str = ""
    seconds: float = 0.0


def replay_of(trace: GuiTrace) -> Replay | None:
    """None where the trace ended in anything but YES, or did nothing that could break."""
    if trace.answer != "YES" or trace.ended != "answered":
        return None
    acts: list[ReplayAct] = []
    typed: list[str] = []
    here = trace.start
    for act in trace.acts:
        if not act.done or act.verb not in get_args(Verb):
            continue
        target = _target(act.target)
        if act.verb in TYPING:
            typed.append(act.text)
        seen = Seen(act.added, act.removed, act.storage, act.changed, act.url, act.url != here)
        here = act.url
        verb = msgspec.convert(act.verb, Verb)
        acts.append(ReplayAct(verb, act.words, target, act.text, _expectation(verb, typed, seen)))
    return _worthwhile(Replay(trace.task, tuple(acts), trace.start))


def record(hands: Hands, name: str, acts: Sequence[Act], start: str = "/") -> Replay | None:
    """Walk the way now and expect of later versions what is seen. None where it does not work even now."""
    if not _begin(hands, start).done:
        return None
    found: list[ReplayAct] = []
    typed: list[str] = []
    for act in acts:
        verb, text = msgspec.convert(act.verb, Verb), act.text
        target = _target(act.target)
        effect = hands.perform(verb, target, text)
        if not effect.done:
            return None
        if verb in TYPING:
            typed.append(text)
        address = effect.url_after.removeprefix(hands.browser.origin)
        moved = effect.url_after != effect.url_before
        seen = Seen(effect.added, effect.removed, effect.storage, effect.changed, address, moved)
        found.append(ReplayAct(verb, words_of(verb, target, text), target, text, _expectation(verb, typed, seen)))
    return _worthwhile(Replay(name, tuple(found), start))


def run_replay(hands: Hands, replay: Replay) -> ReplayResult:
    """From an empty store. A page that dies breaks the act that it died of."""
    began = time.monotonic()
    n = 0
    words = f"open {replay.start}"

    def broken(at: int, reason: str) -> ReplayResult:
        return ReplayResult(False, at, words, reason, time.monotonic() - began)

    try:
        opened = _begin(hands, replay.start)
        if not opened.done:
            return broken(0, opened.why)
        for n, act in enumerate(replay.acts):
            words = act.words
            effect = hands.perform(act.verb, act.target, act.text)
            if reason := _breach(act, effect, hands.browser.origin):
                return broken(n, reason)
    except (SandboxError, ScriptBroke) as error:
        return broken(n, str(error))
    return ReplayResult(True, seconds=time.monotonic() - began)


def words_of(verb: Verb, target: Target | None, text: str) -> str:
    control = f'{target.role} "{target.name}"' if target else ""
    said = f'"{text}"' if text else ""
    return " ".join(part for part in (verb.replace("_", " "), said, control) if part)


def _target(known: Mapping[str, str | int]) -> Target | None:
    return msgspec.convert(dict(known), Target) if known else None


def _begin(hands: Hands, start: str) -> Effect:
    hands.forget()
    return hands.open(start)


def _worthwhile(replay: Replay) -> Replay | None:
    return replay if any(act.expect != Expectation() for act in replay.acts) else None


def _expectation(verb: Verb, typed: Sequence[str], seen: Seen) -> Expectation:
    words = tuple(dict.fromkeys(text for text in typed if len(text) >= SHORTEST_TYPED))
    shown = tuple(text for text in words if any(text in line for line in seen.added))
    gone = tuple(text for text in words if text not in shown and any(text in line for line in seen.removed))
    address = seen.address if seen.moved else ""
    if verb in LOOKING:
        return Expectation(shown=shown, address=address)
    # What appears while one types is a courtesy; what a pressed button says is its purpose.
    acts = verb not in ("type", "set_value")
    return Expectation(shown, gone, address, seen.storage, acts and bool(seen.added), acts and seen.changed)


def _breach(act: ReplayAct, effect: Effect, origin: str) -> str:
    """Why the act is broken, in words; empty when it did what is expected."""
    expect = act.expect
    if not effect.done:
        return effect.why
    if errors := [event for event in effect.events if event.kind == "exception"]:
        place = f"{parts_of(errors[0].url).path.lstrip('/') or 'index.html'}:{errors[0].line}"
        return f"{errors[0].text} at {place}"
    if missing := [text for text in expect.shown if not any(text in line for line in effect.added)]:
        return f'"{missing[0]}" no longer appears'
    if left := [text for text in expect.gone if not any(text in line for line in effect.removed)]:
        return f'"{left[0]}" no longer goes away'
    address = effect.url_after.removeprefix(origin)
    if expect.address and address != expect.address:
        return f"it leads to {address or '/'} instead of {expect.address}"
    if expect.changes and not effect.changed:
        return "nothing changes any more"
    if expect.says_something and not effect.added:
        return "no text appears any more"
    if expect.stores and not effect.storage:
        return f"nothing is stored any more ({', '.join(expect.stores[:3])})"
    return ""
