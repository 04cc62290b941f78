"""Limits of a card, from recorded answers: no card is here."""

from __future__ import annotations

import pytest

from training.gpu import LONGEST_HOT_S, CardState, Cooler, MemoryTaken, TooHot, card_states, read_cards, wait_for_memory

COOL = CardState(60.0, 70.0, 200.0, 11000.0)
HOT = CardState(88.0, 70.0, 200.0, 11000.0)


class Time:
    def __init__(self, *states):
        self.now, self.states = 0.0, list(states)

    def clock(self):
        return self.now

    def rest(self, seconds):
        self.now += seconds

    def state(self):
        return (self.states.pop(0) if len(self.states) > 1 else self.states[0],)


def test_answers_of_the_tool_are_read_and_what_a_card_does_not_tell_is_none():
    assert read_cards("71, N/A, 212.50, 11911\n55, 60, [Not Supported], 24000\n") == (
        CardState(71.0, None, 212.5, 11911.0),
        CardState(55.0, 60.0, None, 24000.0),
    )
    assert read_cards("No devices were found\n") == ()


def test_a_cool_card_is_not_rested():
    time = Time(COOL)
    Cooler(0, time.state, time.rest, time.clock)()
    assert time.now == 0.0


def test_a_hot_card_rests_until_it_is_cool():
    time = Time(HOT, HOT, COOL)
    Cooler(0, time.state, time.rest, time.clock)()
    assert time.now == 10.0


@pytest.mark.parametrize(
    ("card", "watts", "said"),
    [
        (HOT, 0, "the card has 88 °C, 83 are allowed"),
        (CardState(60.0, 99.0, 200.0, 1.0), 0, "its memory has 99 °C, 95 are allowed"),
        (COOL, 150, "the card draws 200 W, 150 are allowed"),
    ],
)
def test_a_card_that_stays_above_a_limit_ends_the_night(card, watts, said):
    time = Time(card)
    with pytest.raises(TooHot, match=said):
        Cooler(watts, time.state, time.rest, time.clock)()
    assert time.now > LONGEST_HOT_S


def test_the_trainer_waits_for_the_engines_memory_and_not_for_ever():
    time = Time(CardState(None, None, None, 900.0), COOL)
    wait_for_memory(8000, time.state, time.rest, time.clock)
    assert 0 < time.now < 2
    with pytest.raises(MemoryTaken, match="11000 MiB free and training needs 20000"):
        wait_for_memory(20000, time.state, time.rest, time.clock)


def test_without_a_card_nothing_is_waited_for(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert card_states() == ()
    wait_for_memory(8000)
    Cooler(100)()


def test_a_tool_that_fails_tells_of_no_card(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho no driver; exit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert card_states() == ()
