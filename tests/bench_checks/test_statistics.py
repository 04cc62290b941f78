from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.bench.chosen import chosen_sites
from appliance.bench.statistics import bootstrap_interval, clustered_interval, wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.255, 0.366)],
)
def test_wilson_gives_the_published_bounds(k, n, low, high):
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_within_its_bounds(share):
    k, n = share
    low, high = wilson(k, n)
    assert 0 <= low <= k / n <= high <= 1


@pytest.mark.parametrize(("k", "n"), [(1, 0), (3, 2), (-1, 2)])
def test_no_share_has_no_bounds(k, n):
    with pytest.raises(ValueError, match="no share"):
        wilson(k, n)


def test_an_interval_of_sites_that_all_gain_lies_above_nothing():
    low, high = bootstrap_interval([0.1, 0.3, 0.2, 0.4, 0.25, 0.15], seed=1)
    assert 0.1 < low < 0.2333 < high < 0.4


def test_one_site_that_gains_proves_little():
    low, _ = bootstrap_interval([0.6, 0, 0, 0, 0, 0], seed=1)
    assert low == 0


def test_the_same_seed_draws_the_same_sites():
    differences = [0.1, -0.2, 0.4, 0.3]
    assert bootstrap_interval(differences, seed=7) == bootstrap_interval(differences, seed=7)


def test_no_sites_have_no_interval():
    with pytest.raises(ValueError, match="no site"):
        bootstrap_interval([], seed=1)


def test_the_rule_takes_each_quarter_of_a_category():
    sites = [(f"{n:02}", "shop") for n in reversed(range(10))] + [(f"9{n}", "blog") for n in range(4)]
    assert chosen_sites(sites) == ("00", "02", "05", "07", "90", "91", "92", "93")


def test_a_site_brings_all_of_its_cases():
    """Ten cases of one site weigh ten times one case of another, and are no ten pieces of evidence."""
    low, high = clustered_interval([[1.0] * 10, [0.0]], seed=1)
    assert (low, high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no site"):
        clustered_interval([[]], seed=1)
