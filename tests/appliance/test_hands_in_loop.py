"""Whole runs with a scripted model in which pages are used, not only looked at."""

from __future__ import annotations

import json
import threading

import pytest
from rooms import ScriptedWorkshop, fenced, page, request, tagged

from appliance import tester
from appliance.explorer import explore
from appliance.rubric import RubricJudge
from appliance.steps import Checklist, ChecklistItem
from appliance.store import Store
from appliance.worker import execute

pytestmark = pytest.mark.browser

ITEMS = "".join(f"<li>Rye bread number {n}, baked with flour and time</li>" for n in range(9))
FORM = '<form id="f"><label>Bread <input id="bread"></label><button>Add bread</button></form><ul id="list">{}</ul>'
ADDS = """document.getElementById("f").onsubmit = (event) => { event.preventDefault();
const line = document.createElement("li"); line.textContent = document.getElementById("bread").value;
document.getElementById("list").append(line); localStorage.bread = line.textContent; }"""
WORKS = page(f"<header><h1>Bakery</h1></header><main><h2>Our bread</h2>{FORM.format(ITEMS)}</main>", script=ADDS)
BROKEN = WORKS.replace("event.preventDefault();", "event.preventDefault(); return;")
CHECKLIST = Checklist(
    (
        ChecklistItem("Add a bread", "It is listed", "functional", "add", "bread"),
        ChecklistItem("Search the bread", "Only matches are shown", "functional", "search", "bread"),
        ChecklistItem("Look for our bread", "A list", "data-display", "shows-text", "our bread"),
    ),
    origin="file",
)


def run_of(store, workshop, **more):
    run = store.add_run(request("strong", **more))
    store.set_checklist(run.id, CHECKLIST)
    outcome = execute(run, store, workshop, threading.Event(), lambda *_: None, on_stop="stopped")
    return outcome, store.steps(run.id), workshop.models[0].asked


def test_facts_prove_items_and_a_broken_success_is_told_as_a_regression(store: Store):
    workshop = ScriptedWorkshop([tagged(WORKS), tagged(BROKEN), "<finish/>"], explore=explore)
    outcome, steps, asked = run_of(store, workshop, steps=3)
    assert outcome.status == "done"
    assert [verdict.answer for verdict in steps[0].observation.verdicts] == ["YES", "NO", "YES"]
    assert "nothing on the page offers to search" in steps[0].observation.verdicts[1].evidence
    assert steps[0].scores.functionality.judge == "explorer@1"
    assert steps[0].scores.functionality.score > steps[1].scores.functionality.score
    (broken, *_) = steps[1].observation.regressions
    assert broken.kind == "regression"
    told = asked[2][-1].content
    assert told.index("regression") < told.index("Search the bread")
    assert broken.place in told
    assert store.run(outcome and steps and store.runs()[0].id).best == 1


CARD = (
    "<article class=card><h3>{0}</h3><p>{0}, baked with flour, salt and time.</p><button>View bread</button></article>"
)
CARDS = page(
    f"<header><h1>Bakery</h1></header><main><h2>Our bread</h2>{CARD.format('Rye')}{CARD.format('Spelt')}</main>"
)


def test_a_button_that_can_mean_one_thing_only_is_mended_without_asking_the_model(store: Store):
    workshop = ScriptedWorkshop([fenced(CARDS)], explore=explore)
    run = store.add_run(request("small", drafts=1, steps=2))
    execute(run, store, workshop, threading.Event(), lambda *_: None, on_stop="stopped")
    _, mended = store.steps(run.id)
    assert mended.aim.startswith("repair (control, no model): dead control at button")
    assert (mended.verdict, mended.usage.completion_tokens) == ("kept", 0)
    assert len(workshop.models[0].asked) == 1
    assert [fact.holds for fact in mended.observation.exploration.facts if fact.kind == "control-works"] == [True]


def act(verb, **more):
    return json.dumps({"thought": "next", "act": {"action": verb, **more}})


def test_a_gui_test_that_is_asked_for_is_done_judged_and_kept(store: Store):
    boast = act("done", answer="YES", reason="it all works")
    script = [
        tagged(WORKS),
        "<boltAction type='screenshot_validated'/>",
        *(act("type", element=0, text="Spelt loaf"), act("click", element=1), boast),
        *(boast, boast),
        json.dumps({"answer": "YES", "quote": "Spelt loaf"}),
        json.dumps({"answer": "YES", "quote": "Our bread"}),
        *[json.dumps({"answer": "YES", "quote": "words that stand nowhere"})] * 2,
    ]
    workshop = ScriptedWorkshop(script, explore=explore, tester=lambda model: tester.Tester(model, RubricJudge(model)))
    outcome, steps, _ = run_of(store, workshop, steps=2)
    assert outcome.status == "done", outcome
    seen = steps[1].observation
    assert [trace.item for trace in seen.traces] == [0, 1, 2]
    assert "Spelt loaf" in seen.traces[0].text_after
    answers = [verdict.answer for verdict in seen.verdicts]
    assert answers[:2] == ["YES", "NO"], "what the explorer refuted stays refuted, whatever agent and judge say"
    assert answers[2] == "YES", "an opinion without evidence does not take an exact fact away"
    assert steps[1].scores.functionality.judge != steps[0].scores.functionality.judge
    assert [picture.name for picture in seen.pictures][:2] == ["desktop", "phone"]


def test_a_passed_test_is_tried_again_on_the_next_version(store: Store):
    script = [
        tagged(WORKS),
        "<boltAction type='screenshot_validated'/>",
        *(act("type", element=0, text="Spelt loaf"), act("click", element=1)),
        *[act("done", answer="YES", reason="seen")] * 3,
        json.dumps({"answer": "YES", "quote": "Spelt loaf"}),
        *[json.dumps({"answer": "YES", "quote": "Our bread"})] * 2,
        tagged(BROKEN),
    ]
    workshop = ScriptedWorkshop(script, explore=explore, tester=lambda model: tester.Tester(model, RubricJudge(model)))
    _, steps, _ = run_of(store, workshop, steps=3)
    said = [finding.evidence for finding in steps[2].observation.regressions]
    assert any("“Add a bread” worked before" in text and "click" in text for text in said), said
