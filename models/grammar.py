"""A JSON schema as a grammar for llama.cpp, with the bounds its converter would silently drop."""

import json
from collections.abc import Mapping
from typing import Any

from models.errors import ConstraintError

_MAX_ENUM = 1000


def bounded_integers_as_enums(schema: Any) -> Any:
    """llama.cpp's converter ignores `minimum` and `maximum`: a closed range becomes an enum, an open one is refused."""
    if isinstance(schema, list):
        return [bounded_integers_as_enums(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if schema.get("type") in ("integer", "number") and not _BOUNDS.isdisjoint(schema):
        return {"enum": list(_allowed(schema))}
    return {
        key: value if key in ("enum", "const") else bounded_integers_as_enums(value) for key, value in schema.items()
    }


_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def _allowed(schema: Mapping[str, Any]) -> range:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 0) - 1 if "exclusiveMaximum" in schema else None)
    if schema["type"] != "integer" or not isinstance(low, int) or not isinstance(high, int):
        raise ConstraintError(
            f"The engine cannot keep a number within {json.dumps(dict(schema))}; give whole numbers with both bounds,"
            ' or write them out as "enum".'
        )
    if not 0 <= high - low < _MAX_ENUM:
        raise ConstraintError(
            f"The range {low} to {high} of a whole number is empty or too wide for the engine (at most {_MAX_ENUM}"
            " values); narrow it."
        )
    return range(low, high + 1)
