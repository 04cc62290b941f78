"""Tickets and results between two stores, whole and damaged."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest
from builders import step

from appliance.errors import ResultRefused
from appliance.run_copy import place, result, send, take_in
from appliance.steps import Checklist, ChecklistItem, LikenessRef, Picture, RunRequest
from appliance.store import CompletionRecord, Store
from sandbox.workspace import snapshot

PNG, SHOT = b"\x89PNG asked", b"\x89PNG shot"
REQUEST = RunRequest("a bakery", "small", "scripted", likeness=LikenessRef(hashlib.sha256(PNG).hexdigest(), "#f", "#0"))
OLD, NEW = {"index.html": b"<h1>bread</h1>"}, {"index.html": b"<h1>rye</h1>", "a.css": b"b{}"}
RECORD = CompletionRecord((("user", "a bakery"),), "reply", "stop", {"usage": {}})


def made(n, files):
    shown = step(n, snapshot=snapshot(files).id)
    picture = Picture("desktop", hashlib.sha256(SHOT).hexdigest(), 1280)
    return replace(shown, observation=replace(shown.observation, pictures=(picture,)))


@pytest.fixture
def far(tmp_path):
    with Store(tmp_path / "far") as opened:
        yield opened


@pytest.fixture
def run(store):
    """With a checklist, a picture, and one step that is there already."""
    item = ChecklistItem("order", "it is sent", "functional")
    run = store.add_run(REQUEST, checklist=Checklist((item,)), picture=PNG)
    store.add_step(run.id, made(1, OLD), OLD, [SHOT], {}, tip=1)
    return run


def worked_on(far, ticket):
    """A second step on the other box."""
    run = place(far, ticket.packed)
    assert far.begin(run)
    assert far.files(far.steps(run.id)[0].snapshot) == OLD
    assert far.blob(REQUEST.likeness.sha256) == PNG
    far.add_completion(run.id, 2, RECORD)
    far.add_step(run.id, made(2, NEW), NEW, [SHOT], {}, tip=2)
    far.set_status(run.id, "done", "limit", best=2)
    return result(far, ticket.packed)


def test_a_run_goes_out_and_comes_back_whole(store, far, run):
    packed = worked_on(far, send(store, run))
    assert far.checklist(run.id) == store.checklist(run.id)
    assert take_in(store, packed)
    now = store.run(run.id)
    assert (now.status, now.stop_reason, now.tip, now.best) == ("done", "limit", 2, 2)
    assert store.steps(run.id) == far.steps(run.id)
    assert store.files(store.steps(run.id)[1].snapshot) == NEW
    assert store.completion(run.id, 2) == RECORD
    kinds = [event.kind for event in store.events(run.id)]
    assert kinds.count("queued") == kinds.count("sent") == 1
    assert kinds.count("step") == 2


def test_a_result_brings_only_what_the_ticket_did_not(store, far, run):
    blobs = msgspec.msgpack.decode(worked_on(far, send(store, run)))["blobs"]
    assert set(blobs.values()) >= set(NEW.values())
    assert not set(blobs.values()) & {PNG, SHOT, *OLD.values()}


def test_a_result_counts_once_and_only_for_the_newest_attempt(store, far, run):
    first = worked_on(far, send(store, run))
    store.requeue_orphans()
    second = send(store, store.run(run.id))
    assert not take_in(store, first)
    assert len(store.steps(run.id)) == 1
    far.delete_run(run.id)
    packed = worked_on(far, second)
    assert take_in(store, packed)
    before = store.events(run.id)
    assert not take_in(store, packed)
    assert store.events(run.id) == before


def test_a_run_that_was_deleted_meanwhile_stays_deleted(store, far, run):
    packed = worked_on(far, send(store, run))
    store.delete_run(run.id)
    assert not take_in(store, packed)
    assert store.rows("SELECT count(*) FROM steps, blobs") == [(0,)]


def test_a_ticket_is_made_only_for_a_run_that_nobody_changed(store, run):
    store.set_status(run.id, "stopped")
    assert send(store, run) is None


def _without_a_blob(copy):
    copy["blobs"].popitem()


def _changed_blob(copy):
    copy["blobs"][next(iter(copy["blobs"]))] = b"other"


def _without_a_snapshot(copy):
    copy["snapshots"].pop(snapshot(NEW).id)


def _broken_step(copy):
    copy["steps"][1][-1] = "{}"


def _unfinished(copy):
    copy["status"] = "running"


def _of_a_newer_version(copy):
    copy["format"] = 99


@pytest.mark.parametrize(
    "damage",
    [_without_a_blob, _changed_blob, _without_a_snapshot, _broken_step, _unfinished, _of_a_newer_version],
)
def test_a_damaged_result_is_refused_whole(store, far, run, damage):
    copy = msgspec.msgpack.decode(worked_on(far, send(store, run)))
    damage(copy)
    before = store.rows("SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM events)")
    with pytest.raises(ResultRefused):
        take_in(store, msgspec.msgpack.encode(copy))
    assert store.rows("SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM events)") == before
    assert store.run(run.id).status == "running"
    assert len(store.steps(run.id)) == 1


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_result_cut_short_is_refused(store, far, run, cut):
    with pytest.raises(ResultRefused):
        take_in(store, worked_on(far, send(store, run))[:cut])


def test_a_run_called_back_by_its_user_is_stopped_and_keeps_its_steps(store, far, run):
    ticket = send(store, run)
    there = place(far, ticket.packed)
    far.add_step(there.id, made(2, NEW), NEW, [SHOT], {}, tip=2)
    store.request_cancel(run.id)
    assert take_in(store, result(far, ticket.packed))
    assert (store.run(run.id).status, len(store.steps(run.id))) == ("stopped", 2)


def test_an_edit_by_hand_goes_out_and_is_done_when_it_comes_back(store, far, run):
    store.set_status(run.id, "done")
    store.add_edit(run.id, 1, "index.html", "<h1>by hand</h1>")
    ticket = send(store, store.run(run.id))
    there = place(far, ticket.packed)
    edit = far.next_edit(there.id)
    assert (edit.path, edit.was) == ("index.html", "done")
    far.add_step(there.id, made(2, NEW), NEW, [SHOT], {}, tip=2, edit=edit)
    far.set_status(there.id, "done", "changed by hand")
    assert take_in(store, result(far, ticket.packed))
    assert store.next_edit(run.id) is None
    assert store.run(run.id).chosen == 2
