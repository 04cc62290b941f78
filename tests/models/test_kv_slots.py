"""The bookkeeping against a cache that is only a table of positions, driven by random conversations."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from models.kv_slots import KvSlots


class Table:
    """What each sequence of a real cache would hold, by position."""

    def __init__(self, slots: int, *, can_cut: bool = True) -> None:
        self.can_cut = can_cut
        self.held: list[list[int]] = [[] for _ in range(slots)]

    def cut(self, sequence: int, start: int) -> None:
        assert self.can_cut or start == 0
        del self.held[sequence][start:]

    def copy(self, source: int, target: int, end: int) -> None:
        self.held[target] = self.held[source][:end]


def ask(slots: KvSlots, table: Table, prompt: Sequence[int], answer: Sequence[int] = ()) -> tuple[int, int]:
    """Takes a sequence, computes the rest of the prompt and an answer. The sequence and how much was computed."""
    sequence = slots.take(prompt)
    start = len(slots[sequence].tokens)
    for tokens, is_prompt in ((prompt[start:-1], True), (prompt[-1:], True), (answer, False)):
        if start == len(prompt) - 1 and is_prompt and not tokens:
            continue
        table.held[sequence].extend(tokens)
        slots.note(sequence, tokens, is_prompt=is_prompt)
    return sequence, len(prompt) - start


prompts = st.lists(st.integers(1, 3), min_size=1, max_size=200)


@given(
    talk=st.lists(st.tuples(prompts, st.lists(st.integers(1, 3), max_size=80)), min_size=1, max_size=12),
    count=st.integers(1, 4),
    can_cut=st.booleans(),
)
def test_a_prompt_always_stands_alone_and_whole_in_its_sequence(
    talk: list[tuple[list[int], list[int]]], count: int, can_cut: bool
) -> None:
    table = Table(count, can_cut=can_cut)
    slots = KvSlots(table, count)
    for prompt, answer in talk:
        sequence, computed = ask(slots, table, prompt, answer)
        assert computed >= 1
        assert table.held[sequence] == [*prompt, *answer]
        assert [slots[n].tokens for n in range(count)] == table.held


def test_the_same_prompt_again_costs_one_token_and_stays_where_it_was() -> None:
    table = Table(3)
    slots = KvSlots(table, 3)
    first = ask(slots, table, range(100), range(200, 300))
    assert ask(slots, table, range(100)) == (first[0], 1)


def test_a_fork_leaves_the_other_branch_as_it_was() -> None:
    table = Table(3)
    slots = KvSlots(table, 3)
    trunk, branch = ask(slots, table, [*range(500)])[0], ask(slots, table, [*range(300), *range(900, 1000)])
    assert branch[0] != trunk
    assert branch[1] == 100
    assert ask(slots, table, [*range(510)]) == (trunk, 10)


def test_the_conversation_left_alone_longest_gives_way() -> None:
    table = Table(2)
    slots = KvSlots(table, 2)
    for topic in (1, 2, 1, 3):
        ask(slots, table, [topic] * 100)
    assert ask(slots, table, [*[1] * 100, 5])[1] == 1
    assert ask(slots, table, [*[2] * 100, 5])[1] == 101


def test_siblings_share_the_whole_prompt() -> None:
    table = Table(4)
    slots = KvSlots(table, 4)
    sequence, _ = ask(slots, table, range(50))
    others = slots.siblings(sequence, 3)
    assert len({sequence, *others}) == 4
    assert all(table.held[n] == [*range(50)] for n in others)


def test_a_model_that_cannot_be_cut_only_goes_on_or_starts_anew() -> None:
    table = Table(2, can_cut=False)
    slots = KvSlots(table, 2)
    ask(slots, table, [*range(100)])
    assert ask(slots, table, [*range(110)])[1] == 10
    assert ask(slots, table, [*range(50), 900])[1] == 51


def test_dropping_ends_when_only_the_protected_is_left() -> None:
    table = Table(3)
    slots = KvSlots(table, 3)
    kept = ask(slots, table, [1] * 10)[0]
    ask(slots, table, [2] * 10)
    assert slots.drop_oldest(but=[kept])
    assert not slots.drop_oldest(but=[kept])
    assert table.held[kept] == [1] * 10
