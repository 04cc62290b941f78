"""Hands on an open page: find its controls, act on them with real input, and say what each act changed.

Waiting is for what the act set off (timers, requests, animations, navigation), never for a fixed time; a clock that
ticks by itself neither holds an act up nor counts as its effect. Not followed: work in workers, over sockets, and
timers over 2.6 s. A page that hangs or dies raises `BrowserCrashed`; the next `open` starts a new Chromium.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from PIL import Image, ImageDraw, ImageFont

from sandbox.browser import WORLD, Browser
from sandbox.errors import SandboxError, ScriptFailed
from sandbox.page_events import PageEvent

SHOWN_MAX = 40
TRIES = 6

Kind = Literal[
    "button",
    "link",
    "text",
    "email",
    "number",
    "date",
    "password",
    "search",
    "textarea",
    "checkbox",
    "radio",
    "select",
    "file",
    "range",
    "color",
    "editable",
    "other",
]


Verb = Literal[
    "click", "type", "enter", "choose", "set_value", "set_file", "press", "scroll", "wait_for", "back", "reload", "open"
]


@dataclass(frozen=True, slots=True)
class HandsSettings:
    patience_ms: int = 2600
    """Timers due within this time after an act belong to it."""
    load_patience_ms: int = 1000
    """The same for timers that a new page starts while it loads."""
    act_timeout_s: float = 3.0
    """How long one act is waited for when it does not come to rest."""
    answer_timeout_s: float = 15.0
    """A page that does not answer for so long is held for hung."""
    prompt_answer: str = "Appliance"
    still: bool = False
    """Asks the page for reduced motion, as a visitor may: what glides is there at once, if the page honours it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Enough to find a control again in a later version of the page. `text` are the words of the row it stands in."""

    role: str
    name: str
    selector: str
    text: str = ""
    nth: int = 0
    """Which of the controls with this role and name, counted from 0."""
    frame: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """One visible control. Numbers count from 0 in reading order; at most 400 are given. Pixels are of the window."""

    number: int
    target: Target
    tag: str
    kind: Kind
    label: str
    placeholder: str
    value: str
    checked: bool | None
    options: tuple[str, ...]
    disabled: bool
    required: bool
    href: str
    form: str
    x: int
    y: int
    width: int
    height: int
    in_view: bool
    covered: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What one act changed. `why` says in words why it could not be done."""

    done: bool
    why: str = ""
    url_before: str = ""
    url_after: str = ""
    added: tuple[str, ...] = ()
    """Visible lines that came, those that went again before the page was at rest included."""
    removed: tuple[str, ...] = ()
    changed: bool = False
    """Anything at all but the focus and the text just typed."""
    storage: tuple[str, ...] = ()
    """Changed keys, as `local:key`, `session:key` or `cookie`."""
    dialogs: tuple[str, ...] = ()
    events: tuple[PageEvent, ...] = ()
    new_pages: tuple[str, ...] = ()
    """Addresses the page opened in a new window or outside the site; those of the site open in the same tab."""
    downloads: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    """Other changes of the document and of other fields, in words."""
    seconds: float = 0.0
    settled: bool = True
    restless: bool = False
    """The page also changed by itself meanwhile; that is not in the other fields."""
    new_document: bool = False


@dataclass(frozen=True, slots=True)
class PageView:
    url: str
    title: str
    text: str
    """Visible lines in reading order."""
    storage: Mapping[str, str]
    fingerprint: str
    """Equal for two looks between which nothing visible, typed or stored has changed."""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    key: str
    code: str
    number: int
    text: str = ""


