from __future__ import annotations

from dataclasses import replace

import pytest
from builders import chain, step

from appliance.decide import FAITHFUL, FIXED, Rules, best_step, decide, deliverable, is_error
from appliance.steps import Backtrack, Continue, Grade, Observation, Scores, Stop, Usage

GOOD, POOR = step(0, 4.0), step(0, 1.0, error=True)
THREE = Rules(errors_in_a_row=3)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], Continue()),
        ([POOR, POOR, GOOD], Continue()),
        ([GOOD, POOR, POOR], Continue()),
        ([GOOD, POOR, POOR, POOR], Backtrack(1)),
        ([POOR, POOR, POOR], Backtrack(None)),
        ([GOOD, GOOD, POOR, POOR, POOR], Backtrack(2)),
    ],
)
def test_a_bad_stretch_leads_back_to_the_best_step(steps, expected):
    steps = chain(*steps)
    assert decide(steps, steps[-1].n if steps else None, THREE) == expected


def test_after_a_backtrack_the_count_starts_from_the_target():
    steps = chain(GOOD, POOR, POOR, POOR)
    assert decide(steps, 1, THREE) == Continue()
    assert decide([*steps, step(5, 1.0, error=True, parent=1)], 5, THREE) == Continue()


def test_the_limit_counts_every_step_and_finish_ends_the_run():
    assert decide(chain(*[GOOD] * 8), 8, FIXED) == Stop("step limit")
    assert decide([step(1, signal="finish")], 1, FIXED) == Stop("finished")


def test_the_token_budget_ends_a_run_before_the_next_step():
    steps = [replace(step(n), usage=Usage(completion_tokens=400)) for n in (1, 2, 3)]
    rules = replace(FIXED, token_budget=1200)
    assert decide(steps[:2], 2, rules) == Continue()
    assert decide(steps, 3, rules) == Stop("token budget")


def test_both_scores_count_alike_and_only_the_reference_looks_at_functions_first():
    steps = [step(1, 4.0, functionality=3.0), step(2, 3.0, functionality=3.5)]
    assert best_step(steps, FIXED).n == 1
    assert best_step(steps, FAITHFUL).n == 2


def test_best_is_functionality_then_appearance_then_the_later_step():
    steps = [
        step(1, 5.0, functionality=2.0),
        step(2, 3.0, functionality=4.0),
        step(3, 3.5, functionality=4.0),
        step(4, 3.5, functionality=4.0),
    ]
    assert best_step(steps, FIXED).n == 4
    assert best_step(steps[:2], FIXED).n == 2


def test_a_measured_score_beats_an_unmeasured_one_and_only_faithful_reads_null_as_zero():
    steps = [step(1, 4.0, functionality=0.0), step(2, 4.5)]
    assert best_step(steps, FIXED).n == 1
    assert best_step(steps, FAITHFUL).n == 2


def test_an_error_step_is_best_only_if_nothing_else_shows_a_page():
    assert best_step([step(1, 2.9), step(2, 4.0, error=True), step(3, 3.0)], FIXED).n == 3
    assert best_step([step(1, 2.0, error=True), step(2, 2.5)], FIXED).n == 2
    assert best_step([step(1, 0.0, error=True), step(2, 0.0, error=True, stage="build")], FIXED) is None
    assert best_step([], FIXED) is None


def test_a_rejected_repair_is_never_delivered():
    assert deliverable([step(1, 3.5), step(2, 4.5, verdict="rejected")], FIXED).n == 1


def scores(value):
    return Scores(Grade(value, "", "rules@1"), Grade(None, "", "none"))


def test_the_word_error_in_a_log_is_an_error_only_for_the_reference():
    harmless = Observation("done", log="built with 0 errors; error-ex@1.3.2")
    assert not is_error(harmless, scores(4.0), FIXED)
    assert is_error(harmless, scores(4.0), FAITHFUL)


@pytest.mark.parametrize(("value", "fixed", "faithful"), [(2.0, True, True), (2.1, False, False), (None, False, True)])
def test_a_poor_look_is_an_error_step(value, fixed, faithful):
    assert is_error(Observation("done"), scores(value), FIXED) is fixed
    assert is_error(Observation("done"), scores(value), FAITHFUL) is faithful
