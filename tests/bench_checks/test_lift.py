from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "appliance"))

import builders
import msgspec
import pytest

from appliance.bench.checks import CheckVerdict, load_checks
from appliance.bench.lift import CaseLine, Made, Results, SiteLine, is_valid, lift, measure_site, plan, readable
from appliance.bench.made_by import code_digest
from appliance.decide import FIXED
from appliance.steps import Usage

BRIEF = "A bakery page with bread, orders and opening hours."


def made_step(n, appearance, tokens, *, kind="draft", function=None, **more):
    made = builders.step(n, appearance, functionality=function, kind=kind, **more)
    seen = replace(made.observation.audit, text_chars=400, words="Bread and orders in our bakery, opening hours")
    return replace(made, usage=Usage(completion_tokens=tokens), observation=replace(made.observation, audit=seen))


class Scripted:
    """A maker whose runs are given; remembers how many further drafts it was asked for."""

    def __init__(self, loop, extra=()):
        self.steps, self.extra, self.asked = tuple(loop), tuple(extra), []

    def loop(self, brief, seed):
        return Made("loop", self.steps, lambda step: {"index.html": step.snapshot.encode()}, 100.0)

    def drafts(self, brief, seed, count):
        self.asked.append(count)
        return Made("more", self.extra, lambda step: {"index.html": b"more " + step.snapshot.encode()}, 30.0)


@pytest.fixture
def site():
    shipped = next(iter(load_checks().values()))
    return msgspec.structs.replace(shipped, case=shipped.case[:2])


def answers(table):
    def measure(files, site):
        first, second = table[files["index.html"].decode()]
        return [CheckVerdict(0, first, "seen"), CheckVerdict(1, second, "seen")]

    return measure


def test_the_three_modes_are_measured_on_the_steps_that_each_would_deliver(site):
    loop = [
        made_step(1, 3.0, 500, function=1.0),
        made_step(2, 3.5, 500, function=1.0),
        made_step(3, 3.5, 400, kind="repair", function=4.0, parent=2),
        made_step(4, 3.9, 100, kind="repair", function=5.0, parent=3, verdict="rejected"),
    ]
    maker = Scripted(loop, [made_step(1, 2.5, 450, function=1.0)])
    table = {"snap1": ("NO", "NO"), "snap2": ("NO", "PARTIAL"), "snap3": ("YES", "PARTIAL")}
    sites, cases = measure_site(site, BRIEF, 1, maker, FIXED, answers(table))
    assert maker.asked == [1], "500 tokens of repairs are one more draft of 500"
    assert [(line.mode, line.step, line.accuracy, line.tokens) for line in sites] == [
        ("one-shot", 1, 0.0, 500),
        ("drafts", 2, 0.25, 1450),
        ("loop", 3, 0.75, 1500),
    ]
    assert all(line.valid for line in sites)
    assert len(cases) == 6


def test_where_no_step_shows_a_page_every_case_is_no(site):
    blank = replace(made_step(1, 0.0, 300), has_error=True)
    sites, cases = measure_site(site, BRIEF, 1, Scripted([blank]), FIXED, answers({}))
    assert [(line.step, line.accuracy, line.valid) for line in sites] == [(None, 0.0, False)] * 3
    assert {case.verdict for case in cases} == {"NO"}


def test_a_page_that_does_not_speak_of_the_brief_is_no_valid_render():
    good = made_step(1, 4.0, 1)
    assert is_valid(good, BRIEF)
    audit = good.observation.audit
    for spoiled in (replace(audit, text_chars=40), replace(audit, words="Welcome to my website, enjoy your stay")):
        assert not is_valid(replace(good, observation=replace(good.observation, audit=spoiled)), BRIEF)


def lines(site, seed, one, drafts, loop):
    values = (("one-shot", one), ("drafts", drafts), ("loop", loop))
    sites = [SiteLine(site, seed, mode, "r", 1, value, 3.0, True, 100, 9.0) for mode, value in values]
    cases = [CaseLine(site, seed, mode, 0, "YES" if value > 0.5 else "NO", "…") for mode, value in values]
    return sites, cases


def test_an_interrupted_measurement_goes_on_with_what_is_missing(tmp_path):
    results = Results(tmp_path)
    results.add(*lines("a", 1, 0.0, 0.5, 1.0))
    sites, cases = lines("b", 1, 0.0, 0.5, 1.0)
    results.add(sites[:2], cases)
    with (tmp_path / "sites.jsonl").open("a") as file:
        file.write('{"site": "b", "seed')
    again = Results(tmp_path)
    assert again.done() == {("a", 1)}
    assert {case.site for case in again.cases()} == {"a"}
    assert plan({"a": None, "b": None}, [1, 2], again.done()) == [("b", 1), ("a", 2), ("b", 2)]


def test_the_figures_compare_by_site_and_say_how_sure_they_are():
    measured = [lines(name, 1, 0.0, 0.5, 1.0) for name in "abcd"]
    sites, cases = [line for one, _ in measured for line in one], [line for _, one in measured for line in one]
    figures = lift(sites, cases, {"model": "m", "token_budget": 10_000})
    assert (figures["one_shot_accuracy"], figures["loop_accuracy"], figures["lift"]) == (0.0, 1.0, None)
    assert figures["interval"] == [1.0, 1.0]
    assert figures["difference_to_drafts"] == 0.5
    assert figures["valid_render"] == 1.0
    assert 0.4 < figures["valid_render_bound"] < 0.6
    assert "| a | 1 | loop | 100 % |" in readable(figures, sites)


def test_another_code_is_another_run():
    """What is reused is told from what the present code would make."""
    assert len(code_digest()) == 12
    assert code_digest() == code_digest()