KEYS: Mapping[str, Key] = {
    "Enter": Key("Enter", "Enter", 13, "\r"),
    "Tab": Key("Tab", "Tab", 9),
    "Escape": Key("Escape", "Escape", 27),
    "Backspace": Key("Backspace", "Backspace", 8),
    "Delete": Key("Delete", "Delete", 46),
    "Space": Key(" ", "Space", 32, " "),
    "ArrowLeft": Key("ArrowLeft", "ArrowLeft", 37),
    "ArrowUp": Key("ArrowUp", "ArrowUp", 38),
    "ArrowRight": Key("ArrowRight", "ArrowRight", 39),
    "ArrowDown": Key("ArrowDown", "ArrowDown", 40),
    "Home": Key("Home", "Home", 36),
    "End": Key("End", "End", 35),
    "PageUp": Key("PageUp", "PageUp", 33),
    "PageDown": Key("PageDown", "PageDown", 34),
}
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


def key_named(name: str) -> tuple[Key, int]:
    """`Enter`, `a`, `Shift+Tab`, `Control+a` → the key and its modifier bits. Raises ValueError for anything else."""
    *held, last = name.split("+") if name != "+" and not name.endswith("++") else [*name[:-2].split("+"), "+"]
    held = [word for word in held if word]
    if unknown := [word for word in held if word not in MODIFIERS]:
        raise ValueError(f"There is no key named {unknown[0]!r}.")
    modifiers = sum(MODIFIERS[word] for word in held)
    if last in KEYS:
        return KEYS[last], modifiers
    if len(last) != 1:
        raise ValueError(f"There is no key named {last!r}.")
    return _character(last, modifiers), modifiers


def _character(letter: str, modifiers: int = 0) -> Key:
    code = f"Key{letter.upper()}" if re.match("[A-Za-z]", letter) else f"Digit{letter}" if letter.isdigit() else ""
    number = ord(letter.upper()) if letter.isascii() and letter.isalnum() else 0
    # Only Shift still makes a letter of it.
    return Key(letter, code, number, "" if modifiers & ~MODIFIERS["Shift"] else letter)


@dataclass(slots=True)
class _Act:
    """What is known before the input is sent."""

    began: float
    url: str
    page: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)


