"""The starter model itself: what only a model that makes sense can show."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from models.chat import ChatMessage, ChatModel, Gbnf, JsonSchema, Sampling
from models.llama import LlamaChild, LlamaSettings
from tests.models.contracts import ChatModelContract

pytestmark = pytest.mark.model

PAGE = (ChatMessage("system", "You write web pages."), ChatMessage("user", "Write a small HTML page about cats."))


@pytest.fixture(scope="module")
def starter(starter_gguf: Path) -> Iterator[LlamaChild]:
    with LlamaChild(LlamaSettings(starter_gguf)) as model:
        yield model


class TestLlamaChildWithTheStarterModel(ChatModelContract):
    @pytest.fixture(autouse=True)
    def _file(self, starter_gguf: Path) -> None:
        self.path = starter_gguf

    def open_model(self) -> ChatModel:
        return LlamaChild(LlamaSettings(self.path, context_tokens=4096))


def test_it_writes_html(starter: LlamaChild) -> None:
    text = starter.chat(PAGE, Sampling(temperature=0, max_tokens=60)).text
    assert "<html" in text.lower()


def test_it_goes_on_from_a_prefill(starter: LlamaChild) -> None:
    done = starter.chat(PAGE, Sampling(temperature=0, max_tokens=40), prefill="```html\n<!DOCTYPE html>\n<html")
    assert not done.text.lower().startswith(("```", "<!doctype"))
    assert "<head" in done.text.lower()


def test_the_same_seed_gives_the_same_page_also_after_other_talk(starter: LlamaChild) -> None:
    sampling = Sampling(seed=11, max_tokens=80)
    first = starter.chat(PAGE, sampling, record=True)
    second = starter.chat(PAGE, sampling, record=True)
    assert first.text == second.text
    assert first.logprobs == second.logprobs


def test_steps_that_append_evaluate_only_what_was_added(starter: LlamaChild) -> None:
    """The bench's prefix_ratio at its root: the answers are never computed again."""
    talk = [*PAGE]
    added = evaluated = 0
    for n, wish in enumerate(["Make it blue.", "Add a list.", "Add a footer."]):
        done = starter.chat(talk, Sampling(seed=n, max_tokens=60))
        if n:
            evaluated += done.evaluated_tokens
        before = starter.count_tokens(talk)
        talk += [ChatMessage("assistant", done.text), ChatMessage("user", wish)]
        if n < 2:
            added += starter.count_tokens([*talk[:-2], ChatMessage("assistant", ""), talk[-1]]) - before
    assert evaluated <= added * 1.10


def test_drafts_differ_and_share_one_prompt(starter: LlamaChild) -> None:
    drafts = starter.drafts(PAGE, [Sampling(seed=n, max_tokens=40) for n in range(4)])
    assert len({d.text for d in drafts}) > 1
    assert [d.evaluated_tokens for d in drafts[1:]] == [0, 0, 0]


def test_an_answer_follows_its_schema_and_its_grammar(starter: LlamaChild) -> None:
    ask = [ChatMessage("user", "Rate a plain page without colours, in JSON.")]
    properties = {"score": {"type": "integer", "minimum": 1, "maximum": 5}, "why": {"type": "string", "maxLength": 40}}
    schema = JsonSchema({"type": "object", "properties": properties, "required": ["score", "why"]})
    answer = json.loads(starter.chat(ask, Sampling(max_tokens=100), constraint=schema).text)
    assert answer["score"] in range(1, 6)
    assert len(answer["why"]) <= 40
    assert starter.chat(ask, Sampling(), constraint=Gbnf('root ::= "YES" | "NO"')).text in ("YES", "NO")


def test_a_long_prompt_is_cancelled_within_a_second(starter: LlamaChild) -> None:
    long = [ChatMessage("user", "Remember these words: " + "cat dog bird fish " * 1200)]
    started = monotonic()
    done = starter.chat(long, Sampling(max_tokens=10), cancelled=lambda: monotonic() > started + 0.3)
    assert done.finish == "cancelled"
    assert monotonic() - started < 1.3 + 0.5  # half a second for a machine that is busy with other tests
