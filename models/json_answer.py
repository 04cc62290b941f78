"""A JSON answer of a model that no grammar held to its schema: found, read and checked.

Knows the part of JSON schema that this project writes: objects, arrays, strings, numbers, booleans, `enum`, `const`,
`required`, `maxItems`. An object may not carry keys that its schema does not name. `maxLength` is let be: it keeps a
model from talking for ever, and a text that is too long can still be used.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from models.errors import AnswerUnusable
from models.text_stream import whole_text

_FENCE = re.compile(r"```(?:json)?\s*(?=\{)")
_DECODER = json.JSONDecoder(strict=False)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def parse_answer(text: str, schema: Mapping[str, Any]) -> Any:
    """Raises AnswerUnusable, which says what is wrong with the answer."""
    if not text.strip():
        raise AnswerUnusable("the model said nothing")
    value = _read(text)
    if problem := _problem(value, schema, "the answer"):
        raise AnswerUnusable(problem)
    return value


def greedy_object(text: str) -> dict[str, Any]:
    """From the first brace to the last, as the reference reads; empty where that is no JSON object."""
    try:
        found = read_json(text[text.find("{") : text.rfind("}") + 1])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def read_json(text: str) -> Any:
    """JSON of a stranger, line breaks in its texts allowed. Raises ValueError, also where it is nested too deeply.

    An escape can name half a character, which no file and no database can hold; it is replaced.
    """
    return _sound(text, lambda: json.loads(text, strict=False))


def read_json_at(text: str, start: int) -> Any:
    """The value that begins there, whatever comes after it. Raises ValueError."""
    return _sound(text, lambda: _DECODER.raw_decode(text, start)[0])


def _sound(text: str, read: Callable[[], Any]) -> Any:
    try:
        value = read()
        return json.loads(whole_text(json.dumps(value, ensure_ascii=False))) if "\\u" in text else value
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _read(text: str) -> Any:
    body = _unfenced(text)
    try:
        return read_json(body)
    except ValueError:
        start = body.find("{")
    if start < 0:
        raise AnswerUnusable(f"the model answered prose instead of JSON: {_short(text)}")
    try:
        return read_json_at(body, start)
    except ValueError as error:
        raise AnswerUnusable(f"the model answered broken JSON: {_short(text)}") from error


def _unfenced(text: str) -> str:
    """What stands between the first fence and the last."""
    opened, closing = _FENCE.search(text), text.rfind("```")
    inner = text[opened.end() : closing].rstrip() if opened else ""
    return inner if inner.endswith("}") else text.strip()


def _problem(value: Any, schema: Mapping[str, Any], place: str) -> str:
    """Empty when the value keeps to the schema."""
    if "enum" in schema and not any(_same(value, allowed) for allowed in schema["enum"]):
        return f"{place} is {_short(json.dumps(value))}, not one of {', '.join(map(json.dumps, schema['enum']))}"
    if "const" in schema and not _same(value, schema["const"]):
        return f"{place} is {_short(json.dumps(value))}, not {json.dumps(schema['const'])}"
    wanted = schema.get("type")
    if wanted is not None and not _is_a(value, wanted):
        return f"{place} is {_short(json.dumps(value))}, not of type {wanted}"
    match value:
        case dict():
            return _object_problem(value, schema, place)
        case list():
            return _list_problem(value, schema, place)
    return ""


def _object_problem(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> str:
    known = schema.get("properties", {})
    if missing := [key for key in schema.get("required", ()) if key not in value]:
        return f"{place} lacks {', '.join(missing)}"
    if "properties" in schema and (unknown := sorted(value.keys() - known.keys())):
        return f"{place} has the unknown key {_short(unknown[0])}"
    return next(filter(None, (_problem(value[key], known[key], key) for key in value if key in known)), "")


def _list_problem(value: list[Any], schema: Mapping[str, Any], place: str) -> str:
    if len(value) > schema.get("maxItems", len(value)):
        return f"{place} has {len(value)} items, more than {schema['maxItems']}"
    items = schema.get("items", {})
    return next(filter(None, (_problem(item, items, f"{place}[{n}]") for n, item in enumerate(value))), "")


def _is_a(value: Any, wanted: str) -> bool:
    is_number_from_bool = isinstance(value, bool) and wanted in ("integer", "number")
    return isinstance(value, _TYPES[wanted]) and not is_number_from_bool


def _same(value: Any, allowed: Any) -> bool:
    """True and 1 are two things in JSON."""
    return type(value) is type(allowed) and bool(value == allowed)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
