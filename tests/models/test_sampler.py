import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chat import Sampling
from models.sampler import TokenDrawer, logprob, nucleus

LOGITS = np.array([2.0, 1.0, 0.0, -1.0, -5.0], dtype=np.float32)


@given(
    logits=st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=200),
    top_p=st.floats(0.01, 0.999),
)
def test_a_nucleus_is_the_fewest_likeliest_tokens_that_reach_top_p(logits: list[float], top_p: float) -> None:
    row = np.array(logits, dtype=np.float32)
    shares = np.exp(row.astype(np.float64) - row.max())
    shares /= shares.sum()
    chosen = nucleus(row, top_p)
    assert shares[chosen].sum() >= top_p - 1e-4
    assert shares[chosen[:-1]].sum() < top_p + 1e-4
    left_out = np.delete(shares, chosen)
    assert left_out.size == 0 or left_out.max() <= shares[chosen].min() + 1e-9


def test_draws_follow_the_probabilities_at_their_temperature() -> None:
    drawer = TokenDrawer(Sampling(temperature=2.0, top_p=1.0, seed=1))
    draws = np.bincount([drawer.draw(LOGITS) for _ in range(20000)], minlength=len(LOGITS)) / 20000
    expected = np.exp(LOGITS / 2)
    assert np.abs(draws - expected / expected.sum()).max() < 0.015


def test_nothing_outside_the_nucleus_is_drawn() -> None:
    drawer = TokenDrawer(Sampling(temperature=5.0, top_p=0.8, seed=2))
    assert {drawer.draw(LOGITS) for _ in range(500)} == {0, 1}


def test_temperature_zero_takes_the_likeliest_and_a_penalty_can_change_which() -> None:
    drawer = TokenDrawer(Sampling(temperature=0, repeat_penalty=4.0))
    assert drawer.draw(LOGITS) == 0
    drawer.accept(0)
    assert drawer.draw(LOGITS) == 1


@pytest.mark.parametrize("seed", [0, 7, -1, 2**40])
def test_a_seed_repeats_its_draws(seed: int) -> None:
    first, second = (TokenDrawer(Sampling(temperature=1.5, seed=seed)) for _ in range(2))
    assert [first.draw(LOGITS) for _ in range(50)] == [second.draw(LOGITS) for _ in range(50)]


def test_log_probabilities_sum_to_one() -> None:
    assert sum(np.exp(logprob(LOGITS, n)) for n in range(len(LOGITS))) == pytest.approx(1)
