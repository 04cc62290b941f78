"""Who has a run in hand, and what stopping it means."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import builders
import pytest
from rooms import GOOD, LocalRooms, ScriptedWorkshop, fenced, request

from appliance import requests
from appliance.errors import PartMissing
from appliance.steps import FROM_FILE, Checklist, ChecklistItem
from appliance.store import TRAINER, WORKER, CompletionRecord
from appliance.worker import execute, serve_queue
from sandbox.workspace import snapshot

FILES = {"index.html": b"<h1>bread</h1>"}


def stopped():
    stop = threading.Event()
    stop.set()
    return stop


@pytest.fixture
def done(store):
    run = store.add_run(request("strong", steps=9))
    store.add_step(run.id, builders.step(1, snapshot=snapshot(FILES).id), FILES, [], {}, tip=1)
    store.set_status(run.id, "done", "finished")
    return store.run(run.id)


def test_a_run_that_was_stopped_in_between_is_not_begun(store):
    seen = store.add_run(request())
    requests.cancel(store, seen)
    outcome = execute(seen, store, ScriptedWorkshop([]), threading.Event(), lambda *_: None, on_stop="stopped")
    assert (outcome.status, outcome.reason) == ("stopped", "cancelled")
    assert store.run(seen.id).status == "stopped"


def test_two_workers_do_not_begin_one_run(store):
    seen = store.add_run(request())
    assert store.begin(seen)
    assert not store.begin(seen)


def test_a_stop_is_heard_although_the_worker_died_meanwhile(store):
    run = store.add_run(request())
    store.set_status(run.id, "running")
    store.request_cancel(run.id)
    assert store.requeue_orphans() == []
    assert store.run(run.id).status == "stopped"


def test_two_edits_of_a_finished_site_leave_it_finished(store, done):
    store.add_edit(done.id, 1, "a.html", "one")
    store.add_edit(done.id, 1, "b.html", "two")
    assert [store.next_edit(done.id).was, store._rows("SELECT was FROM edits ORDER BY id DESC LIMIT 1")[0][0]] == [
        "done",
        "done",
    ]


def test_stopping_a_waiting_edit_gives_it_up_and_nothing_else(store, done):
    store.add_edit(done.id, 1, "index.html", "mine")
    assert "given up" in requests.cancel(store, store.run(done.id))
    assert store.run(done.id).status == "done"
    assert store.next_edit(done.id) is None


def test_a_living_worker_is_asked(store):
    run = store.add_run(request())
    store.take_lease(WORKER)
    store.set_status(run.id, "running")
    assert "being stopped" in requests.cancel(store, run)
    assert store.cancel_requested(run.id)


def test_a_mistake_of_ours_fails_the_run_and_does_not_block_the_queue(store):
    run, other = store.add_run(request()), store.add_run(request())

    class Broken(ScriptedWorkshop):
        def parts(self, *_):
            raise AssertionError("a mistake")

    with pytest.raises(AssertionError):
        serve_queue(store, Broken([]), threading.Event(), lambda *_: None)
    assert store.run(run.id).status == "failed"
    assert "internal error: AssertionError: a mistake" in store.run(run.id).stop_reason
    assert store.next_queued().id == other.id


def test_a_fork_keeps_the_users_own_tests_and_draws_others_anew(store, done):
    item = ChecklistItem("Add", "It is listed", "functional")
    own = store.add_run(request(), checklist=Checklist((item,), (), FROM_FILE))
    drawn = store.add_run(request(), checklist=Checklist((item,), (), "rules@1"))
    for run, kept in ((own, True), (drawn, False)):
        store.add_step(run.id, builders.step(1, snapshot=snapshot(FILES).id), FILES, [], {}, tip=1)
        forked = requests.fork(store, run, store.step(run.id, 1), "Make it green")
        assert (store.checklist(forked.id) is not None) is kept


def test_the_users_choice_does_not_become_the_best(store, done):
    other = {"index.html": b"<h1>other</h1>"}
    store.add_step(done.id, builders.step(2, 4.5, snapshot=snapshot(other).id), other, [], {}, tip=2)
    store.choose(done.id, 1)
    outcome = execute(
        store.run(done.id), store, ScriptedWorkshop([], LocalRooms()), stopped(), lambda *_: None, on_stop="stopped"
    )
    ended = store.run(done.id)
    assert (outcome.status, ended.best, ended.chosen, ended.delivered) == ("stopped", 2, 1, 1)


def test_giving_up_an_edit_of_an_interrupted_run_leaves_it_stopped(store):
    run = store.add_run(request())
    store.add_step(run.id, builders.step(1, snapshot=snapshot(FILES).id), FILES, [], {}, tip=1)
    store.set_status(run.id, "running")  # and its worker dies
    store.add_edit(run.id, 1, "index.html", "mine")
    requests.cancel(store, store.run(run.id))
    assert store.run(run.id).status == "stopped"


def test_a_reply_that_was_never_acted_upon_is_not_the_restored_steps(store, done):
    store.add_completion(done.id, 2, CompletionRecord((("user", "hi"),), "never applied", "stop", {}))
    assert store.restore_step(done.id, 1) == 2
    assert store.completion(done.id, 2) is None


@pytest.mark.parametrize(("on_stop", "status"), [("stopped", "stopped"), ("queued", "queued")])
def test_while_a_trainer_has_the_memory_a_site_waits_in_the_queue_and_can_be_stopped(store, on_stop, status):
    run = store.add_run(request())
    assert store.take_lease(TRAINER)
    outcome = execute(run, store, ScriptedWorkshop([]), stopped(), lambda *_: None, on_stop=on_stop)
    assert (outcome.status, store.run(run.id).status) == (status, status)
    assert [event.data["stage"] for event in store.events_of(run.id, ["stage"])] == [
        "the training saves its state and makes way"
    ]


def test_a_site_begins_when_the_trainer_has_made_way(store):
    run = store.add_run(request())
    store.take_lease(TRAINER)
    begun = []

    class Opened(ScriptedWorkshop):
        def parts(self, *_):
            begun.append(store.lease_holder(TRAINER))
            raise PartMissing("no model")

    def told(kind, data):
        if kind == "stage":
            store.drop_lease(TRAINER)

    execute(run, store, Opened([]), threading.Event(), told, on_stop="queued")
    assert begun == [None]


def test_several_runs_are_worked_on_at_a_time_and_each_ends_as_alone(store):
    runs = [store.add_run(request("strong", steps=1)) for _ in range(3)]
    met, told = threading.Barrier(2), []

    class Meeting(ScriptedWorkshop):
        @contextmanager
        def parts(self, run, own_store, cancelled, tell):
            if run.id != runs[2].id:
                met.wait(20)  # never passed unless two are in hand
            with super().parts(run, own_store, cancelled, tell) as parts:
                yield parts

    stop = threading.Event()

    def hear(kind, data):
        told.append((kind, data.get("run")))
        if [kind for kind, _ in told].count("ended") == 3:
            stop.set()

    serve_queue(store, Meeting([fenced(GOOD)] * 3), stop, hear, at_once=2)
    assert [store.run(run.id).status for run in runs] == ["done"] * 3
    assert {run for kind, run in told if kind == "step"} == {run.id for run in runs}, "each line names its run"


def test_a_stop_puts_all_that_is_in_hand_back_into_the_queue(store):
    runs = [store.add_run(request("strong", steps=9)) for _ in range(2)]
    stop, met = threading.Event(), threading.Barrier(2, action=lambda: stop.set())

    class Stopping(ScriptedWorkshop):
        @contextmanager
        def parts(self, run, own_store, cancelled, tell):
            met.wait(20)
            with super().parts(run, own_store, cancelled, tell) as parts:
                yield parts

    serve_queue(store, Stopping([fenced(GOOD)]), stop, lambda *_: None, at_once=2)
    assert [store.run(run.id).status for run in runs] == ["queued"] * 2


def test_a_mistake_of_ours_in_one_of_several_ends_the_work_and_is_told(store):
    run, other = store.add_run(request()), store.add_run(request("strong", steps=1))

    class Broken(ScriptedWorkshop):
        def parts(self, asked, *more):
            if asked.id == run.id:
                raise AssertionError("a mistake")
            return super().parts(asked, *more)

    with pytest.raises(AssertionError):
        serve_queue(store, Broken([fenced(GOOD)]), threading.Event(), lambda *_: None, at_once=2)
    assert store.run(run.id).status == "failed"
    assert store.run(other.id).status in ("queued", "done")
