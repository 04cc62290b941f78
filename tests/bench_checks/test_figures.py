from __future__ import annotations

from dataclasses import replace

import pytest
from bench_lines import SETTING, lines

from appliance.bench.figures import by_mode, compared, figures, losses
from appliance.bench.lift import lift, readable
from appliance.bench.page import report_page
from appliance.bench.results import CaseLine, Results
from appliance.bench.summary import against_other, readable_summary, summary
from appliance.errors import UsageError


def collected(*measured):
    return [line for sites, _ in measured for line in sites], [line for _, cases in measured for line in cases]


def loop_of(*measured):
    return by_mode(*collected(*measured))["loop"]


def test_the_figures_of_the_lift_compare_by_site_and_say_how_sure_they_are():
    sites, cases = collected(*(lines(name, 1, one_shot=0.0, drafts=0.5, loop=1.0) for name in "abcd"))
    found = lift(sites, cases, {"model": "m", "token_budget": 10_000})
    assert (found["one_shot_accuracy"], found["loop_accuracy"], found["lift"]) == (0.0, 1.0, None)
    assert found["interval"] == [1.0, 1.0]
    assert found["difference_to_drafts"] == 0.5
    assert found["valid_render"] == 1.0
    assert 0.4 < found["valid_render_bound"] < 0.6
    assert "| a | 1 | loop | 100 % |" in readable(found, sites)


def test_accuracy_counts_as_the_benchmark_does():
    sites, _ = lines("a", 1, loop=0.5)
    cases = [CaseLine("a", 1, "loop", n, answer, "", "F") for n, answer in enumerate(("YES", "PARTIAL", "NO", "NO"))]
    failed = replace(sites[0], site="b", step=None, appearance=0.0, valid=False, console_clean=None)
    lost = [CaseLine("b", 1, "loop", 0, "NO", "start failed: no step shows a page", "D")]
    found = figures(by_mode([*sites, failed], [*cases, *lost])["loop"])
    assert found["accuracy"] == 0.3, "(1 + ½) / 5"
    assert (found["yes"], found["partial"], found["no"], found["start_failed"]) == (0.2, 0.2, 0.6, 0.5)
    assert found["appearance"] == 1.5, "a missing grade is 0"
    assert found["by_case_category"] == {"D": 0.0, "F": 0.375}
    assert found["watt_hours"] is None, "not metered is not 0"


def test_energy_is_the_mean_of_what_was_metered():
    (one,), cases = lines("a", 1, loop=1.0)
    assert figures(by_mode([replace(one, watt_hours=2.0), replace(one, site="b")], cases)["loop"])["watt_hours"] == 2.0


def test_two_measurements_are_compared_on_what_both_have():
    mine = loop_of(lines("a", 1, loop=1.0), lines("b", 1, loop=1.0), lines("c", 1, loop=0.0))
    theirs = loop_of(lines("a", 1, loop=0.0), lines("b", 1, loop=1.0), lines("c", 2, loop=1.0))
    found = compared(mine, theirs)
    assert (found["sites"], found["accuracy"], found["better"], found["same"], found["worse"]) == (2, 0.5, 1, 1, 0)
    with pytest.raises(UsageError, match="no site with the same seed"):
        compared(mine, loop_of(lines("z", 1, loop=1.0)))


def test_where_points_are_lost_is_sorted_by_what_it_costs():
    cases = [
        CaseLine("a", 1, "loop", 0, "NO", "no button adds one", "F"),
        CaseLine("a", 1, "loop", 1, "NO", "no list", "F"),
        CaseLine("a", 1, "loop", 2, "PARTIAL", "one of two colours", "D"),
        CaseLine("a", 1, "loop", 3, "YES", "fine", "D"),
        CaseLine("b", 1, "loop", 0, "NO", "start failed: no step shows a page", "F"),
        CaseLine("b", 1, "loop", 1, "NO", "no verdict: the model went round in circles", "F"),
    ]
    found = losses(by_mode(lines("a", 1, loop=0.4)[0], cases)["loop"])
    assert [(row["why"], row["cases"], row["points"]) for row in found] == [
        ("F: not met", 2, 0.3333),
        ("no step shows a page", 1, 0.1667),
        ("the judge came to no verdict", 1, 0.1667),
        ("D: in part", 1, 0.0833),
    ]
    assert found[0]["example"] == "a case 0: no button adds one"


@pytest.fixture
def measured(tmp_path):
    results = Results(tmp_path / "mine")
    results.begin(SETTING)
    for name in "ab":
        sites, cases = lines(name, 1, one_shot=0.0, loop=1.0)
        results.add(sites, [replace(case, evidence="<script>alert(1)</script>") for case in cases])
    return results


def test_the_summary_names_the_judge_and_sets_one_shot_beside_every_claim(measured):
    found = summary(measured)
    assert found["judge"] == "checks"
    assert found["against_one_shot"]["loop"]["accuracy"] == 1.0
    assert "lift" not in found, "only with drafts beside it"
    with pytest.raises(UsageError, match="no finished site"):
        summary(Results(measured.folder / "empty"))


def test_the_summary_of_any_modes_is_written_as_a_page(measured):
    page = readable_summary(summary(measured), measured.finished())
    assert "| | one-shot | loop |" in page
    assert "| accuracy | 0 | 1 |" in page
    assert "loop less one shot, by site: 100.0 to 100.0 % (95 %), better on 2, the same on 0, worse on 0." in page
    assert "| b | 1 | loop | 100 % |" in page
    unnamed = {**summary(measured), "setting": None}
    assert "Model not recorded" in readable_summary(unnamed, measured.finished())


def test_a_judge_that_the_loop_hears_is_told(tmp_path):
    results = Results(tmp_path)
    results.begin(replace(SETTING, judge="gui:m", held_out=False))
    results.add(*lines("a", 1, one_shot=0.0, loop=1.0))
    assert summary(results)["judge"] == "gui:m, not held out"


def test_two_folders_without_a_common_mode_are_refused(measured, tmp_path):
    other = Results(tmp_path / "other")
    other.begin(replace(SETTING, modes=("faithful",)))
    other.add(*lines("a", 1, faithful=1.0))
    with pytest.raises(UsageError, match="no mode in common"):
        against_other(measured, other)


def test_the_page_is_complete_in_itself_and_runs_nothing(measured):
    page = report_page(measured, measured)
    assert "<script" not in page.replace("&lt;script", "")
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    for said in ("Against one shot", "Against mine", "Where points are lost", "100.0 %", "not metered"):
        assert said in page
