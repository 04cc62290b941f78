"""The picture of scores and tries, from made-up steps."""

from __future__ import annotations

import pytest

from appliance.steps import Grade, Observation, Scores, Step, Usage
from web_ui.timeline import height_of, timeline


def step(n, parent=None, looks=3.0, works=2.0, *, verdict="kept", error=""):
    scores = Scores(Grade(looks, "", "rules@1"), Grade(works, "", "explorer@1"))
    return Step(
        n=n,
        kind="build",
        parent=parent,
        snapshot=f"s{n}",
        observation=Observation("page" if error else "done", error=error),
        scores=scores,
        usage=Usage(),
        has_error=bool(error),
        verdict=verdict,
    )


STEPS = [step(1), step(2, error="it throws"), step(3, 1, verdict="rejected"), step(4, 1), step(5, 2), step(6, 4, None)]


def test_what_became_of_each_step():
    found = {mark.n: mark.standing for mark in timeline(STEPS, 4).marks}
    assert found == {1: "kept", 2: "failed", 3: "rejected", 4: "best", 5: "left", 6: "left"}


def test_the_line_leads_from_the_start_to_the_best():
    drawing = timeline(STEPS, 4)
    at = {mark.n: mark for mark in drawing.marks}
    assert drawing.best == at[4]
    assert drawing.looks == f"{at[1].x},{at[1].looks} {at[4].x},{at[4].looks}"
    assert at[1].y == at[4].y == min(mark.y for mark in drawing.marks)


def test_a_score_that_was_not_measured_is_not_drawn():
    assert timeline(STEPS, 4).marks[5].looks is None
    assert height_of(None) is None
    assert height_of(5.0) < height_of(0.0)


def test_branches_do_not_run_over_each_other():
    """No two steps stand in one place, and no edge runs through a step of another branch."""
    many = [step(1), *[step(n, 1, verdict="rejected") for n in range(2, 8)], step(8, 1), step(9, 3), step(10, 8)]
    marks = timeline(many, 10).marks
    assert len({(mark.x, mark.y) for mark in marks}) == len(marks)
    by_n = {mark.n: mark for mark in marks}
    for one in many:
        if one.parent is None:
            continue
        mark, parent = by_n[one.n], by_n[one.parent]
        between = [other.n for other in marks if other.y == mark.y and parent.x < other.x < mark.x]
        one_line = [{1, 8, 10}, {2, 4, 5, 6, 7}]  # the best one's, and the single tries from step 1
        assert all(any({one.n, other} <= line for line in one_line) for other in between)


@pytest.mark.parametrize("count", [0, 1, 200])
def test_any_number_of_steps(count):
    drawing = timeline([step(n, n - 1 if n > 1 else None) for n in range(1, count + 1)], count or None)
    assert len(drawing.marks) == count
    assert all(mark.x < drawing.width and mark.y < drawing.height for mark in drawing.marks)
