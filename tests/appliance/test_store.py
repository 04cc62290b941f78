from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from builders import step
from sqlite_utils import Database

from appliance.errors import RunBusy, StoreBroken, StoreFull, UnknownRun
from appliance.migrations import MIGRATIONS
from appliance.steps import Checklist, ChecklistItem, DroppedItem, GuiAct, GuiTrace, LikenessRef, Picture, RunRequest
from appliance.store import WORKER, CompletionRecord, Store
from sandbox.owners import Owner
from sandbox.workspace import snapshot

REQUEST = RunRequest(brief="a bakery", profile="small", model="scripted")
FILES = {"index.html": b"<h1>bread</h1>", "a/b.css": b"\xff\x00binary"}


def made(n, files=FILES, **more):
    return step(n, snapshot=snapshot(files).id, **more)


def test_a_step_comes_back_with_its_files_and_pictures(store):
    run = store.add_run(REQUEST)
    png = b"\x89PNG picture"
    shown = made(1)
    shown = replace(
        shown,
        observation=replace(shown.observation, pictures=(Picture("desktop", hashlib.sha256(png).hexdigest(), 1280),)),
    )
    store.add_step(run.id, shown, FILES, [png], {}, tip=1)
    assert store.steps(run.id) == [shown]
    assert store.files(shown.snapshot) == FILES
    assert store.blob(shown.observation.pictures[0].sha256) == png
    assert store.run(run.id).tip == 1
    assert store.run("last").request == REQUEST


def test_the_same_content_is_stored_once(store):
    run = store.add_run(REQUEST)
    for n in (1, 2, 3):
        store.add_step(run.id, made(n), FILES, [], {}, tip=n)
    assert store._rows("SELECT count(*) FROM blobs") == [(2,)]


def test_a_failed_commit_leaves_nothing_behind(store):
    run = store.add_run(REQUEST)
    store.add_step(run.id, made(1), FILES, [], {}, tip=1)
    with pytest.raises(sqlite3.IntegrityError):  # a fault of the caller; the file is not damaged
        store.add_step(run.id, made(1, {"new.html": b"new"}), {"new.html": b"new"}, [b"orphan"], {}, tip=9)
    assert store.run(run.id).tip == 1
    assert store._rows("SELECT count(*) FROM blobs") == [(2,)]


def test_a_full_disk_is_named_and_leaves_no_half_step(store):
    run = store.add_run(REQUEST)
    pages = store._rows("PRAGMA page_count")[0][0]
    store._rows(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreFull, match="full"):
        store.add_step(run.id, made(1), FILES, [bytes(500_000)], {}, tip=1)
    store._rows("PRAGMA max_page_count = 1000000")
    assert store.steps(run.id) == []
    assert store.run(run.id).tip is None
    store.add_step(run.id, made(1), FILES, [bytes(500_000)], {}, tip=1)
    assert store.integrity() == "ok"


def test_events_grow_and_a_reader_goes_on_where_it_stopped(store):
    run = store.add_run(REQUEST)
    store.add_event(run.id, "stage", {"stage": "thinking"})
    seen = store.events(run.id)
    assert [event.kind for event in seen] == ["queued", "stage"]
    store.add_event(run.id, "text", {"1": "hello"})
    assert [event.data for event in store.events(run.id, after=seen[-1].id)] == [{"1": "hello"}]


def test_streamed_text_is_dropped_when_its_step_is_committed(store):
    run = store.add_run(REQUEST)
    store.add_event(run.id, "text", {"1": "hello"})
    store.add_step(run.id, made(1), FILES, [], {}, tip=1)
    assert [event.kind for event in store.events(run.id)] == ["queued", "step"]


def test_deleting_a_run_keeps_what_another_one_needs(store):
    one, two = store.add_run(REQUEST), store.add_run(REQUEST)
    store.add_step(one.id, made(1), FILES, [b"only one"], {}, tip=1)
    store.add_completion(one.id, 1, CompletionRecord((("user", "hi"),), "reply", "stop", {}))
    other = {"index.html": FILES["index.html"]}
    store.add_step(two.id, made(1, other), other, [], {}, tip=1)
    store.delete_run(one.id)
    assert [run.id for run in store.runs()] == [two.id]
    assert store.files(snapshot(other).id) == other
    assert store._rows("SELECT count(*) FROM blobs") == [(1,)]