class Hands:
    """On `browser`, for as long as it is open. A page opened otherwise is loaded anew at the first act."""

    def __init__(self, browser: Browser, settings: HandsSettings | None = None) -> None:
        self.browser = browser
        self.settings = settings or HandsSettings()
        self._channel = f"k{secrets.token_hex(12)}"
        self._life: object = None
        self._context = 0
        self._scripts: list[str] = []
        self._files = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Pages opened from now on are no longer followed; dialogs are answered as the browser's settings say."""
        scripts, self._scripts = self._scripts, []
        self._life = None
        # Chromium may be gone, or have forgotten them with the process of the page.
        with suppress(SandboxError):
            for script in scripts:
                self._command("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})
            if scripts and self.settings.still:
                self._ask_for_motion("")

    # -- looking

    def marks(self) -> tuple[Mark, ...]:
        self._ready()
        return tuple(_mark(found) for found in self._look("marks"))

    def find(self, target: Target) -> Mark | None:
        self._ready()
        found = self._look("find", asdict(target))
        return _mark(found) if found else None

    def view(self) -> PageView:
        self._ready()
        seen = self._look("view")
        parts = {name: seen[name] for name in ("url", "texts", "storage", "fields")}
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "replace")).hexdigest()[:16]
        return PageView(
            url=seen["url"],
            title=seen["title"],
            text="\n".join(seen["texts"]),
            storage=seen["storage"],
            fingerprint=digest,
            fields=tuple(f"{name}: {value}" + _tick(tick) for name, value, tick in seen["fields"]),
        )

    def overlay(self) -> bytes:
        """The window as a PNG with a numbered box around every control in it; nothing is put into the page."""
        marks = [mark for mark in self.marks() if mark.in_view and not mark.covered]
        return drawn_marks(self.browser.screenshot(full_page=False), marks)

    # -- acting

    def click(self, target: Target) -> Effect:
        act, found = self._begin("click", target)
        if found["why"]:
            return self._refused(act, found["why"])
        self._press_mouse(found["x"], found["y"])
        return self._finish(act, again=lambda: self._press_mouse(found["x"], found["y"]))

    def type(self, target: Target, text: str, *, enter: bool = False) -> Effect:
        """Replaces what stands in the field. Dates, sliders, colours and select boxes are set."""
        act, found = self._begin("type", target, text=text, enter=enter)
        if found["why"]:
            return self._refused(act, found["why"])
        if not found["direct"]:
            self._type(text)
        if enter:
            self._press_key(KEYS["Enter"], 0)
        return self._finish(act)

    def choose(self, target: Target, option: str) -> Effect:
        return self._direct("choose", target, text=option)

    def set_value(self, target: Target, value: str) -> Effect:
        """For sliders, colours and dates, in the form that HTML gives their values."""
        return self._direct("set", target, text=value)

    def set_file(self, target: Target, name: str, content: bytes) -> Effect:
        act, found = self._begin("file", target)
        if found["why"]:
            return self._refused(act, found["why"])
        if found["kind"] != "file":
            return self._refused(act, "it takes no file")
        self._files += 1
        folder = self.browser.folder / f"upload-{self._files}"
        folder.mkdir(exist_ok=True)
        (folder / Path(name).name).write_bytes(content)
        element = self._evaluate(f"element({json.dumps(asdict(target))})", by_value=False)
        if "objectId" not in element:
            return self._refused(act, "it went away")
        path = str(folder / Path(name).name)
        self._command("DOM.setFileInputFiles", {"files": [path], "objectId": element["objectId"]})
        return self._finish(act)

    def press(self, key: str) -> Effect:
        named, modifiers = key_named(key)
        act, found = self._begin("press", None)
        if found["why"]:
            return self._refused(act, found["why"])
        self._press_key(named, modifiers)
        return self._finish(act, again=lambda: self._press_key(named, modifiers))

    def scroll(self, direction: Literal["up", "down"], target: Target | None = None) -> Effect:
        """Two thirds of the window, or of 300 pixels inside the scrolling part around `target`."""
        sign = 1 if direction == "down" else -1
        if target is not None:
            return self._direct("scroll", target, by=sign * 200)
        act, found = self._begin("scroll", None)
        if found["why"]:
            return self._refused(act, found["why"])
        self._ask("scroll", {"by": sign * 2 / 3})
        return self._finish(act)

    def back(self) -> Effect:
        act, found = self._begin("back", None)
        if found["why"]:
            return self._refused(act, found["why"])
        if not self._ask("back"):
            return self._refused(act, "there is no earlier page")
        return self._finish(act)

    def reload(self) -> Effect:
        act, found = self._begin("reload", None)
        if found["why"]:
            return self._refused(act, found["why"])
        self._command("Page.reload", {})
        return self._finish(act)

    def open(self, path: str = "/") -> Effect:
        began = time.monotonic()
        self.browser.revive()
        self._install()
        try:
            load = self.browser.open(path, *self.browser.size)
        except ScriptFailed:
            return Effect(False, "the page never comes to rest", seconds=time.monotonic() - began, settled=False)
        if load.timed_out:
            return Effect(False, "the page never ended loading", url_after=load.url, seconds=load.seconds)
        act = _Act(began, "")
        effect = self._finish(act, events=load.events)
        if load.status is None:
            return replace(effect, done=False, why="no page answered")
        return effect

    def wait_for(self, text: str, timeout_s: float = 5.0) -> Effect:
        """Until `text` can be read on the page, in whatever case."""
        act, found = self._begin("wait", None)
        if found["why"]:
            return self._refused(act, found["why"])
        answer = {"found": False}
        until = time.monotonic() + timeout_s
        for _ in range(TRIES):
            try:
                answer = self._ask("wait", {"text": text, "timeout": max(0.0, until - time.monotonic())})
                break
            except ScriptFailed:  # it navigated meanwhile
                continue
        effect = self._finish(act)
        return effect if answer["found"] else replace(effect, done=False, why=f'"{text}" did not appear')

    def perform(self, verb: Verb, target: Target | None, text: str = "") -> Effect:
        """The act by name. Raises ValueError for a verb that lacks its target, or an unknown key."""
        match verb:
            case "press":
                return self.press(text)
            case "wait_for":
                return self.wait_for(text)
            case "back":
                return self.back()
            case "reload":
                return self.reload()
            case "open":
                return self.open(text or "/")
            case "scroll":
                return self.scroll("up" if text == "up" else "down", target)
        if target is None:
            raise ValueError(f"{verb} needs a control.")
        match verb:
            case "click":
                return self.click(target)
            case "type":
                return self.type(target, text)
            case "enter":
                return self.type(target, text, enter=True)
            case "choose":
                return self.choose(target, text)
            case "set_value":
                return self.set_value(target, text)
            case "set_file":
                return self.set_file(target, text, sample_file(text))

    def forget(self) -> None:
        """Whatever the site has stored; open a page afterwards."""
        self.browser.revive()
        self.browser.forget()
        if self._life is self.browser.life:
            with suppress(ScriptFailed):
                self._ask("forget")

    # -- the course of an act

    def _begin(self, verb: str, target: Target | None, **more: object) -> tuple[_Act, Mapping[str, Any]]:
        began = time.monotonic()
        self._ready()
        self.browser.events()
        given = {"verb": verb, "target": asdict(target) if target else None, "prompt": self.settings.prompt_answer}
        try:
            found = self._look("begin", {**given, **more})
        except ScriptFailed:
            return _Act(began, ""), {"why": "the page never comes to rest", "url": ""}
        if found["why"] and "page" not in found:
            return _Act(began, found["url"]), found
        return _Act(began, found["before"]["url"], found["page"], found["before"]), found

    def _refused(self, act: _Act, why: str) -> Effect:
        events = self.browser.events()
        return Effect(False, why, act.url, act.url, events=events, seconds=time.monotonic() - act.began)

    def _direct(self, verb: str, target: Target, **more: object) -> Effect:
        act, found = self._begin(verb, target, **more)
        return self._refused(act, found["why"]) if found["why"] else self._finish(act)

    def _finish(self, act: _Act, events: tuple[PageEvent, ...] = (), again: Callable[[], None] | None = None) -> Effect:
        """`again` repeats the input, for the case that Chromium dropped it."""
        settings = self.settings
        given = {
            "page": act.page,
            "patience": settings.patience_ms,
            "load_patience": settings.load_patience_ms,
            "cap": int(settings.act_timeout_s * 1000),
        }
        seen: Mapping[str, Any] | None = None
        for _ in range(TRIES):
            try:
                seen = self._ask("finish", given)
            except ScriptFailed:  # it navigated meanwhile
                continue
            events += self.browser.events()
            if again is not None and seen["log"]["inputs"] == 0 and not seen["newcomer"]:
                again()
                again = None
                continue
            if self.browser.is_quiet:
                break
            # Something the hooks do not know is loading: a script, a picture, a page.
            events += self._quiet(act.began)
        if seen is None:
            return self._lost(act, events, "the page never comes to rest")
        if not seen["after"]["url"].startswith(self.browser.origin):
            return self._lost(act, events, "it leads to a page that does not load")
        return _effect(act, seen, events)

    def _quiet(self, began: float) -> tuple[PageEvent, ...]:
        events: tuple[PageEvent, ...] = ()
        while not self.browser.is_quiet and time.monotonic() - began < self.settings.act_timeout_s:
            time.sleep(0.02)
            events += self.browser.events()
        return events

    def _lost(self, act: _Act, events: tuple[PageEvent, ...], why: str) -> Effect:
        """Back to where the act began, so that the next one finds a page of the site."""
        path = act.url.removeprefix(self.browser.origin) or "/"
        with suppress(ScriptFailed):
            self.browser.open(path if path.startswith("/") else "/", *self.browser.size)
        return Effect(False, why, act.url, act.url, events=events, seconds=time.monotonic() - act.began, settled=False)

    # -- input

    def _input(self, name: str, params: Mapping[str, Any]) -> None:
        # Pressing may already lead away, and then there is nothing left to let go of.
        with suppress(ScriptFailed):
            self._command(f"Input.{name}", params)

    def _press_mouse(self, x: float, y: float) -> None:
        where = {"x": x, "y": y}
        button = {**where, "button": "left", "clickCount": 1}
        self._input("dispatchMouseEvent", {"type": "mouseMoved", **where})
        self._input("dispatchMouseEvent", {"type": "mousePressed", "buttons": 1, **button})
        self._input("dispatchMouseEvent", {"type": "mouseReleased", "buttons": 0, **button})

    def _type(self, text: str) -> None:
        if not text:
            self._press_key(KEYS["Backspace"], 0)
            return
        # The last letter as a key, for pages that listen to keys.
        start, last = text[:-1], text[-1]
        if not last.isascii() or not last.isprintable():
            start, last = text, ""
        if start:
            self._input("insertText", {"text": start})
        if last:
            self._press_key(_character(last), 0)

    def _press_key(self, key: Key, modifiers: int) -> None:
        pressed = {"key": key.key, "code": key.code, "windowsVirtualKeyCode": key.number, "modifiers": modifiers}
        text = {"text": key.text} if key.text else {}
        down = "keyDown" if key.text else "rawKeyDown"
        commands = {"commands": ["selectAll"]} if key.key == "a" and modifiers == MODIFIERS["Control"] else {}
        self._input("dispatchKeyEvent", {"type": down, **pressed, **text, **commands})
        self._input("dispatchKeyEvent", {"type": "keyUp", **pressed})

    # -- the way into the page

    def _ready(self) -> None:
        if self._life is not self.browser.life:
            self._install()
            self._command("Page.reload", {})
            self._finish(_Act(time.monotonic(), ""))

    def _install(self) -> None:
        if self._life is self.browser.life:
            return
        self._life, self._context, self._scripts = self.browser.life, 0, []
        hooks = _source("hands_hooks.js").replace("%CHANNEL%", self._channel)
        hooks = hooks.replace("'%PROMPT%'", json.dumps(self.settings.prompt_answer))
        ours = _source("hands_page.js").replace("%CHANNEL%", self._channel)
        for more in ({"source": hooks}, {"source": ours, "worldName": WORLD}):
            added = self._command("Page.addScriptToEvaluateOnNewDocument", more)
            self._scripts.append(added["identifier"])
        # A tab that lost the focus would draw no frames.
        self._command("Emulation.setFocusEmulationEnabled", {"enabled": True})
        if self.settings.still:
            self._ask_for_motion("reduce")

    def _ask_for_motion(self, value: Literal["reduce", ""]) -> None:
        features = [{"name": "prefers-reduced-motion", "value": value}]
        self._command("Emulation.setEmulatedMedia", {"features": features})

    def _look(self, name: str, given: object = None) -> Any:
        """What may be asked again when the page leaves meanwhile."""
        for _ in range(TRIES - 1):
            with suppress(ScriptFailed):
                return self._ask(name, given)
        return self._ask(name, given)

    def _ask(self, name: str, given: object = None) -> Any:
        return self._evaluate(f"{name}({json.dumps(given)})")["value"]

    def _evaluate(self, call: str, *, by_value: bool = True) -> Any:
        # A context that died has another number than its successor, or at least does not know the channel's name.
        source = (
            f"(async () => {{ const ours = globalThis['{self._channel}'];"
            f" if (!ours) return {'{ absent: true }' if by_value else 'null'};"
            f" const value = await ours.{call}; return {'{ value }' if by_value else 'value'} }})()"
        )
        for fresh in (False, True):
            if fresh or not self._context:
                world = self._command(
                    "Page.createIsolatedWorld", {"frameId": self.browser.main_frame, "worldName": WORLD}
                )
                self._context = world["executionContextId"]
            given = {
                "expression": source,
                "contextId": self._context,
                "awaitPromise": True,
                "returnByValue": by_value,
                "userGesture": True,
            }
            try:
                answer = self._command("Runtime.evaluate", given)
            except ScriptFailed as error:
                if fresh or ("no such execution context" not in str(error) and "Cannot find context" not in str(error)):
                    self._context = 0
                    raise
                continue
            if "exceptionDetails" in answer:
                thrown = answer["exceptionDetails"].get("exception", {})
                text = thrown.get("description") or answer["exceptionDetails"]["text"]
                raise ScriptBroke(f"A script of ours failed in the page: {' '.join(str(text).split())[:300]}")
            if not by_value:
                return answer["result"]
            if "value" in answer["result"].get("value", {}):
                return answer["result"]["value"]
        self._context = 0
        raise ScriptFailed("The page is not one that hands can work on.")

    def _command(self, name: str, params: Mapping[str, Any]) -> Any:
        return self.browser.command(name, params, self.settings.answer_timeout_s)


