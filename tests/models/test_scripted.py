import pytest

from models.chat import ChatMessage, ChatModel, Sampling
from models.errors import ContextTooSmall, ScriptEnded
from models.scripted import ScriptedModel
from tests.models.contracts import ChatModelContract

STORY = "Once a keeper lit the lamp each night, and each night the sea answered with a longer story than before. " * 40


class TestScriptedModel(ChatModelContract):
    def open_model(self) -> ChatModel:
        return ScriptedModel(lambda messages, sampling: STORY)


def ask(model: ScriptedModel, text: str) -> str:
    return model.chat([ChatMessage("user", text)], Sampling()).text


def test_replies_are_said_in_order_and_then_the_script_has_ended() -> None:
    model = ScriptedModel(["first", "second"])
    assert [ask(model, "a"), ask(model, "b")] == ["first", "second"]
    with pytest.raises(ScriptEnded):
        ask(model, "c")


def test_a_function_may_answer_by_what_it_is_asked() -> None:
    model = ScriptedModel(lambda messages, sampling: messages[-1].content.upper())
    assert ask(model, "loud") == "LOUD"
    assert model.asked[0][0].content == "loud"


def test_a_growing_conversation_is_evaluated_only_at_its_end() -> None:
    model = ScriptedModel(["one two", "three"])
    talk = [ChatMessage("user", "count please, slowly")]
    first = model.chat(talk, Sampling())
    second = model.chat([*talk, ChatMessage("assistant", first.text), ChatMessage("user", "more")], Sampling())
    assert second.evaluated_tokens < second.prompt_tokens - first.prompt_tokens + 2


def test_recorded_tokens_match_their_number() -> None:
    done = ScriptedModel(["one two three"]).chat([ChatMessage("user", "go")], Sampling(), record=True)
    assert len(done.token_ids) == len(done.logprobs) == done.completion_tokens == 3
    assert len(done.prompt_token_ids) == done.prompt_tokens


def test_a_context_too_small_for_the_loop_is_refused() -> None:
    with pytest.raises(ContextTooSmall, match="4096"):
        ScriptedModel([], context_tokens=2048)
