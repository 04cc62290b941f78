"""Acceptance tests before any code: asked of a model under a closed schema and checked, or taken from the user's file.

A model proposes, `checklist_check` disposes. What is missing then comes from the brief by rule, so that every brief has
a checklist, whichever model is there. A user's own list is taken as it is: order and number stay.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from appliance.checklist_check import (
    FEWEST,
    MOST,
    RULES,
    check_items,
    is_about_colours,
    proof_of,
    rules_items,
    subject_of,
)
from appliance.errors import UsageError
from appliance.prompts import fill
from appliance.steps import FROM_FILE, Checklist, ChecklistItem, ItemKind, Proof
from models.chat import ChatMessage, ChatModel, Completion, JsonSchema, Sampling
from models.errors import ContextOverflow
from models.json_answer import read_json

ANSWER_TOKENS = 900
MOST_IN_FILE = 40
_CHARS = {"task": 160, "expected": 180, "subject": 40}
_FILE_CHARS = 600

_ITEM = {
    "type": "object",
    "properties": {
        "task": {"type": "string", "maxLength": _CHARS["task"]},
        "expected": {"type": "string", "maxLength": _CHARS["expected"]},
        "kind": {"type": "string", "enum": list(get_args(ItemKind))},
        "proof": {"type": "string", "enum": [proof for proof in get_args(Proof) if proof != "colour"]},
        "subject": {"type": "string", "maxLength": _CHARS["subject"]},
    },
    "required": ["task", "expected", "kind", "proof", "subject"],
    "additionalProperties": False,
}
SCHEMA = JsonSchema(
    {
        "type": "object",
        "properties": {"items": {"type": "array", "items": _ITEM, "minItems": FEWEST, "maxItems": MOST}},
        "required": ["items"],
        "additionalProperties": False,
    }
)


def derive_checklist(
    model: ChatModel, brief: str, sampling: Sampling, cancelled: Callable[[], bool] | None = None
) -> Checklist:
    """One call, and one more with the reason where the answer cannot be read. Always 4 to 8 items.

    `origin` is the model's name, `rules@1`, or both where the rules had to add to it. A cancelled call ends in rules.
    """
    messages = [
        ChatMessage("system", fill("checklist.system")),
        ChatMessage("user", fill("checklist.user", brief=brief)),
    ]
    asked = replace(sampling, max_tokens=min(sampling.max_tokens, ANSWER_TOKENS), stop=())
    for _ in range(2):
        try:
            completion = model.chat(messages, asked, constraint=SCHEMA, cancelled=cancelled)
        except ContextOverflow:  # a long brief: the rules read it in any length
            break
        items, problem = _read(completion)
        if items:
            return _completed(items, brief, model.name)
        if completion.finish == "cancelled":
            break
        messages = [
            *messages[:2],
            ChatMessage("assistant", completion.text[:400]),
            ChatMessage("user", f"That cannot be used: {problem}. Answer with the JSON alone."),
        ]
    return Checklist(rules_items(brief), (), RULES)


def rules_checklist(brief: str) -> Checklist:
    """The checklist that needs no model."""
    return Checklist(rules_items(brief), (), RULES)


def _completed(proposed: Sequence[ChecklistItem], brief: str, name: str) -> Checklist:
    kept, dropped = check_items(proposed, brief)
    if len(kept) >= FEWEST:
        return Checklist(kept, dropped, name)
    own = tuple(item for item in kept if item.proof != "colour")
    if not own:
        return Checklist(rules_items(brief), dropped, RULES)
    both, _ = check_items((*own, *(item for item in rules_items(brief) if item.proof != "colour")), brief)
    if len(both) < FEWEST:
        return Checklist(rules_items(brief), dropped, RULES)
    return Checklist(both, dropped, f"{name} + {RULES}")


def _read(completion: Completion) -> tuple[tuple[ChecklistItem, ...], str]:
    """The items, or none and why. A cut-off answer is no answer: its last item may say half of what was meant."""
    if completion.finish == "length":
        return (), "it was too long and got cut off"
    try:
        answer = read_json(completion.text)
    except ValueError:
        return (), "it is no JSON"
    entries = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not entries:
        return (), "it has no list “items”"
    try:
        return tuple(msgspec.convert(entry, ChecklistItem) for entry in entries[: 2 * MOST]), ""
    except msgspec.ValidationError as error:
        return (), str(error)


# -- a user's own list -----------------------------------------------------------------------------------------------

_KINDS: Mapping[str, ItemKind] = {
    "functional testing": "functional",
    "data display testing": "data-display",
    "design validation testing": "design",
}
_Word = TypeVar("_Word", bound=str)
_OWN_FIELDS = {"task", "expected", "kind", "proof", "subject"}
_BENCH_FIELDS = {"task", "expected_result", "task_category"}


def checklist_from_file(source: Path | str) -> Checklist:
    """A list in JSON or TOML: WebGen-Bench's `ui_instruct`, or items with `task`, `expected` and what else they have.

    `source` is a path or the text itself. Raises UsageError, naming the item and the field.
    """
    name, text = ("The checklist", source) if isinstance(source, str) else (f"{source}", _text(source))
    entries = _entries(name, text)
    if not entries:
        raise UsageError(f"{name} holds no items; give a list of tests with `task` and `expected`.")
    if len(entries) > MOST_IN_FILE:
        raise UsageError(f"{name} holds {len(entries)} items, {MOST_IN_FILE} are the limit.")
    return Checklist(tuple(_file_item(f"{name}, item {n}", entry) for n, entry in enumerate(entries, 1)), (), FROM_FILE)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"The checklist file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The checklist file {path} is not UTF-8 text; save it as UTF-8.") from error


def _entries(name: str, text: str) -> list[Any]:
    """A list, or an object with the list as `items` or `ui_instruct`; in TOML `[[items]]`."""
    try:
        found = read_json(text) if text.lstrip()[:1] in ("[", "{") and not _is_toml(text) else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is neither JSON nor TOML: {error}.") from error
    if isinstance(found, dict):
        found = found.get("items", found.get("ui_instruct"))
    if not isinstance(found, list):
        raise UsageError(f"{name} holds no list; give a list, or an object with “items” or “ui_instruct”.")
    return found


def _is_toml(text: str) -> bool:
    return text.lstrip().startswith("[[items]]")


def _file_item(place: str, entry: object) -> ChecklistItem:
    if not isinstance(entry, dict):
        raise UsageError(f"{place} is not an object with `task` and `expected`.")
    is_bench = "expected_result" in entry or "task_category" in entry
    known = _BENCH_FIELDS if is_bench else _OWN_FIELDS
    if strange := sorted(set(entry) - known):
        raise UsageError(f"{place} has an unknown field “{strange[0]}”; allowed are {', '.join(sorted(known))}.")
    task = _string(place, entry, "task")
    expected = _string(place, entry, "expected_result" if is_bench else "expected")
    kind = _bench_kind(place, entry) if is_bench else _choice(place, entry, "kind", get_args(ItemKind), "functional")
    guess = proof_of(task, expected, kind)
    proof = guess if is_bench else _choice(place, entry, "proof", get_args(Proof), guess)
    item = ChecklistItem(task, expected, kind, proof, subject_of(task, proof))
    if is_about_colours(item):
        item = replace(item, proof="colour")
    return replace(item, subject=_string(place, entry, "subject")) if "subject" in entry else item


def _string(place: str, entry: Mapping[str, object], field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value.strip():
        what = "is missing" if field not in entry else "is not a text"
        raise UsageError(f"{place}: the field “{field}” {what}; write one sentence.")
    if len(value) > _FILE_CHARS:
        raise UsageError(f"{place}: “{field}” has {len(value)} characters, {_FILE_CHARS} are the limit.")
    return " ".join(value.split())


def _choice(place: str, entry: Mapping[str, object], field: str, choices: Sequence[_Word], default: _Word) -> _Word:
    value = entry.get(field, default)
    found = next((choice for choice in choices if choice == value), None)
    if found is None:
        raise UsageError(f"{place}: “{field}” is {value!r}; it must be one of {', '.join(choices)}.")
    return found


def _bench_kind(place: str, entry: Mapping[str, Any]) -> ItemKind:
    category = entry.get("task_category", {})
    primary = category.get("primary_category", "Functional Testing") if isinstance(category, dict) else category
    kind = _KINDS.get(str(primary).strip().lower())
    if kind is None:
        raise UsageError(f"{place}: “task_category” is {primary!r}; it must be one of {', '.join(_KINDS)}.")
    return kind


# -- showing it ------------------------------------------------------------------------------------------------------


def told(checklist: Checklist) -> Mapping[str, Any]:
    """The data of the event `checklist`."""
    built: Mapping[str, Any] = msgspec.to_builtins(checklist)
    return built


def lines(data: Mapping[str, Any]) -> list[str]:
    """What a user reads of that event."""
    shown = [f"checklist ({data['origin']}):"]
    for n, item in enumerate(data["items"], 1):
        proof = "" if item["proof"] == "none" else f"  [{' '.join(filter(None, (item['proof'], item['subject'])))}]"
        shown.append(f"  {n}. {item['task']} → {item['expected']}{proof}")
    return shown + [f"  not taken: {one['task']} ({one['reason']})" for one in data["dropped"]]
