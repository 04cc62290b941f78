"""Runs made by other processes of this machine, and the worker that hands them out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from executor_contract import ExecutorContract, told
from far_rooms import FarWorkshop, asked, open_far
from rooms import GOOD

from appliance.executor import Came, LocalPool, Lost, make_run
from appliance.fan_out import serve_fanned, take
from appliance.ledger import Ledger
from appliance.run_copy import send
from sandbox.browser import BrowserSettings
from sandbox.owners import is_alive
from sandbox.reaper import reap_browsers


@pytest.fixture(scope="module", autouse=True)
def _no_browser_of_a_killed_process_stays():
    yield
    list(reap_browsers(BrowserSettings().profiles_in, is_alive))


class TestLocalPool(ExecutorContract):
    def open_executor(self, open_workshop, retries=3):
        return LocalPool(2, open_workshop, retries=retries)


def serve_until(store, folder, is_enough, *, between=lambda: None, retries=3):
    """The whole worker, until what it has taken in is enough."""
    stop = threading.Event()

    def look(kind="", data=None):
        between()
        if is_enough():
            stop.set()

    with LocalPool(2, partial(open_far, str(folder)), retries=retries) as pool:
        serve_fanned(store, pool, FarWorkshop(folder), stop, look, look)


def ended(store):
    return [run for run in store.runs() if run.status in ("done", "failed", "stopped")]


def test_the_worker_empties_the_queue_and_counts_each_run_once(store, tmp_path):
    runs = [store.add_run(asked(far, seed=n)) for n, far in enumerate(("", "dies once", "", "dies", ""))]
    serve_until(store, tmp_path, lambda: len(ended(store)) == 5, retries=1)
    assert [len(store.steps(run.id)) for run in runs] == [2, 2, 2, 0, 2]
    assert "was lost" in store.run(runs[3].id).stop_reason


def test_a_worker_that_is_stopped_calls_its_runs_back_and_the_next_one_goes_on(store, tmp_path):
    run = store.add_run(asked("waits"))
    serve_until(store, tmp_path, lambda: bool(list(tmp_path.glob("begun-*"))))
    assert store.run(run.id).status == "queued"
    (tmp_path / "go").touch()
    serve_until(store, tmp_path, lambda: bool(ended(store)))
    assert len(store.steps(run.id)) == 2


def test_a_run_that_a_user_cancels_is_stopped_while_it_is_out(store, tmp_path):
    run = store.add_run(asked("waits"))

    def cancel():
        if list(tmp_path.glob("begun-*")) and not store.run(run.id).cancel and not ended(store):
            assert store.cancel(run.id) == "asked"

    serve_until(store, tmp_path, lambda: bool(ended(store)), between=cancel)
    assert (store.run(run.id).status, store.run(run.id).stop_reason) == ("stopped", "cancelled")


def test_runs_a_killed_worker_had_out_are_made_again_and_its_late_result_is_not_counted(store, tmp_path):
    run = store.add_run(asked())
    late = send(store, run)
    packed = make_run(late.packed, partial(open_far, str(tmp_path)))
    store.requeue_orphans()  # what the next worker does first
    newer = send(store, store.run(run.id))
    take(store, Came(late, packed), told)
    assert store.steps(run.id) == []
    take(store, Came(newer, make_run(newer.packed, partial(open_far, str(tmp_path)))), told)
    assert len(store.steps(run.id)) == 2


def test_an_outcome_of_a_run_that_was_deleted_is_nothing(store):
    ticket = send(store, store.add_run(asked()))
    store.delete_run(ticket.run_id)
    take(store, Lost(ticket, "gone"), told)
    assert store.runs() == []


def test_a_head_that_is_killed_leaves_nobody_at_work_and_the_next_one_makes_the_run(store, tmp_path):
    run = store.add_run(asked("waits"))
    head = subprocess.Popen([sys.executable, "-c", HEAD.format(here=str(Path(__file__).parent), folder=str(tmp_path))])
    while not (begun := list(tmp_path.glob("begun-*"))):
        assert head.poll() is None
        time.sleep(0.01)
    child = int(begun[0].name.rpartition("-")[2])
    head.send_signal(signal.SIGKILL)
    head.wait()
    while Path(f"/proc/{child}").exists():
        time.sleep(0.01)
    (tmp_path / "go").touch()
    serve_until(store, tmp_path, lambda: bool(ended(store)))
    assert [step.n for step in store.steps(run.id)] == [1, 2]
    assert [event.kind for event in store.events(run.id)].count("step") == 2


HEAD = """
import sys, threading
from functools import partial
from pathlib import Path
sys.path[:0] = [{here!r}, str(Path({here!r}).parents[1])]
from far_rooms import FarWorkshop, open_far
from appliance.executor import LocalPool
from appliance.fan_out import serve_fanned
from appliance.store import Store
folder = Path({folder!r})
if __name__ == "__main__":
    with Store(folder / "home") as store, LocalPool(1, partial(open_far, str(folder))) as pool:
        serve_fanned(store, pool, FarWorkshop(folder), threading.Event(), lambda *_: None)
"""


def test_a_run_written_with_an_adapter_stays_on_this_box(store, tmp_path):
    run = store.add_run(replace(asked(), extras={"adapter": "a1"}))
    serve_until(store, tmp_path, lambda: bool(ended(store)))
    assert [path.name for path in tmp_path.glob("begun-*")] == [f"begun-{run.id}-{os.getpid()}"]
    assert Ledger(store).champion("scripted") == ""


@pytest.mark.browser
def test_a_site_made_elsewhere_has_its_pictures_and_is_exported_here(store, tmp_path):
    run = store.add_run(asked(page=GOOD))
    serve_until(store, tmp_path, lambda: bool(ended(store)))
    run = store.run(run.id)
    assert (run.status, run.best) == ("done", 1)
    (step,) = store.steps(run.id)
    assert {picture.name for picture in step.observation.pictures} >= {"desktop", "phone"}
    assert all(store.blob(picture.sha256).startswith(b"\x89PNG") for picture in step.observation.pictures)
    assert (store.folder / "exports" / run.id / "site" / "index.html").read_text("utf-8").strip() == GOOD
