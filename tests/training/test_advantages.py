"""Numbers worked out by hand as fractions: three trajectories of one brief, with a missing GUI test and bad output."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.advantages import AdvantageSettings, batch_deviation, group_advantages
from training.rewards import UNSCORED, RewardSettings, reward

BAD = reward(1, None, is_malformed=True)
GROUP = (
    (reward(2, None), reward(3, None), reward(4, 4)),
    (reward(0, None), reward(3, 2)),
    (BAD, reward(4, None), reward(4, 3), reward(5, 5)),
)


def thirds(*numerators):
    return [numerator / 33 for numerator in numerators]


GOLDEN = {
    "reference": ({}, [thirds(-20, -11, 34), thirds(-38, 7), thirds(-47, -2, 25, 52)]),
    "no std": (
        {"scale": "none"},
        [
            [-2.222222, -1.222222, 3.777778],
            [-4.222222, 0.777778],
            [-5.222222, -0.222222, 2.777778, 5.777778],
        ],
    ),
    "cumulative": (
        {"credit": "cumulative"},
        [[0.090909, 0.696970, 1.030303], [-0.939394, 0.212121], [0.848485, 2.272727, 2.333333, 1.575758]],
    ),
    "outcome": ({"credit": "outcome"}, [[0.132453] * 3, [-1.059626] * 2, [0.927173] * 4]),
    "step index": (
        {"baseline": "step_index"},
        [[0.454545, -0.272727, 0.136364], [-0.090909, 0.272727], [-0.363636, 0.0, -0.136364, 1.575758]],
    ),
    "decoupled": (
        {"gui_missing": "decoupled"},
        [[-0.724569, -0.080508, 0.950852], [-2.012691, -1.242403], [-1.0, 0.563554, 0.176255, 2.369510]],
    ),
}


def values(group, **settings):
    return group_advantages(group, AdvantageSettings(**settings))


@pytest.mark.parametrize("name", GOLDEN)
def test_every_mode_gives_the_numbers_worked_out_by_hand(name):
    settings, wanted = GOLDEN[name]
    # The floor is below the pool's own deviation, except for the two parts taken apart.
    scale = {"scale": "group"} if name == "decoupled" else {}
    found = values(GROUP, **{**scale, **settings})
    assert found.outcome == "trained"
    for ours, theirs in zip(found.values, wanted, strict=True):
        assert ours == pytest.approx(theirs, abs=2e-6)


@pytest.mark.parametrize(
    ("group", "settings", "wanted", "outcome"),
    [
        ([[reward(3, 3)] * 2, [reward(3, 3)]], {}, [[0, 0], [0]], "no signal"),
        ([[reward(4, 3)]], {}, [[0]], "too few"),
        ([[reward(4, 3)]], {"single": "reference"}, [[7 / (1 + 1e-6)]], "trained"),
        ([[reward(4, 4), UNSCORED], [reward(2, 2)]], {}, [[0.707107, None], [-0.707107]], "trained"),
        ([[reward(4, 4), reward(1, 1)], [UNSCORED]], {}, [[0, 0], [None]], "too few"),
        ([], {}, [], "too few"),
    ],
)
def test_what_teaches_nothing_is_named_and_trains_nothing(group, settings, wanted, outcome):
    found = values(group, **settings)
    assert found.outcome == outcome
    assert [list(one) for one in found.values] == [pytest.approx(one, abs=1e-6) for one in wanted]


def test_a_judges_noise_stays_small():
    noisy = [[reward(3, 3), reward(3, 3)], [reward(3, 3), reward(3, 3.001)]]
    assert max(abs(a) for one in values(noisy).values for a in one) < 0.001
    assert max(abs(a) for one in values(noisy, scale="group").values for a in one) == pytest.approx(1.5, abs=0.01)


def test_a_batch_scale_divides_by_the_deviation_of_all_groups():
    deviation = batch_deviation([GROUP, [[reward(5, 5)], [reward(0, 0)]]])
    found = group_advantages(GROUP, AdvantageSettings(scale="batch"), deviation)
    assert found.values[0][0] == pytest.approx((2 - 38 / 9) / (deviation + 1e-6))
    with pytest.raises(ValueError, match="whole update"):
        group_advantages(GROUP, AdvantageSettings(scale="batch"))


@pytest.mark.parametrize(
    ("grades", "wanted"),
    [
        ((4, 3), 7.0),
        ((4, None), 4.0),
        ((0.0, 0.0), 0.0),
        ((None, None), None),
        ((math.nan, 3), None),
        ((17, 3), None),
        ((-1, 3), None),
    ],
)
def test_a_reward_is_a_sum_of_grades_and_no_grade_is_no_zero(grades, wanted):
    assert reward(*grades).total == wanted


def test_bad_output_is_punished_and_a_broken_machine_is_not():
    assert reward(5, 5, is_malformed=True).total == -1.0
    assert reward(0, 0, is_infra=True).total is None
    assert reward(4, 2, settings=RewardSettings(looks_weight=0.5, works_weight=2.0)).total == 6.0


rewards = st.one_of(
    st.just(UNSCORED),
    st.just(BAD),
    st.builds(reward, st.floats(0, 5), st.one_of(st.none(), st.floats(0, 5))),
)
groups = st.lists(st.lists(rewards, min_size=1, max_size=5), min_size=1, max_size=5)


@given(groups)
def test_advantages_of_a_pool_sum_to_nothing_and_are_finite(group):
    found = values(group)
    flat = [a for one in found.values for a in one if a is not None]
    assert sum(flat) == pytest.approx(0, abs=1e-6)
    assert all(math.isfinite(a) for a in flat)


@given(groups, st.randoms())
def test_the_order_of_trajectories_does_not_matter(group, random):
    order = list(range(len(group)))
    random.shuffle(order)
    shuffled = values([group[i] for i in order])
    assert [list(shuffled.values[at]) for at in range(len(order))] == [
        pytest.approx(list(values(group).values[i]), abs=1e-9) for i in order
    ]


@given(groups)
def test_unscored_steps_move_nobody(group):
    without = [[step for step in one if step.total is not None] for one in group]
    kept = [[a for a in one if a is not None] for one in values(group).values]
    assert kept == [pytest.approx(list(one)) for one in values(without).values]
