from __future__ import annotations

import pytest

from appliance.context import ContextFull, Turn, conversation
from models.chat import ChatMessage

OPENING = (ChatMessage("system", "s"), ChatMessage("user", "brief"))


def count(messages):
    return sum(len(message.content) for message in messages)


def turns(n, size=100):
    return [Turn(f"{i}" * size, f"feedback {i}", {"index.html": f"state {i}".encode()}) for i in range(n)]


def test_while_everything_fits_turns_are_only_appended():
    short = conversation(OPENING, turns(2), count, 10_000).messages
    long = conversation(OPENING, turns(3), count, 10_000)
    assert long.messages[: len(short)] == short
    assert long.compacted_turns == 0


def test_over_budget_the_old_turns_become_the_files_as_they_stood_and_the_newest_state_is_kept():
    talk = conversation(OPENING, turns(6), count, 400)
    text = "\n".join(message.content for message in talk.messages)
    assert talk.tokens <= 400
    assert talk.compacted_turns == 6 - (len(talk.messages) - 2) // 2
    assert f"state {talk.compacted_turns - 1}" in text
    assert "brief" in text
    assert "000" not in text


def test_the_cut_moves_in_steps_so_that_the_prefix_mostly_stays():
    cuts = [conversation(OPENING, turns(n), count, 600).compacted_turns for n in range(12)]
    assert cuts == sorted(cuts)
    assert len(set(cuts)) < 6


def test_a_site_that_does_not_fit_is_refused_with_the_numbers():
    big = [Turn("r", "f", {"index.html": b"x" * 5000})]
    with pytest.raises(ContextFull, match=r"\d+ tokens, 7 are free"):
        conversation(OPENING, big, count, 7)


def test_binary_and_kit_files_are_listed_not_shown():
    held = [Turn("r" * 900, "f", {"a.png": b"\xff\x00", "kit/fonts.css": b"@font-face{}", "index.html": b"<p>"})]
    text = conversation(OPENING, held, count, 500).messages[1].content
    assert "a.png (2 bytes)" in text
    assert "@font-face" not in text
    assert "<p>" in text
