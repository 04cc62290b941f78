"""What the user changes by hand: looked at, graded, told to the model, delivered."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from rooms import GOOD, THROWS, ScriptedWorkshop, request, tagged

from appliance import requests
from appliance.worker import execute
from models.errors import EngineCrashed

pytestmark = pytest.mark.browser
MINE = GOOD.replace("Bakery</h1>", "My own bakery</h1>")


def take(store, workshop, run):
    return execute(run, store, workshop, threading.Event(), lambda *_: None, on_stop="stopped")


def test_an_edit_of_a_finished_site_is_one_more_step_and_the_one_delivered(store):
    run = store.add_run(request("strong", steps=1))
    take(store, ScriptedWorkshop([tagged(GOOD)]), run)
    store.add_edit(run.id, 1, "index.html", MINE)
    outcome = take(store, ScriptedWorkshop([]), store.run(run.id))
    assert (outcome.status, outcome.reason) == ("done", "index.html was changed by hand")
    step = store.steps(run.id)[-1]
    assert (step.n, step.kind, step.parent, step.usage.completion_tokens) == (2, "edit", 1, 0)
    assert step.scores.appearance.judge == "rules@1"
    assert requests.best_of(store, store.run(run.id)).n == 2
    exported = store.run(run.id).export
    assert "My own bakery" in (Path(exported) / "site" / "index.html").read_text("utf-8")


def test_a_broken_edit_is_graded_as_such_and_still_the_users_choice(store):
    run = store.add_run(request("strong", steps=1))
    take(store, ScriptedWorkshop([tagged(GOOD)]), run)
    store.add_edit(run.id, 1, "index.html", THROWS)
    take(store, ScriptedWorkshop([]), store.run(run.id))
    step = store.steps(run.id)[-1]
    assert "missing is not defined" in step.observation.error
    assert store.run(run.id).chosen == 2
    store.choose(run.id, None)
    assert requests.best_of(store, store.run(run.id)).n == 1


def test_a_stopped_run_that_was_edited_can_go_on_and_the_model_is_told(store):
    run = store.add_run(request("strong", steps=3))
    stop = threading.Event()
    replies = iter([lambda: tagged(GOOD), lambda: stop.set() or tagged(GOOD)])
    workshop = ScriptedWorkshop(lambda *_: next(replies)())
    execute(run, store, workshop, stop, lambda *_: None, on_stop="stopped")
    assert store.run(run.id).status == "stopped"
    store.add_edit(run.id, 1, "index.html", MINE)
    outcome = take(store, ScriptedWorkshop([]), store.run(run.id))
    assert outcome.status == "stopped"
    requests.resume(store, store.run(run.id))
    workshop = ScriptedWorkshop([tagged(MINE.replace("Order", "Order now"))])
    take(store, workshop, store.run(run.id))
    steps = store.steps(run.id)
    assert (steps[2].parent, steps[2].kind) == (2, "build")
    asked = workshop.models[-1].asked[0][-1].content
    assert "The user has changed index.html by hand" in asked
    assert "My own bakery" in asked


def test_several_edits_are_made_in_order(store):
    run = store.add_run(request("strong", steps=1))
    take(store, ScriptedWorkshop([tagged(GOOD)]), run)
    store.add_edit(run.id, 1, "index.html", MINE)
    store.add_edit(run.id, 1, "about.html", MINE)
    outcome = take(store, ScriptedWorkshop([]), store.run(run.id))
    assert outcome.status == "done"
    assert [step.aim for step in store.steps(run.id)[1:]] == ["by hand: index.html", "by hand: about.html"]


def test_a_restored_step_that_broke_before_the_model_said_anything_blocks_nothing(store):
    run = store.add_run(request("strong", steps=4))

    def fail(*_):
        raise EngineCrashed("the engine ended")

    replies = iter([lambda: tagged(GOOD), fail, lambda: tagged(GOOD), lambda: tagged(MINE)])
    take(store, ScriptedWorkshop(lambda *_: next(replies)()), run)
    broken = store.steps(run.id)[1]
    assert broken.signal == "broke"
    assert store.completion(run.id, broken.n) is None
    store.restore_step(run.id, broken.n)
    requests.resume(store, store.run(run.id), steps=7)
    outcome = take(store, ScriptedWorkshop([tagged(MINE)] * 9), store.run(run.id))
    assert outcome.status == "done"
