"""Whole runs with a scripted model: the loop, the worker, select-best, resume, fork."""

from __future__ import annotations

import json
import re
import threading

import pytest
from rooms import BLANK, GOOD, THROWS, WIDE, LocalRooms, ScriptedWorkshop, fenced, request, tagged

from appliance.grading import Judges
from appliance.judge import RulesJudge
from appliance.store import Store
from appliance.vision_judge import Preference
from appliance.worker import execute, serve_queue, worker_lease
from sandbox.errors import BrowserMissing, PodmanFailed

pytestmark = pytest.mark.browser


def take(store, workshop, run, *, stop=None, on_stop="stopped"):
    events = []
    outcome = execute(
        run, store, workshop, stop or threading.Event(), lambda *event: events.append(event), on_stop=on_stop
    )
    return outcome, store.steps(run.id), events


def test_drafts_are_filtered_and_the_best_one_is_repaired_and_delivered(store):
    run = store.add_run(request(steps=4))
    workshop = ScriptedWorkshop(
        [fenced(THROWS), fenced(WIDE), fenced("#wide{width:auto!important}", "css"), "Looks fine."]
    )
    outcome, steps, events = take(store, workshop, run)
    assert outcome.exit_code == 0
    assert [(step.kind, step.parent, step.verdict) for step in steps[:3]] == [
        ("draft", None, "kept"),
        ("draft", None, "kept"),
        ("repair", 2, "kept"),
    ]
    assert steps[0].has_error
    assert "missing is not defined" in steps[0].observation.error
    assert steps[2].scores.appearance.score > steps[1].scores.appearance.score > steps[0].scores.appearance.score
    assert "overflow" in steps[2].aim
    final = store.run(run.id)
    assert final.best == 3
    assert b"#wide{width:auto" in store.files(steps[2].snapshot)["index.html"]
    site = store.folder / "exports" / run.id
    assert (site / "site" / "index.html").read_bytes() == store.files(steps[2].snapshot)["index.html"]
    assert {path.name for path in (site / "screenshots").iterdir()} == {"desktop.png", "phone.png"}
    assert json.loads((site / "report.json").read_text())["best_step"] == 3
    assert ("step", {"n": 3}) in events
    walls = [event.data["text"] for event in store.events(run.id) if event.kind == "warning"]
    assert len(walls) == 5, "a local container has no walls, and the user is told of each"


def test_a_repair_that_does_not_raise_the_score_is_kept_in_the_history_only(store):
    run = store.add_run(request(steps=3, drafts=1))
    outcome, steps, _ = take(store, ScriptedWorkshop([fenced(WIDE), fenced("p{color:#222}", "css"), "No idea."]), run)
    assert outcome.status == "done"
    assert [step.verdict for step in steps] == ["kept", "rejected", "rejected"]
    assert store.run(run.id).tip == 1
    assert store.run(run.id).best == 1


class Pairs:
    """Prefers by name, and remembers what it was shown."""

    def __init__(self, better):
        self.better, self.shown = better, []

    def prefer(self, brief, first, second):
        self.shown.append((first, second))
        return Preference(self.better, "it breathes", "vlm:x@1")


@pytest.mark.parametrize(("better", "verdict"), [("second", "kept"), ("first", "rejected"), (None, "rejected")])
def test_looks_are_compared_in_pairs_where_that_is_wanted(store, better, verdict):
    pairs = Pairs(better)
    workshop = ScriptedWorkshop(
        [fenced(WIDE), fenced("p{color:#222}", "css")], judges=lambda _: Judges(RulesJudge(), pairs=pairs)
    )
    _, steps, events = take(store, workshop, store.add_run(request(steps=2, drafts=1)))
    assert steps[1].verdict == verdict
    ((before, after),) = pairs.shown
    assert before == store.blob(steps[0].observation.pictures[0].sha256)
    assert after == store.blob(steps[1].observation.pictures[0].sha256)
    assert [data["better"] for kind, data in events if kind == "compared"] == [better]


