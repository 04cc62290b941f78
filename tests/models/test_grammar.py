import pytest

from models.errors import ConstraintError
from models.grammar import bounded_integers_as_enums


def test_a_closed_range_becomes_an_enum_wherever_it_stands() -> None:
    schema = {
        "type": "object",
        "properties": {"score": {"type": "integer", "minimum": 0, "exclusiveMaximum": 3}, "why": {"type": "string"}},
        "items": [{"type": "integer", "exclusiveMinimum": 4, "maximum": 6}],
    }
    assert bounded_integers_as_enums(schema) == {
        "type": "object",
        "properties": {"score": {"enum": [0, 1, 2]}, "why": {"type": "string"}},
        "items": [{"enum": [5, 6]}],
    }


def test_an_enum_that_looks_like_a_schema_is_left_alone() -> None:
    schema = {"enum": [{"type": "integer", "minimum": 1}]}
    assert bounded_integers_as_enums(schema) == schema


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "integer", "minimum": 1}, "both bounds"),
        ({"type": "number", "minimum": 0, "maximum": 1}, "whole numbers"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "empty"),
        ({"type": "integer", "minimum": 0, "maximum": 10**6}, "too wide"),
    ],
)
def test_bounds_the_engine_cannot_keep_are_refused(schema: dict[str, object], reason: str) -> None:
    with pytest.raises(ConstraintError, match=reason):
        bounded_integers_as_enums({"anyOf": [schema]})
