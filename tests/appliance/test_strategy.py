from __future__ import annotations

from dataclasses import replace

import pytest
from builders import step
from hypothesis import given
from hypothesis import strategies as st

from appliance.decide import FIXED
from appliance.findings import FILLER, NUMBERED, finding_key
from appliance.profiles import load_profiles
from appliance.steps import Backtrack, ChecklistItem, Finding, Stop, Verdict
from appliance.strategy import Draft, Mend, Turn, next_move, owes_words

SMALL, STRONG = load_profiles()["small"], load_profiles()["strong"]
OVERFLOW = Finding("overflow", "table", "18 px too wide")
THROWS = Finding("exception", "index.html:9", "x is not defined", "error")


def draft(n, appearance=4.0, **more):
    return step(n, appearance, kind="draft", **more)


def move(steps, tip, drafts=3):
    return next_move(steps, tip, SMALL, drafts, FIXED)


def test_a_strong_model_just_goes_on():
    assert next_move([], None, STRONG, 1, FIXED) == Turn()


def test_drafts_come_first_then_the_best_of_them_is_taken_up():
    assert move([], None) == Draft((1, 2, 3))
    assert move([draft(1)], None) == Draft((2, 3))
    assert move([draft(1), draft(2, 4.5), draft(3)], None) == Backtrack(2)


def test_when_no_draft_shows_a_page_there_is_another_batch():
    blank = [draft(n, 0.0, error=True) for n in (1, 2, 3)]
    assert move(blank, None) == Draft((4, 5, 6))
    assert move([*blank, draft(4, 2.5, error=True), draft(5, 0.0), draft(6, 0.0)], None) == Backtrack(4)


def test_one_finding_at_a_time_the_most_urgent_first():
    steps = [draft(1, findings=(OVERFLOW, THROWS))]
    assert move(steps, 1, 1) == Mend((THROWS,))


def test_findings_of_one_kind_are_mended_together():
    pale = [Finding("contrast", f"p{n}", "2:1") for n in range(9)]
    assert move([draft(1, findings=(*pale, OVERFLOW))], 1, 1) == Mend((OVERFLOW,))
    assert move([draft(1, findings=tuple(pale))], 1, 1) == Mend(tuple(pale[:6]))


def test_a_finding_that_two_repairs_did_not_mend_is_left_alone():
    tried = [
        step(n, parent=1, kind="repair", verdict="rejected", finding_key="exception index.html x is not defined")
        for n in (2, 3)
    ]
    assert move([draft(1, findings=(OVERFLOW, THROWS)), *tried], 1, 1) == Mend((OVERFLOW,))
    assert move([draft(1)], 1, 1) == Stop("nothing left to mend")


def test_repairs_of_a_page_that_stays_faulty_are_no_bad_stretch():
    """The best of such drafts was taken up and left again for ever."""
    poor = draft(1, 1.9, error=True, findings=(OVERFLOW,))
    better = [
        step(n, 1.9, parent=n - 1, kind="repair", verdict="kept", error=True, findings=(OVERFLOW,)) for n in range(2, 7)
    ]
    assert move([poor, *better], 6, 1) == Mend((OVERFLOW,))


@given(
    st.lists(st.tuples(st.integers(0, 4).map(bool), st.sampled_from((0.0, 1.9, 4.0)), st.booleans()), max_size=12),
    st.booleans(),
)
def test_whatever_the_steps_are_a_run_goes_back_twice_at_most_before_it_does_something(kinds, is_poor):
    steps = []
    for n, (repairs, appearance, faulty) in enumerate(kinds, 1):
        more = {"kind": "repair", "parent": n - 1} if repairs and n > 1 else {"kind": "draft"}
        one = step(n, appearance, error=faulty, findings=(OVERFLOW,), **more)
        steps.append(replace(one, has_error=one.has_error or is_poor))
    for profile in (SMALL, STRONG):
        tip = len(steps) or None
        for _ in range(3):
            now = next_move(steps, tip, profile, 1, FIXED)
            if not isinstance(now, Backtrack):
                break
            tip = now.to
        assert not isinstance(now, Backtrack), (profile.strategy, now)


def test_a_page_without_a_fault_gets_the_judges_suggestion_twice():
    thin = step(1, kind="draft")
    grade = replace(thin.scores.appearance, suggestion="Add more sections.")
    thin = replace(thin, scores=replace(thin.scores, appearance=grade))
    wish = Finding("suggestion", "", "Add more sections.", "minor")
    assert move([thin], 1, 1) == Mend((wish,))
    tried = [step(n, parent=1, kind="repair", verdict="rejected", finding_key="suggestion ") for n in (2, 3)]
    assert move([thin, *tried], 1, 1) == Stop("nothing left to mend")