def test_the_conversation_goes_on_until_the_model_is_satisfied(store):
    run = store.add_run(request("strong", steps=9))
    edit = '<edit path="index.html"><search>width:900px</search><replace>max-width:100%</replace></edit>'
    workshop = ScriptedWorkshop([tagged(WIDE), edit, "<finish/>"])
    outcome, steps, _ = take(store, workshop, run)
    assert (outcome.status, outcome.reason) == ("done", "finished")
    assert [step.kind for step in steps] == ["build", "build", "finish"]
    assert [step.parent for step in steps] == [None, 1, 2]
    asked = workshop.models[0].asked
    assert asked[1][: len(asked[0])] == asked[0]
    assert asked[2][: len(asked[1])] == asked[1]
    said = asked[1][-1].content
    assert "overflow" in said
    assert "A bakery" in said
    assert "appearance" not in said.lower()
    assert store.run(run.id).best == 3


def test_five_error_steps_in_a_row_lead_back_to_the_best_step_and_leave_no_trace_in_the_prompt(store):
    run = store.add_run(request("strong", steps=8))
    workshop = ScriptedWorkshop([tagged(GOOD), *[tagged(THROWS)] * 5, tagged(GOOD.replace("rye", "oat")), "<finish/>"])
    outcome, steps, _ = take(store, workshop, run)
    assert outcome.status == "done"
    assert [step.parent for step in steps] == [None, 1, 2, 3, 4, 5, 1, 7]
    asked = workshop.models[0].asked
    assert asked[6] == asked[1]
    assert any(event.kind == "backtrack" and event.data["to"] == 1 for event in store.events(run.id))


def test_a_killed_run_goes_on_after_its_last_finished_step(store):
    class Killed(BaseException):
        pass

    run = store.add_run(request("strong", steps=4))
    said = []

    def script(messages, sampling):
        said.append(sampling.seed)
        if len(said) == 3:
            raise Killed
        return tagged(GOOD.replace("rye", f"rye {len(said)}"))

    workshop = ScriptedWorkshop(script)
    with pytest.raises(Killed):
        take(store, workshop, run)
    assert store.run(run.id).status == "running"
    assert store.requeue_orphans() == [run.id]
    outcome, steps, _ = take(store, workshop, store.run(run.id))
    assert outcome.status == "done"
    assert [step.n for step in steps] == [1, 2, 3, 4]
    assert said == [1001, 1002, 1003, 1003, 1004]


def test_what_the_model_has_said_is_not_asked_again_after_a_kill(store):
    class Killed(BaseException):
        pass

    def tell(kind, data):
        if data.get("stage") == "running":
            raise Killed

    run = store.add_run(request(steps=2))
    workshop = ScriptedWorkshop([fenced(GOOD), fenced(WIDE)])
    with pytest.raises(Killed):
        execute(run, store, workshop, threading.Event(), tell, on_stop="stopped")
    assert store.steps(run.id) == []
    outcome, steps, _ = take(store, ScriptedWorkshop([]), store.run(run.id))
    assert outcome.status == "done"
    assert [step.kind for step in steps] == ["draft", "draft"]


def test_a_missing_part_is_told_before_the_model_is_asked(store):
    class NoBrowser(LocalRooms):
        def browser(self, url):
            raise BrowserMissing("Chromium is not installed; run: apt-get install chromium")

    workshop = ScriptedWorkshop([], NoBrowser())
    run = store.add_run(request())
    outcome, steps, _ = take(store, workshop, run)
    assert (outcome.status, outcome.exit_code, steps) == ("failed", 3, [])
    assert "apt-get install chromium" in store.run(run.id).stop_reason
    assert workshop.models[0].asked == []


def test_stopping_keeps_and_exports_what_is_finished(store):
    run, stop = store.add_run(request("strong", steps=9)), threading.Event()

    def script(messages, sampling):
        if len(messages) > 2:
            stop.set()
        return tagged(GOOD)

    outcome, steps, _ = take(store, ScriptedWorkshop(script), run, stop=stop)
    assert (outcome.status, outcome.exit_code) == ("stopped", 130)
    assert len(steps) == 1
    assert (store.folder / "exports" / run.id / "site" / "index.html").exists()


