import pytest

from models.errors import AnswerUnusable
from models.json_answer import parse_answer

SCHEMA = {
    "type": "object",
    "properties": {
        "grade": {"enum": [0, 1, 2]},
        "words": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "sure": {"type": "boolean"},
    },
    "required": ["grade"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "text",
    [
        '{"grade": 2}',
        '```json\n{"grade": 2}\n```',
        'Here it is: {"grade": 2} I hope it helps {really}.',
        '{"grade": 2, "words": ["a", "line\nbreak"], "sure": false}',
    ],
)
def test_an_answer_is_found_where_models_put_it(text: str) -> None:
    assert parse_answer(text, SCHEMA)["grade"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "said nothing"),
        ("Two, I think.", "prose"),
        ('{"grade": 2', "broken JSON"),
        ('{"grade": 17}', "grade is 17"),
        ('{"grade": true}', "grade is true"),
        ('{"words": []}', "lacks grade"),
        ('{"grade": 1, "more": 2}', "unknown key more"),
        ('{"grade": 1, "words": "a"}', "not of type array"),
        ('{"grade": 1, "words": ["a", 1]}', r"words\[1\]"),
        ('{"grade": 1, "words": ["a", "b", "c"]}', "3 items"),
        ('{"grade": 1, "sure": 1}', "not of type boolean"),
        ("[]", "not of type object"),
    ],
)
def test_a_useless_answer_says_what_is_wrong_with_it(text: str, said: str) -> None:
    with pytest.raises(AnswerUnusable, match=said):
        parse_answer(text, SCHEMA)
