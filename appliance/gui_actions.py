"""What the GUI agent may do next, as a grammar for the engine, and reading back what the model chose. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from appliance.steps import Answer
from models.chat import JsonSchema
from models.json_answer import read_json_at
from sandbox.hands import Effect, Mark

GuiVerb = Literal["click", "type", "select", "press", "scroll", "wait_for", "back", "upload", "done"]

FIELDS = frozenset({"text", "email", "number", "date", "password", "search", "textarea", "editable", "range", "color"})
PRESSED = ("Enter", "Escape", "Tab", "Space", "Backspace", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight")
UPLOADS = ("photo.png", "notes.txt", "table.csv")
THOUGHT_MAX, TEXT_MAX, REASON_MAX = 240, 160, 300
_BRACES_TRIED = 100


@dataclass(frozen=True, slots=True)
class GuiAction:
    """`element` is the number of a mark. `text` is what is typed, selected, pressed, waited for or uploaded."""

    verb: GuiVerb
    thought: str = ""
    element: int | None = None
    text: str = ""
    answer: Answer = "unjudged"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A reply that is none of the offered actions, and why, in words for the model."""

    why: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What one turn offers: the usable marks, and the answers a test may end with."""

    marks: tuple[Mark, ...]
    answers: tuple[Answer, ...] = ("YES", "PARTIAL", "NO")
    only_done: bool = False

    def numbers(self, verb: GuiVerb) -> list[int]:
        usable = [mark for mark in self.marks if not mark.disabled]
        match verb:
            case "click":
                return [mark.number for mark in usable if mark.kind not in ("select", "file")]
            case "type":
                return [mark.number for mark in usable if mark.kind in FIELDS]
            case "select":
                return [mark.number for mark in usable if mark.kind == "select"]
            case "upload":
                return [mark.number for mark in usable if mark.kind == "file"]
        return []


def action_schema(offer: Offer) -> JsonSchema:
    """One alternative per verb that the page can be done something to with, so that no other reply is possible.

    The alternatives stand inside `act`, after the thought: the engine then follows one of them, not all at once.
    """
    done = _shape("done", {"answer": _one_of(offer.answers), "reason": _string(REASON_MAX)})
    if offer.only_done:
        return JsonSchema(_object({"thought": _string(THOUGHT_MAX), "act": done}))
    shapes = []
    for verb in ("click", "type", "select", "upload"):
        if numbers := offer.numbers(verb):
            shapes.append(_shape(verb, {"element": _one_of(numbers), **_text_of(verb)}))
    shapes += [_shape(verb, _text_of(verb)) for verb in ("press", "scroll", "wait_for", "back")]
    return JsonSchema(_object({"thought": _string(THOUGHT_MAX), "act": {"anyOf": [*shapes, done]}}))


def _text_of(verb: str) -> dict[str, object]:
    match verb:
        case "type" | "select" | "wait_for":
            return {"text": _string(TEXT_MAX)}
        case "press":
            return {"text": _one_of(PRESSED)}
        case "scroll":
            return {"text": _one_of(("down", "up"))}
        case "upload":
            return {"text": _one_of(UPLOADS)}
    return {}


def _shape(verb: str, more: Mapping[str, object]) -> dict[str, object]:
    return _object({"action": _one_of((verb,)), **more})


def _object(properties: Mapping[str, object]) -> dict[str, object]:
    required = list(properties)
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def _string(longest: int) -> dict[str, object]:
    return {"type": "string", "maxLength": longest}


def _one_of(values: Sequence[object]) -> dict[str, object]:
    return {"enum": list(values)}


def read_action(reply: str, offer: Offer) -> GuiAction | Malformed:
    """Also for engines that do not keep to the grammar. Words outside the JSON object count for nothing."""
    whole = _first_object(reply)
    if whole is None:
        return Malformed("the reply holds no JSON object")
    thought = _words(whole, "thought", THOUGHT_MAX)
    inner = whole.get("act")
    said = inner if isinstance(inner, dict) else whole
    verb = said.get("action")
    if verb == "done":
        answer = said.get("answer")
        if answer not in offer.answers:
            return Malformed(f'"answer" must be one of {", ".join(offer.answers)}')
        return GuiAction("done", thought, answer=answer, reason=_words(said, "reason", REASON_MAX))
    if offer.only_done:
        return Malformed('no action is left: "action" must be "done"')
    match verb:
        case "click" | "type" | "select" | "upload":
            numbers, element = offer.numbers(verb), said.get("element")
            if element not in numbers or isinstance(element, bool):
                return Malformed(f'"element" must be the number of an element that one can {verb}: {_range(numbers)}')
            if verb == "upload" and said.get("text") not in UPLOADS:
                return Malformed(f'"text" must be one of {", ".join(UPLOADS)}')
            return GuiAction(verb, thought, element, _words(said, "text", TEXT_MAX))
        case "press" | "scroll":
            allowed = PRESSED if verb == "press" else ("down", "up")
            if said.get("text") not in allowed:
                return Malformed(f'"text" must be one of {", ".join(allowed)}')
            return GuiAction(verb, thought, text=str(said["text"]))
        case "wait_for" if _words(said, "text", TEXT_MAX):
            return GuiAction(verb, thought, text=_words(said, "text", TEXT_MAX))
        case "back":
            return GuiAction(verb, thought)
    return Malformed('"action" must be click, type, select, press, scroll, wait_for, back, upload or done')


def _first_object(reply: str) -> dict[str, Any] | None:
    start = reply.find("{")
    for _ in range(_BRACES_TRIED):
        if start < 0:
            break
        try:
            value = read_json_at(reply, start)
        except ValueError:
            start = reply.find("{", start + 1)
            continue
        return value if isinstance(value, dict) else None
    return None


def _words(said: Mapping[str, Any], name: str, longest: int) -> str:
    value = said.get(name, "")
    return str(value)[:longest].strip() if isinstance(value, str | int | float) else ""


def _range(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:30])) or "none on this page"


def element_line(mark: Mark) -> str:
    """`[3] email field "Your mail", holds "a@b.c"`"""
    noun = (
        f"{mark.kind} field" if mark.kind in FIELDS else {"select": "select box", "file": "file field"}.get(mark.kind)
    )
    parts = [f'[{mark.number}] {noun or mark.kind} "{mark.target.name}"']
    if mark.placeholder and mark.placeholder != mark.target.name:
        parts.append(f'hint "{mark.placeholder}"')
    if mark.kind in FIELDS:
        parts.append(f'holds "{mark.value}"' if mark.value else "empty")
    if mark.checked is not None:
        parts.append("ticked" if mark.checked else "not ticked")
    if mark.options:
        parts.append(f'shows "{mark.value}", options: {" | ".join(mark.options[:12])}')
    if mark.target.text and mark.kind in ("button", "checkbox", "other") and mark.target.text != mark.target.name:
        parts.append(f'in "{mark.target.text[:60]}"')
    if mark.disabled:
        parts.append("disabled")
    if mark.covered:
        parts.append("covered")
    return ", ".join(parts)


def action_words(action: GuiAction, mark: Mark | None) -> str:
    """The action as one reads it, without numbers, which change from page to page."""
    control = f'{mark.kind} "{mark.target.name}"' if mark else ""
    match action.verb:
        case "click":
            return f"click {control}"
        case "type":
            return f'type "{action.text}" into {control}'
        case "select":
            return f'select "{action.text}" in {control}'
        case "upload":
            return f"upload {action.text} to {control}"
        case "back":
            return "go back"
        case "done":
            return f"answer {action.answer}"
    return f"{action.verb.replace('_', ' ')} {action.text}"


def effect_words(effect: Effect) -> str:
    """What came of an act, in one line."""
    if not effect.done:
        return f"not done: {effect.why}"
    parts = []
    if effect.url_after != effect.url_before:
        parts.append(f"the address became {effect.url_after}")
    if effect.added:
        parts.append(f"came: {_list(effect.added)}")
    if effect.removed:
        parts.append(f"went: {_list(effect.removed)}")
    if effect.dialogs:
        parts.append(f"dialogs: {_list(effect.dialogs)}")
    if effect.downloads:
        parts.append(f"downloads: {_list(effect.downloads)}")
    if effect.storage:
        parts.append(f"stored: {', '.join(effect.storage[:4])}")
    if errors := errors_of(effect):
        parts.append(f"errors: {'; '.join(errors[:3])}")
    if not parts and effect.attributes:
        parts.append(_list(effect.attributes))
    return "; ".join(parts) or ("something changed" if effect.changed else "nothing changed")


def errors_of(effect: Effect) -> tuple[str, ...]:
    return tuple(
        f"{event.text} ({event.url.rpartition('/')[2]}:{event.line})" if event.line else event.text
        for event in effect.events
        if event.level == "error"
    )


def _list(lines: Sequence[str], most: int = 6) -> str:
    shown = " | ".join(f'"{line[:80]}"' for line in lines[:most])
    return shown if len(lines) <= most else f"{shown} and {len(lines) - most} more"