def test_a_completion_survives_until_its_step_is_made(store):
    run = store.add_run(REQUEST)
    record = CompletionRecord((("system", "s"), ("user", "ü")), "reply", "length", {"usage": {"prompt_tokens": 3}})
    store.add_completion(run.id, 1, record)
    assert store.completion(run.id, 1) == record
    assert store.completion(run.id, 2) is None


def test_runs_are_found_by_a_unique_beginning(store):
    run = store.add_run(REQUEST)
    assert store.run(run.id[:10]).id == run.id
    with pytest.raises(UnknownRun):
        store.run("nope")
    store.add_run(REQUEST)
    with pytest.raises(UnknownRun, match="more than one"):
        store.run(run.id[:8])


def test_two_runs_of_one_second_never_have_the_same_id(store, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, zone):
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=zone)

    drawn = iter(["beef", "beef", "beef", "cafe"])
    monkeypatch.setattr("appliance.store.datetime", Clock)
    monkeypatch.setattr("appliance.store.secrets.token_hex", lambda size: next(drawn))
    assert [store.add_run(REQUEST).id for _ in range(2)] == ["20260102-030405-beef", "20260102-030405-cafe"]


def test_a_lease_is_for_one_living_process(store, tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from appliance.store import Store
store = Store(Path({str(store.folder)!r})); print(store.take_lease("worker"), flush=True); time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline().strip() == "True"
        assert not store.take_lease("worker")
        assert store.lease_holder("worker").pid == other.pid
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert store.lease_holder("worker") is None
    assert store.take_lease("worker")
    assert store.lease_holder("worker") == Owner.this_process()


def test_runs_of_a_dead_worker_are_queued_again(store):
    run = store.add_run(REQUEST)
    store.set_status(run.id, "running")
    assert store.requeue_orphans() == [run.id]
    assert store.next_queued().id == run.id


def test_kill_nine_at_any_moment_loses_no_committed_step(tmp_path):
    code = f"""
from pathlib import Path
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_store import FILES, REQUEST, made
from appliance.store import Store
store = Store(Path({str(tmp_path)!r})); run = store.add_run(REQUEST)
for n in range(1, 10_000):
    files = {{"index.html": str(n).encode() * 1000}}
    store.add_step(run.id, made(n, files), files, [str(n).encode() * 5000], {{}}, tip=n)
    print(n, flush=True)
"""
    for delay in (0.05, 0.11, 0.23):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        writer.stdout.readline()
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        said = [1, *(int(line) for line in writer.stdout if line.strip())]
        writer.wait()
        writer.stdout.close()
        with Store(tmp_path) as store:
            steps = store.steps(store.run("last").id)
            assert [made.n for made in steps] == list(range(1, len(steps) + 1))
            assert len(steps) >= said[-1]
            assert all(store.files(made.snapshot) for made in steps)
            assert store.integrity() == "ok"


def test_a_damaged_database_is_named_with_what_to_do(tmp_path):
    (tmp_path / "appliance.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreBroken, match=r"damaged.*restore a backup"):
        Store(tmp_path)


def test_a_blank_and_an_existing_database_end_with_the_same_schema(tmp_path):
    Store(tmp_path).close()
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "appliance.db") as db:
        applied = [row[0] for row in db.execute("SELECT name FROM _sqlite_migrations")]
        manifest = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    db.close()
    assert applied == [
        *("m001_runs_steps_blobs", "m002_checklists", "m003_choices_and_edits", "m004_nights_and_adapters"),
    ]
    assert json.dumps(sorted(manifest)).count("runs") == 1


@pytest.mark.parametrize("released", [migration.name for migration in MIGRATIONS.pending(Database(memory=True))])
def test_a_database_of_every_released_schema_is_migrated(tmp_path, released):
    def shape(path):
        with closing(sqlite3.connect(path)) as db:
            return sorted(db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '_sqlite%'"))

    with closing(sqlite3.connect(tmp_path / "appliance.db")) as old:
        MIGRATIONS.apply(Database(old), stop_before=released)
    Store(tmp_path).close()
    Store(tmp_path / "blank").close()
    assert shape(tmp_path / "appliance.db") == shape(tmp_path / "blank" / "appliance.db")


def test_a_checklist_is_fixed_once_and_read_back(tmp_path):
    items = (ChecklistItem("Add a task", "It is listed", "functional", "add", "task"),)
    checklist = Checklist(items, (DroppedItem("Fly", "not in the brief"),), "file")
    with Store(tmp_path) as store:
        run = store.add_run(RunRequest("A page.", "small", "m"))
        assert store.checklist(run.id) is None
        store.set_checklist(run.id, checklist)
        assert store.checklist(run.id) == checklist
        with pytest.raises(StoreBroken, match="already"):
            store.set_checklist(run.id, Checklist())


def test_a_database_of_the_first_schema_is_migrated(tmp_path):
    with closing(sqlite3.connect(tmp_path / "appliance.db")) as old:
        db = Database(old)
        MIGRATIONS.apply(db, stop_before="m002_checklists")
        old.execute(
            "INSERT INTO runs (id, created_at, status, request) VALUES ('old', '', 'done', ?)",
            (msgspec.json.encode(RunRequest("A page.", "small", "m")).decode(),),
        )
        old.commit()
    with Store(tmp_path) as store:
        assert store.run("old").request.brief == "A page."
        assert store.checklist("old") is None


def test_pictures_of_clicks_and_of_the_user_outlive_other_runs(store):
    act, look = b"what a click showed", b"how it should look"
    reference = LikenessRef(hashlib.sha256(look).hexdigest(), "#fff", "#000")
    kept = store.add_run(replace(REQUEST, likeness=reference), picture=look)
    gone = store.add_run(REQUEST)
    trace = GuiTrace(
        "t", "e", "m", (GuiAct("click", "x", picture=hashlib.sha256(act).hexdigest()),), "YES", "", "answered"
    )
    one = made(1)
    one = replace(one, observation=replace(one.observation, traces=(trace,)))
    store.add_step(kept.id, one, FILES, [act], {}, tip=1)
    store.delete_run(gone.id)
    assert store.blob(trace.acts[0].picture) == act
    assert store.blob(reference.sha256) == look


def test_restoring_adds_a_step_like_the_old_one_and_chooses_it(store):
    run = store.add_run(REQUEST)
    other = {"index.html": b"<h1>other</h1>"}
    store.add_step(run.id, made(1), FILES, [], {}, tip=1)
    store.add_step(run.id, made(2, other, parent=1), other, [], {}, tip=2)
    store.set_status(run.id, "done")
    assert store.restore_step(run.id, 1) == 3
    first, _, third = store.steps(run.id)
    assert (third.kind, third.parent, third.snapshot) == ("restore", 1, first.snapshot)
    assert third.scores == first.scores
    assert (store.run(run.id).tip, store.run(run.id).chosen) == (3, 3)
    with pytest.raises(UnknownRun):
        store.restore_step(run.id, 9)


def test_an_edit_waits_until_a_step_was_made_of_it(store):
    run = store.add_run(REQUEST)
    store.add_step(run.id, made(1), FILES, [], {}, tip=1)
    store.set_status(run.id, "done")
    store.add_edit(run.id, 1, "index.html", "<h1>mine</h1>")
    assert store.next_queued().id == run.id
    edit = store.next_edit(run.id)
    assert (edit.parent, edit.was, edit.path, edit.content) == (1, "done", "index.html", "<h1>mine</h1>")
    store.add_step(run.id, made(2, parent=1), FILES, [], {}, tip=2, edit=edit)
    assert store.next_edit(run.id) is None
    assert store.run(run.id).chosen == 2


def test_what_a_worker_has_in_hand_is_not_touched(store):
    run = store.add_run(REQUEST)
    store.add_step(run.id, made(1), FILES, [], {}, tip=1)
    store.take_lease(WORKER)
    store.set_status(run.id, "running")
    for act in (lambda: store.restore_step(run.id, 1), lambda: store.add_edit(run.id, 1, "a", "b")):
        with pytest.raises(RunBusy):
            act()
    assert len(store.steps(run.id)) == 1
    assert store.next_edit(run.id) is None


def test_scores_of_many_runs_are_read_at_once(store):
    one, two = store.add_run(REQUEST), store.add_run(REQUEST)
    store.add_step(one.id, made(1, appearance=3.0), FILES, [], {}, tip=1)
    store.add_step(one.id, made(2, appearance=4.0), FILES, [], {}, tip=2)
    store.set_status(one.id, "done", best=2)
    lines = store.score_lines([one.id, two.id])
    assert [looks for looks, _ in lines[one.id]] == [3.0, 4.0]
    assert two.id not in lines
    assert store.best_scores([one.id, two.id])[one.id][0] == 4.0
