"""Several askers of one model at a time: each gets its own, and none has to wait for the others to end."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chat import ChatMessage, Completion, Gbnf, Sampling
from models.errors import ContextOverflow, EngineCrashed
from models.kv_slots import KvSlots
from models.llama import LlamaChild, LlamaSettings
from tests.models.contracts import GREEDY, TALK
from tests.models.test_kv_slots import Table, prompts

NO_END = Gbnf("root ::= [a-z ] root")
ENDLESS = Sampling(temperature=1.0, max_tokens=3000, seed=1)


@pytest.fixture(scope="module")
def model(tiny_gguf: Path) -> Iterator[LlamaChild]:
    with LlamaChild(LlamaSettings(tiny_gguf, context_tokens=4096, kv_tokens=8192, threads=1, parallel=4)) as opened:
        yield opened


class Begun:
    """An endless text that goes on until it is let go."""

    def __init__(self, model: LlamaChild, pool: ThreadPoolExecutor) -> None:
        self.writes, self.enough, self.pieces = threading.Event(), threading.Event(), 0
        self.done: Future[Completion] = pool.submit(
            model.chat, TALK, ENDLESS, constraint=NO_END, on_text=self._count, cancelled=self.enough.is_set
        )
        assert self.writes.wait(20)

    def _count(self, _: str) -> None:
        self.pieces += 1
        self.writes.set()

    def end(self) -> Completion:
        self.enough.set()
        return self.done.result(20)


@pytest.fixture
def begin(model: LlamaChild) -> Iterator[Callable[[], Begun]]:
    with ThreadPoolExecutor(4) as pool:
        begun: list[Begun] = []

        def one() -> Begun:
            begun.append(Begun(model, pool))
            return begun[-1]

        yield one
        for text in begun:
            text.enough.set()


def test_a_short_question_is_answered_while_a_long_text_is_written(
    model: LlamaChild, begin: Callable[[], Begun]
) -> None:
    long = begin()
    short = model.chat([ChatMessage("user", "Something else.")], Sampling(max_tokens=5, seed=2))
    assert short.completion_tokens <= 5
    before = long.pieces
    assert not long.done.done()
    ended = long.end()
    assert (ended.finish, long.pieces >= before) == ("cancelled", True)


def test_cancelling_one_leaves_the_other_whole(model: LlamaChild, begin: Callable[[], Begun]) -> None:
    first, second = begin(), begin()
    assert first.end().finish == "cancelled"
    at = second.pieces
    assert model.chat(TALK, Sampling(max_tokens=20, seed=4), constraint=NO_END).completion_tokens == 20
    assert second.pieces > at, "it went on meanwhile"
    text = second.end()
    assert text.completion_tokens >= second.pieces
    assert set(text.text) <= set("abcdefghijklmnopqrstuvwxyz ")


def test_tokens_are_counted_while_a_text_is_written(model: LlamaChild, begin: Callable[[], Begun]) -> None:
    alone = model.count_tokens(TALK)
    begin()
    assert model.count_tokens(TALK) == alone


def test_a_refused_request_takes_nobody_with_it(model: LlamaChild, begin: Callable[[], Begun]) -> None:
    long = begin()
    with pytest.raises(ContextOverflow):
        model.chat(TALK, Sampling(max_tokens=100_000))
    assert long.end().finish == "cancelled"


def test_more_askers_than_sequences_wait_in_line(tiny_gguf: Path) -> None:
    with (
        LlamaChild(LlamaSettings(tiny_gguf, context_tokens=4096, threads=1, parallel=2)) as model,
        ThreadPoolExecutor(6) as pool,
    ):
        asked = [pool.submit(model.drafts, TALK, [Sampling(seed=n, max_tokens=30)] * 2) for n in range(6)]
        assert [len(one.result(60)) for one in asked] == [2] * 6


def test_what_was_written_in_company_is_what_the_model_would_write_alone(tiny_gguf: Path) -> None:
    """With nothing left to chance, and up to rounding: the first tokens of a greedy text."""
    questions = [[ChatMessage("user", f"Tell me about {word}.")] for word in ("bread", "trains", "rain", "tin")]
    with LlamaChild(LlamaSettings(tiny_gguf, context_tokens=4096, threads=1, parallel=4)) as model:
        greedy = Sampling(temperature=0, max_tokens=8)
        alone = [model.chat(question, greedy).text for question in questions]
        with ThreadPoolExecutor(4) as pool:
            together = [one.text for one in pool.map(lambda question: model.chat(question, greedy), questions)]
    assert together == alone


def test_all_who_wait_are_told_when_the_child_dies(tiny_gguf: Path) -> None:
    with (
        LlamaChild(LlamaSettings(tiny_gguf, context_tokens=4096, kv_tokens=8192, threads=1, parallel=4)) as model,
        ThreadPoolExecutor(2) as pool,
    ):
        both = [Begun(model, pool) for _ in range(2)]
        child = model.process_id
        assert child is not None
        os.kill(child, signal.SIGKILL)
        for one in both:
            with pytest.raises(EngineCrashed, match="SIGKILL"):
                one.done.result(20)
        assert model.chat(TALK, GREEDY).text, "the next request starts a new child"


def test_an_asker_that_fails_costs_only_its_own_request(model: LlamaChild, begin: Callable[[], Begun]) -> None:
    long, child = begin(), model.process_id

    def fail(_: str) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        model.chat(TALK, ENDLESS, constraint=NO_END, on_text=fail)
    assert long.end().finish == "cancelled"
    assert model.process_id == child


@given(
    talk=st.lists(st.tuples(prompts, st.lists(st.integers(1, 3), max_size=40), st.booleans()), min_size=1, max_size=12),
    count=st.integers(2, 5),
)
def test_nobody_touches_a_sequence_that_is_being_written(
    talk: list[tuple[list[int], list[int], bool]], count: int
) -> None:
    table = Table(count)
    slots = KvSlots(table, count)
    written: dict[int, list[int]] = {}
    for prompt, answer, stays in talk:
        if slots.free == 0:
            slots.release(next(iter(written)))
            del written[next(iter(written))]
        sequence = slots.take(prompt)
        assert sequence not in written
        slots.hold(sequence)
        rest = [*prompt[len(slots[sequence].tokens) :], *answer]
        assert len(rest) > len(answer), "at least one token of the prompt is left to compute"
        table.held[sequence].extend(rest)
        slots.note(sequence, rest, is_prompt=True)
        if stays:
            written[sequence] = [*prompt, *answer]
        else:
            slots.release(sequence)
        assert all(table.held[one] == tokens == slots[one].tokens for one, tokens in written.items())
        slots.drop_oldest(but=())
        assert all(table.held[one] == tokens for one, tokens in written.items())