def test_steps_that_are_left_go_to_the_next_best_draft_unless_the_best_page_has_no_fault():
    others = [draft(2, 2.0, error=True, findings=(THROWS,)), draft(3, 1.0)]
    tried = [step(n, parent=1, kind="repair", verdict="rejected", finding_key=finding_key(OVERFLOW)) for n in (4, 5)]
    assert move([draft(1, 4.0, findings=(OVERFLOW,)), *others, *tried], 1) == Backtrack(2)
    assert move([draft(1, 4.0), *others], 1) == Stop("nothing left to mend")


def test_a_small_fault_that_only_an_edit_could_mend_is_let_be_and_is_no_reason_to_start_anew():
    twice = Finding("duplicate-id", "#price", "3 elements have the id price", "minor")
    assert move([draft(1, findings=(twice,)), draft(2, 3.0)], 1, 2) == Stop("nothing left to mend")
    small = Finding("spill", "p", "text sticks out", "minor")
    assert move([draft(1, findings=(twice, small))], 1, 1) == Mend((small,))


def test_eight_rejected_repairs_lead_to_the_next_best_draft():
    rules = replace(FIXED, steps=20)
    drafts = [draft(1, 4.5, findings=(OVERFLOW,)), draft(2, 3.0), draft(3, 4.0)]
    bad = [step(n, parent=1, kind="repair", verdict="rejected") for n in range(4, 12)]
    assert next_move([*drafts, *bad], 1, SMALL, 3, rules) == Backtrack(3)
    assert next_move([drafts[0], *bad], 1, SMALL, 1, rules) == Stop("no repair helped")


ITEMS = (
    ChecklistItem("Look for the team.", "", "data-display", "shows-text", "team"),
    ChecklistItem("Search the bread.", "", "functional", "search", "bread"),
    ChecklistItem("Look at the colours.", "", "design", "colour", "teal"),
)


def judged(*answers, findings=()):
    made = draft(1, findings=findings)
    verdicts = tuple(Verdict(n, answer, "explorer@1", "seen") for n, answer in enumerate(answers))
    return replace(made, observation=replace(made.observation, verdicts=verdicts))


def aimed_at(step_):
    move = next_move([step_], 1, SMALL, 1, FIXED, ITEMS)
    return move.findings[0].place if isinstance(move, Mend) else move


def test_what_the_checklist_refutes_comes_after_exceptions_and_before_the_look():
    assert aimed_at(judged("YES", "NO", "YES", findings=(OVERFLOW,))) == "item 1"
    assert aimed_at(judged("YES", "NO", "YES", findings=(OVERFLOW, THROWS))) == "index.html:9"


def test_a_section_that_was_kept_and_did_not_do_what_was_asked_was_a_try_too():
    steps = [judged("YES", "NO", "YES")]
    for n in (2, 3):
        assert next_move(steps, n - 1, SMALL, 1, FIXED, ITEMS).findings[0].place == "item 1"
        steps.append(replace(steps[0], n=n, parent=n - 1, kind="repair", finding_key="checklist item 1"))
    assert next_move(steps, 3, SMALL, 1, FIXED, ITEMS) == Stop("nothing left to mend")


def test_what_nobody_could_judge_comes_last_and_design_is_never_a_section():
    assert aimed_at(judged("unjudged", "YES", "YES", findings=(OVERFLOW,))) == "table"
    assert aimed_at(judged("unjudged", "YES", "unjudged")) == "item 0"
    assert aimed_at(judged("YES", "YES", "unjudged")) == Stop("nothing left to mend")


def test_a_third_draft_is_not_worked_on():
    rejected = [step(n, parent=1, kind="repair", verdict="rejected", finding_key=f"k{n}") for n in (4, 5)]
    others = [step(n, parent=2, kind="repair", verdict="rejected", finding_key=f"k{n}") for n in (6, 7)]
    pale = (Finding("contrast", "p", "2:1"),)
    drafts = [draft(1, findings=pale), draft(2, 3.9, findings=pale), draft(3, 3.8, findings=pale)]
    tried = [replace(one, finding_key=finding_key(pale[0])) for one in (*rejected, *others)]
    assert next_move([*drafts, *tried[:2]], 1, SMALL, 3, FIXED) == Backtrack(2)
    assert next_move([*drafts, *tried], 2, SMALL, 3, FIXED) == Stop("nothing left to mend")
    assert next_move([*drafts, *tried], 2, SMALL, 3, replace(FIXED, starts=3)) == Backtrack(3)


@pytest.mark.parametrize(
    ("kinds", "functionality", "owes"),
    [
        ((FILLER, NUMBERED, "contrast"), 3.1, True),
        ((FILLER, "contrast", "contrast"), 3.1, False),  # one place more is hard to read
        ((FILLER,), 3.0, False),  # it does no more than before
        ((), None, False),
    ],
)
def test_a_step_that_does_more_may_owe_words_but_nothing_else(kinds, functionality, owes):
    before = step(1, functionality=3.0, findings=[Finding("contrast", "h1", "grey")])
    after = step(2, 2.4, functionality=functionality, findings=[Finding(kind, "p", "said") for kind in kinds])
    assert owes_words(after, before) is owes