def test_a_run_cancelled_from_elsewhere_stops(store):
    run = store.add_run(request("strong", steps=9))

    def script(messages, sampling):
        with Store(store.folder) as other:
            other.request_cancel(run.id)
        return tagged(GOOD)

    outcome, steps, _ = take(store, ScriptedWorkshop(script), run)
    assert (outcome.status, outcome.reason) == ("stopped", "cancelled")
    assert len(steps) <= 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("I am sorry, I cannot do that.", "holds no file"),
        ('<file path="index.html">...</file>', "only dots"),
        ('<file path="../../x">evil</file>', r"\.\."),
        (tagged("p{}", "style.css"), "no index.html"),
    ],
)
def test_a_model_that_never_writes_a_page_ends_as_failed_with_the_reason(store, reply, said):
    run = store.add_run(request("strong", steps=2))
    outcome, steps, _ = take(store, ScriptedWorkshop([reply] * 2), run)
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert "no step shows a page" in outcome.reason
    assert all(step.has_error for step in steps)
    assert re.search(said, steps[0].observation.error)


def test_blank_drafts_are_followed_by_another_batch(store):
    run = store.add_run(request(steps=4))
    outcome, steps, _ = take(store, ScriptedWorkshop([fenced(BLANK), fenced(BLANK), fenced(GOOD), fenced(WIDE)]), run)
    assert [step.scores.appearance.score for step in steps[:2]] == [0.0, 0.0]
    assert outcome.status == "done"
    assert store.run(run.id).best == 3


def test_a_cut_off_reply_is_continued_where_it_stopped(store):
    run = store.add_run(request("strong", steps=1))
    reply = tagged(GOOD.replace("</ul>", "<li>more rye bread for all</li>\n<li>and oat bread</li>" * 1500 + "</ul>"))
    tokens = re.findall(r"\s*\S+|\s+", reply)  # as the scripted model counts them
    assert 8192 < len(tokens) < 2 * 8192
    workshop = ScriptedWorkshop([reply, "".join(tokens[8192:])])
    outcome, steps, _ = take(store, workshop, run)
    assert outcome.status == "done"
    assert steps[0].usage.completion_tokens == len(tokens)
    assert b"and oat bread" in store.files(steps[0].snapshot)["index.html"]
    assert store.completion(run.id, 1).reply == reply


def test_a_fork_starts_from_the_chosen_step_and_leaves_the_old_run_alone(store):
    run = store.add_run(request("strong", steps=2))
    take(store, ScriptedWorkshop([tagged(GOOD), tagged(WIDE)]), run)
    before = store.steps(run.id)
    fork = store.add_run(
        request("strong", steps=1, instruction="Make the header green."), origin=(run.id, 1), base=before[0].snapshot
    )
    edit = '<edit path="index.html"><search>color:#222</search><replace>color:green</replace></edit>'
    workshop = ScriptedWorkshop([edit])
    outcome, steps, _ = take(store, workshop, fork)
    assert outcome.status == "done"
    assert b"color:green" in store.files(steps[0].snapshot)["index.html"]
    asked = workshop.models[0].asked[0][-1].content
    assert "Make the header green." in asked
    assert "Bread number 3" in asked
    assert store.steps(run.id) == before
    assert store.run(fork.id).origin_step == 1


def test_the_worker_takes_orphans_and_queued_runs_in_order(store):
    first, second = store.add_run(request("strong", steps=1)), store.add_run(request("strong", steps=1))
    store.set_status(second.id, "running")
    stop, done = threading.Event(), []

    def tell(kind, data):
        if kind == "ended":
            done.append(data["status"])
            if len(done) == 2:
                stop.set()

    serve_queue(store, ScriptedWorkshop(lambda *_: tagged(GOOD)), stop, tell)
    assert done == ["done", "done"]
    assert {store.run(run.id).status for run in (first, second)} == {"done"}
    assert store.lease_holder("worker") is None


def test_the_reaper_runs_before_the_first_run(store):
    reaped = []

    class Workshop(ScriptedWorkshop):
        def reap(self):
            reaped.append(True)

    with worker_lease(store, Workshop([]), lambda *_: None):
        assert reaped == [True]


def test_an_orphan_that_will_not_go_is_told_and_stops_nobody(store):
    class Workshop(ScriptedWorkshop):
        def reap(self):
            raise PodmanFailed("cannot remove container x")

    told = []
    with worker_lease(store, Workshop([]), lambda *event: told.append(event)):
        assert store.lease_holder("worker") is not None
    assert "cannot remove container x" in told[0][1]["text"]
