from __future__ import annotations

from dataclasses import replace

import pytest
from bench_lines import BRIEF, SITE, Answers, Scripted, made_step

from appliance.bench.measure import is_valid, make_site, measure_site
from appliance.bench.modes import ABLATION, LIFT, read_modes
from appliance.decide import FIXED
from appliance.errors import UsageError
from appliance.steps import Finding


def test_the_three_modes_of_the_lift_are_measured_on_the_steps_that_each_would_deliver():
    loop = [
        made_step(1, 3.0, 500, function=1.0),
        made_step(2, 3.5, 500, function=1.0),
        made_step(3, 3.5, 400, kind="repair", function=4.0, parent=2),
        made_step(4, 3.9, 100, kind="repair", function=5.0, parent=3, verdict="rejected"),
    ]
    maker = Scripted(loop, [made_step(1, 2.5, 450, function=1.0)])
    table = {"snap1": ("NO", "NO"), "snap2": ("NO", "PARTIAL"), "snap3": ("YES", "PARTIAL")}
    sites, cases = measure_site(SITE, 1, LIFT, maker, FIXED, Answers(table))
    assert maker.further == [1], "500 tokens of repairs are one more draft of 500"
    assert maker.asked == ["loop"], "all three come from one run"
    assert [(line.mode, line.step, line.accuracy, line.tokens) for line in sites] == [
        ("one-shot", 1, 0.0, 500),
        ("drafts", 2, 0.25, 1450),
        ("loop", 3, 0.75, 1500),
    ]
    assert all(line.valid and line.console_clean for line in sites)
    assert [(case.category, case.task, case.judge) for case in cases[:2]] == [
        ("F", "Order bread.", "table"),
        ("D", "Look at the colours.", "table"),
    ]


def test_one_shot_alone_is_a_run_of_its_own():
    maker = Scripted([], **{"one-shot": [made_step(1, 3.0, 500)]})
    sites, _ = measure_site(SITE, 1, ("one-shot",), maker, FIXED, Answers({"snap1": ("YES", "YES")}))
    assert (maker.asked, sites[0].accuracy) == (["one-shot"], 1.0)


def test_the_rows_of_the_ablation_deliver_the_last_step_and_only_the_last_row_selects_the_best():
    steps = [made_step(1, 4.0, 100, kind="build"), made_step(2, 2.5, 100, kind="build", parent=1)]
    maker = Scripted([], **{kind: steps for kind in ABLATION[:-1]})
    judge = Answers({"snap1": ("YES", "YES"), "snap2": ("NO", "YES")})
    sites, _ = measure_site(SITE, 1, ABLATION, maker, FIXED, judge)
    assert [(line.mode, line.step) for line in sites] == [*((mode, 2) for mode in ABLATION[:-1]), ("select-best", 1)]
    assert maker.asked == list(ABLATION[:-1]), "selecting the best needs no run of its own"


def test_where_no_step_shows_a_page_every_case_is_no_and_nobody_is_asked():
    blank = replace(made_step(1, 0.0, 300), has_error=True)
    judge = Answers({})
    sites, cases = measure_site(SITE, 1, LIFT, Scripted([blank]), FIXED, judge)
    assert [(line.step, line.accuracy, line.valid, line.appearance) for line in sites] == [(None, 0.0, False, 0)] * 3
    assert {(case.verdict, case.evidence) for case in cases} == {("NO", "start failed: no step shows a page")}
    assert judge.judged == []


def test_the_same_page_is_judged_once():
    one = made_step(1, 3.0, 500)
    judge = Answers({"snap1": ("YES", "NO")})
    sites, _ = measure_site(SITE, 1, LIFT, Scripted([one]), FIXED, judge)
    assert (judge.judged, len(sites)) == (["snap1"], 3)


def test_making_ahead_asks_for_the_same_runs_as_measuring():
    loop = [made_step(1, 3.0, 500), made_step(2, 3.0, 500, kind="repair", parent=1)]
    maker = Scripted(loop, [made_step(1, 2.5, 450)])
    make_site(SITE, 1, LIFT, maker, FIXED)
    assert (maker.asked, maker.further) == (["loop"], [1])


def test_a_page_that_does_not_speak_of_the_brief_is_no_valid_render():
    good = made_step(1, 4.0, 1)
    assert is_valid(good, BRIEF)
    audit = good.observation.audit
    for spoiled in (replace(audit, text_chars=40), replace(audit, words="Welcome to my website, enjoy your stay")):
        assert not is_valid(replace(good, observation=replace(good.observation, audit=spoiled)), BRIEF)


@pytest.mark.parametrize("kind", ["exception", "console-error", "request-failed"])
def test_a_console_that_complains_is_not_clean(kind):
    loud = made_step(1, 3.0, 5)
    audit = replace(loud.observation.audit, findings=(Finding(kind, "/", "boom", "serious"),))
    loud = replace(loud, observation=replace(loud.observation, audit=audit))
    sites, _ = measure_site(SITE, 1, ("loop",), Scripted([loud]), FIXED, Answers({"snap1": ("NO", "NO")}))
    assert sites[0].console_clean is False


def test_modes_are_read_by_name_and_in_one_order():
    assert read_modes("loop, one-shot") == ("one-shot", "loop")
    assert read_modes("lift") == LIFT
    assert read_modes("ablation,loop") == ("loop", *ABLATION)
    for wrong, said in (("loops", "no mode loops"), ("", "Name a mode"), ("drafts", "measure `loop` beside")):
        with pytest.raises(UsageError, match=said):
            read_modes(wrong)
