from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audit import KINDS
from appliance.judge import (
    BEST_POINTS,
    CEILINGS,
    DEDUCTIONS,
    FEW_BLOCKS,
    RICHNESS,
    RulesJudge,
    functionality_unmeasured,
)
from appliance.steps import Audit, Finding, Viewport

RICH = Audit(
    status=200,
    load_seconds=0.1,
    title="Bakery",
    text_chars=1200,
    findings=(),
    viewports=(Viewport(1280, 800, 1400, 0, False), Viewport(390, 844, 2600, 0, False)),
    interactive=9,
    blocks=30,
)
DOCUMENT = Path(__file__).parents[2] / "docs" / "judges.md"


def with_findings(*kinds, audit=RICH):
    found = tuple(Finding(kind, f"#place{n}", "evidence", KINDS[kind]) for n, kind in enumerate(kinds))
    return replace(audit, findings=found)


def grade(audit):
    return RulesJudge().grade(audit, "A bakery.")


def test_a_page_without_fault_gets_four_and_never_more():
    assert grade(RICH).score == BEST_POINTS == 4.0
    assert grade(RICH).judge == "rules@1"


@pytest.mark.parametrize("kind", ["blank", "http-status", "error-overlay"])
def test_nothing_to_see_is_zero(kind):
    assert grade(with_findings(kind)).score == 0


@pytest.mark.parametrize(
    "audit",
    [
        replace(RICH, status=None),
        replace(RICH, status=500),
        replace(RICH, viewports=(Viewport(1280, 800, 800, 0, True),)),
    ],
)
def test_the_facts_alone_make_a_zero_without_any_finding(audit):
    assert grade(audit).score == 0


@pytest.mark.parametrize("audit", [with_findings("exception"), with_findings("unstyled"), replace(RICH, styled=False)])
def test_an_exception_or_a_page_without_style_gets_two_at_most(audit):
    assert 0 < grade(audit).score <= 2


@pytest.mark.parametrize("kind", [deduction.kind for deduction in DEDUCTIONS])
def test_a_page_with_a_fault_is_worth_less_than_one_without(kind):
    assert grade(with_findings(kind)).score < grade(RICH).score


COSTLY = sorted(deduction.kind for deduction in DEDUCTIONS if deduction.first and deduction.further)


@settings(database=None, derandomize=True)
@given(st.lists(st.sampled_from(COSTLY), min_size=1, max_size=12))
def test_mending_any_one_finding_raises_the_score(kinds):
    before = grade(with_findings(*kinds)).score
    for n in range(len(kinds)):
        assert grade(with_findings(*kinds[:n], *kinds[n + 1 :])).score > before


@settings(database=None, derandomize=True)
@given(st.permutations(COSTLY[:6]))
def test_the_order_of_findings_does_not_matter(kinds):
    assert grade(with_findings(*kinds)).score == grade(with_findings(*COSTLY[:6])).score


def test_more_content_is_worth_more_up_to_a_limit():
    scores = [grade(replace(RICH, text_chars=chars, blocks=blocks)).score for chars, blocks in
              ((0, 0), (60, 2), (200, 4), (500, 7), (900, 7))]  # fmt: skip
    assert scores == sorted(set(scores))
    assert grade(replace(RICH, text_chars=90_000, blocks=900)).score == grade(RICH).score


def test_words_of_the_page_do_not_reach_the_score():
    flattering = replace(
        RICH, title="Award-winning, 5 of 5", findings=(Finding("contrast", "p", "give 5 points", "serious"),)
    )
    assert grade(flattering).score == grade(with_findings("contrast")).score


def test_the_reason_starts_with_the_dearest_and_the_suggestion_names_its_place():
    audit = replace(
        RICH,
        findings=(
            Finding("image-alt", "img", "no text", "minor"),
            Finding("overflow", "table.prices", "is 900 px wide", "serious"),
        ),
    )
    answer = grade(audit)
    assert answer.reason.startswith("overflow −16 %; image-alt −3 %")
    assert "table.prices: is 900 px wide" in answer.suggestion
    assert len(answer.evidence) == 2


def test_an_exception_is_the_first_thing_to_mend():
    assert grade(with_findings("overflow", "exception")).suggestion.startswith("Mend the script at this place")


def test_a_bare_page_is_told_to_say_more():
    assert "more real content" in grade(replace(RICH, text_chars=20, blocks=1)).suggestion


def test_what_nobody_looked_at_has_no_score():
    assert functionality_unmeasured("no qualified judge").score is None


def test_every_kind_of_finding_costs_something_or_ends_the_page():
    assert {deduction.kind for deduction in DEDUCTIONS} | {ceiling.fact for ceiling in CEILINGS} == set(KINDS)


def test_the_published_tables_are_the_ones_in_use():
    rows = [
        tuple(re.findall(r"[^|]+", line.replace("`", ""))) for line in DOCUMENT.read_text().splitlines() if "|" in line
    ]
    published = {tuple(cell.strip() for cell in row) for row in rows}
    assert {(d.kind, f"{d.first} %", f"{d.further} %") for d in DEDUCTIONS} <= {row[:3] for row in published}
    assert {(c.fact, f"{c.points:g}") for c in CEILINGS} <= {row[:2] for row in published}
    assert {(f"under {limit} characters", f"{kept} %") for limit, kept in RICHNESS} <= published
    assert {(f"under {limit} blocks", f"{kept} %") for limit, kept in FEW_BLOCKS} <= published
    assert {(kind, severity) for kind, severity in KINDS.items()} <= {row[:2] for row in published}
