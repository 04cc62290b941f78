"""How facts and the checklist become one grade."""

from __future__ import annotations

import pytest

from appliance.grading import with_checklist
from appliance.steps import Grade, Verdict

FACTS = Grade(4.0, "4 of 5 facts hold.", "explorer@1")


def score(*answers, facts=FACTS):
    return with_checklist(facts, [Verdict(n, answer, "x", "") for n, answer in enumerate(answers)]).score


def test_half_facts_half_the_share_of_the_checklist_that_is_proven():
    assert score("YES", "PARTIAL", "NO", "unjudged") == pytest.approx((4.0 + 5 * 1.5 / 4) / 2, abs=0.01)


def test_showing_half_of_an_item_for_the_first_time_raises_the_grade():
    assert score("YES", "YES", "PARTIAL") > score("YES", "YES", "unjudged")
    assert score("YES", "YES", "YES") > score("YES", "YES", "PARTIAL")


def test_where_nobody_could_judge_anything_facts_alone_count():
    assert score("unjudged", "unjudged") == 4.0
    assert score() == 4.0


def test_a_page_with_nothing_to_use_is_graded_by_the_checklist_alone():
    nothing = Grade(None, "nothing to use", "explorer@1")
    assert score("YES", "NO", facts=nothing) == 2.5
