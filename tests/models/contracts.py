"""What every engine promises; each engine's tests inherit this and say how to open one."""

import abc
from collections.abc import Iterator

import pytest

from models.chat import ChatMessage, ChatModel, Sampling
from models.errors import ContextOverflow

TALK = (ChatMessage("system", "You tell stories."), ChatMessage("user", "Tell one about a lighthouse."))
GREEDY = Sampling(temperature=0, max_tokens=24)


class ChatModelContract(abc.ABC):
    """The model must have at least a dozen tokens to say about TALK, and say the same each time with GREEDY."""

    @abc.abstractmethod
    def open_model(self) -> ChatModel: ...

    @pytest.fixture
    def model(self) -> Iterator[ChatModel]:
        with self.open_model() as model:
            yield model

    def test_streamed_pieces_add_up_to_the_text(self, model: ChatModel) -> None:
        pieces: list[str] = []
        done = model.chat(TALK, GREEDY, on_text=pieces.append)
        assert len(pieces) > 1
        assert "".join(pieces) == done.text

    def test_the_answer_ends_at_max_tokens_and_says_so(self, model: ChatModel) -> None:
        done = model.chat(TALK, Sampling(temperature=0, max_tokens=3))
        assert (done.finish, done.completion_tokens) == ("length", 3)

    def test_a_stop_string_ends_the_answer_and_is_left_out(self, model: ChatModel) -> None:
        whole = model.chat(TALK, GREEDY).text
        stop = whole[len(whole) // 2 :][:3]
        pieces: list[str] = []
        done = model.chat(TALK, Sampling(temperature=0, max_tokens=24, stop=(stop,)), on_text=pieces.append)
        assert done.finish == "stop"
        assert done.text == whole[: whole.index(stop)]
        assert "".join(pieces) == done.text

    def test_a_cancelled_answer_keeps_what_was_said_and_the_model_goes_on(self, model: ChatModel) -> None:
        pieces: list[str] = []
        limit = Sampling(temperature=0, max_tokens=2000)
        done = model.chat(TALK, limit, on_text=pieces.append, cancelled=lambda: bool(pieces))
        assert done.finish == "cancelled"
        assert done.text.startswith(pieces[0])
        assert model.chat(TALK, GREEDY).text

    def test_a_prompt_that_does_not_fit_is_refused_not_cut(self, model: ChatModel) -> None:
        with pytest.raises(ContextOverflow, match="shorten the prompt"):
            model.chat(TALK, Sampling(max_tokens=model.context_tokens))
        with pytest.raises(ContextOverflow):
            model.drafts(TALK, [Sampling(max_tokens=4), Sampling(max_tokens=model.context_tokens)])

    def test_counting_a_prompt_agrees_with_what_the_engine_saw(self, model: ChatModel) -> None:
        assert model.count_tokens(TALK) == model.chat(TALK, GREEDY).prompt_tokens
        longer = (*TALK, ChatMessage("assistant", "There was one."), ChatMessage("user", "And then?"))
        assert model.count_tokens(longer) > model.count_tokens(TALK)

    def test_no_more_is_evaluated_than_the_prompt_has(self, model: ChatModel) -> None:
        done = model.chat(TALK, GREEDY)
        assert 0 < done.evaluated_tokens <= done.prompt_tokens

    def test_drafts_come_in_order_with_the_text_that_was_streamed(self, model: ChatModel) -> None:
        streamed = ["", "", ""]

        def on_text(draft: int, text: str) -> None:
            streamed[draft] += text

        lengths = (3, 9, 5)
        done = model.drafts(TALK, [Sampling(temperature=0, max_tokens=n) for n in lengths], on_text=on_text)
        assert [d.completion_tokens for d in done] == list(lengths)
        assert [d.text for d in done] == streamed

    def test_cancelled_drafts_all_come_back(self, model: ChatModel) -> None:
        said: list[int] = []
        samplings = [Sampling(temperature=0, max_tokens=1500)] * 2
        done = model.drafts(TALK, samplings, on_text=lambda n, _: said.append(n), cancelled=lambda: bool(said))
        assert [d.finish for d in done] == ["cancelled", "cancelled"]

    def test_a_prefill_is_no_part_of_the_text(self, model: ChatModel) -> None:
        done = model.chat(TALK, GREEDY, prefill="Lighthouse prefill marker:")
        assert done.text
        assert "prefill marker:" not in done.text
