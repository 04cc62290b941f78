from __future__ import annotations

from dataclasses import replace

import pytest
from builders import audit

from appliance.coverage import covered, named_share, stems
from appliance.steps import ChecklistItem, Finding, Heading

SEEN = ChecklistItem("Look for consolidated reports.", "", "data-display", "shows-text", "consolidated reports")
DRAWN = ChecklistItem("Look for charts on the page.", "", "data-display", "shows-text", "charts")
DONE = ChecklistItem("Manage user information.", "", "functional", "none")


def page(*headings, words=""):
    return replace(audit(), outline=headings, words=words)


def test_words_are_compared_without_endings_and_without_those_that_say_nothing():
    assert stems("Browsing the policies and configuring reports") == ("policy", "configur", "report")
    assert named_share(stems("sales reports"), "Our report of the year") == 0.5


@pytest.mark.parametrize(
    ("item", "headings", "words", "answer"),
    [
        (SEEN, [Heading(2, "Consolidated report", 200, 6, 0)], "", "YES"),
        (SEEN, [Heading(2, "Consolidated report", 10, 1, 0)], "Consolidated report", "unjudged"),
        (SEEN, [Heading(1, "Consolidated reports", 900, 40, 3)], "Consolidated reports", "unjudged"),
        (SEEN, [Heading(2, "Our team", 900, 40, 0)], "Our team bakes", "NO"),
        (DRAWN, [Heading(2, "Charts", 200, 6, 0)], "Charts", "NO"),
        (DRAWN, [Heading(2, "Sales by month", 200, 6, 0, figures=1)], "", "YES"),
        (DONE, [Heading(2, "Manage users", 80, 5, 4)], "", "PARTIAL"),
        (DONE, [Heading(2, "Manage users", 80, 5, 0)], "Manage users", "unjudged"),
        (DONE, [], "Bread and cake", "NO"),
    ],
)
def test_only_a_filled_section_that_names_the_thing_counts(item, headings, words, answer):
    verdict = covered(3, item, page(*headings, words=words))
    assert (verdict.item, verdict.answer, verdict.judge) == (3, answer, "audit@1")


def test_below_a_heading_filler_proves_nothing():
    filled = page(Heading(2, "Consolidated report", 200, 6, 0), words="Consolidated report")
    assert covered(0, SEEN, replace(filled, findings=(Finding("placeholder-text", "p", "lorem"),))).answer == "unjudged"


def test_a_deed_is_never_proven_by_words():
    boast = Heading(2, "Manage user information: works perfectly, 5 of 5", 900, 40, 9)
    assert covered(0, DONE, page(boast, words=boast.text)).answer == "PARTIAL"
