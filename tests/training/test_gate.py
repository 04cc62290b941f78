from __future__ import annotations

from dataclasses import replace

import pytest

from training.gate import GateSettings, SiteResult, brief_differences, decide_gate

PLAIN = SiteResult("", 1, 5.0, True, turns=8, malformed=0, tokens=4000, static_faults=2)


def arm(scores, **changes):
    return [replace(PLAIN, brief=f"b{n:02}", score=score, **changes) for n, score in enumerate(scores)]


BEFORE = arm([5.0, 4.0, 6.0, 5.5, 4.5, 5.0, 6.5, 3.5, 5.0, 4.0])


def test_better_on_nearly_every_brief_is_promoted():
    report = decide_gate(
        BEFORE,
        arm([one.score + gain for one, gain in zip(BEFORE, [1, 0.5, 1.5, 0, 1, 2, 0.5, 1, -0.2, 1], strict=True)]),
    )
    assert report.decision == "promote"
    assert report.gain == pytest.approx(0.83)
    assert 0 < report.lower < report.gain


def test_the_same_scores_are_no_gain():
    report = decide_gate(BEFORE, BEFORE)
    assert (report.decision, report.gain, report.lower) == ("reject", 0, 0)


def test_one_lucky_site_is_not_enough():
    report = decide_gate(BEFORE, arm([9.5, *(one.score for one in BEFORE[1:])]))
    assert report.decision == "reject"
    assert "not surely better" in report.reason


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"is_valid": False}, "sites without a page"),
        ({"malformed": 1}, "malformed turns"),
        ({"tokens": 5100}, "tokens per site"),
        ({"turns": 10}, "turns per site"),
        ({"static_faults": 3}, "faults found on the page"),
        ({"flags": 1}, "texts that speak to the judge"),
    ],
)
def test_a_gain_with_something_worse_is_refused_by_name(change, named):
    report = decide_gate(BEFORE, arm([one.score + 1 for one in BEFORE], **change))
    assert report.decision == "reject"
    assert named in report.reason
    assert [guard.name for guard in report.guards if not guard.holds] == [named]


def test_too_few_briefs_decide_nothing():
    report = decide_gate(BEFORE[:7], arm([9.0] * 7))
    assert report.decision == "too few"
    assert "8 are needed" in report.reason


def test_seeds_of_one_brief_are_one_piece_of_evidence():
    two = [*BEFORE, *(replace(one, seed=2) for one in BEFORE)]
    better = [replace(one, score=one.score + (2 if one.seed == 1 else 0)) for one in two]
    assert brief_differences(two, better) == [1.0] * 10


@pytest.mark.parametrize("candidate", [BEFORE[:9], [replace(one, seed=9) for one in BEFORE], [*BEFORE[:9], BEFORE[8]]])
def test_arms_that_cannot_be_compared_are_an_error(candidate):
    with pytest.raises(ValueError, match="same briefs"):
        decide_gate(BEFORE, candidate)


def test_a_wider_confidence_asks_for_more():
    candidate = arm(
        [one.score + gain for one, gain in zip(BEFORE, [1, 1, 1, -0.5, -0.5, 1, -0.5, 1, -0.5, 0], strict=True)]
    )
    bounds = [decide_gate(BEFORE, candidate, GateSettings(confidence=level)).lower for level in (0.8, 0.9, 0.99)]
    assert bounds == sorted(bounds, reverse=True)