def sample_file(name: str) -> bytes:
    """A small picture for the name of one, else a line of text."""
    if Path(name).suffix.lower() not in (".png", ".jpg", ".jpeg", ".gif", ".webp"):
        return f"Sample content of {name}\n".encode()
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(out, "PNG")
    return out.getvalue()


class ScriptBroke(RuntimeError):
    """Our own script threw: a mistake of ours, or of a page that spoiled the document's functions."""


def drawn_marks(picture: bytes, marks: Sequence[Mark]) -> bytes:
    """A box and a number for each mark, drawn over a PNG of the window."""
    with Image.open(io.BytesIO(picture)) as image:
        sheet = image.convert("RGB")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for mark in marks:
        box = (mark.x, mark.y, mark.x + mark.width, mark.y + mark.height)
        pen.rectangle(box, outline="black", width=2)
        text = str(mark.number)
        width = 8 * len(text) + 4
        left = min(max(mark.x, 0), sheet.width - width)
        top = max(mark.y - 13, 0)
        pen.rectangle((left, top, left + width, top + 15), fill="black")
        pen.text((left + 2, top), text, fill="white", font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _effect(act: _Act, seen: Mapping[str, Any], events: tuple[PageEvent, ...]) -> Effect:
    log, after, before = seen["log"], seen["after"], act.before
    new_document = bool(seen["newcomer"]) and bool(act.page)
    added, removed = tuple(seen["added"]), tuple(seen["removed"])
    if seen["newcomer"]:
        had, has = Counter(before.get("texts", ())), Counter(after["texts"])
        added, removed = tuple((has - had).elements()), tuple((had - has).elements())
    stored, stores = before.get("storage", {}), after["storage"]
    keys = sorted(key for key in stored.keys() | stores.keys() if stored.get(key) != stores.get(key))
    pages = tuple(dict.fromkeys([*log["windows"], *log["outside"]]))
    dialogs = tuple(log["dialogs"])
    if log["dialogCount"] > len(dialogs):
        dialogs += (f"and {log['dialogCount'] - len(dialogs)} more",)
    came = after["url"] != act.url or new_document or after["title"] != before.get("title", "")
    did = log["mutations"] or log["requests"] or log["downloads"] or log["copies"] or log["refusals"] or seen["other"]
    leaves = bool(log["outside"]) and not new_document
    return Effect(
        done=not leaves,
        why=f"it leads to {log['outside'][0]}, outside the site" if leaves else "",
        url_before=act.url,
        url_after=after["url"],
        added=added[:SHOWN_MAX],
        removed=removed[:SHOWN_MAX],
        changed=bool(came or did or added or removed or keys or dialogs or pages),
        storage=tuple(keys),
        dialogs=dialogs,
        events=events,
        new_pages=pages,
        downloads=tuple(log["downloads"]),
        attributes=(*log["attributes"], *(f"copied {text}" for text in log["copies"]))[:SHOWN_MAX],
        seconds=time.monotonic() - act.began,
        settled=seen["settled"],
        restless=log["background"] > 0,
        new_document=new_document,
    )


def _mark(found: Mapping[str, Any]) -> Mark:
    return Mark(**{**found, "target": Target(**found["target"]), "options": tuple(found["options"])})


def _tick(tick: bool | None) -> str:
    return "" if tick is None else " (ticked)" if tick else " (not ticked)"


@cache
def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
