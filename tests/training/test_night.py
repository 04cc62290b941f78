"""A night on a small network: every state, a stop at every point, and everything that can end it early."""

from __future__ import annotations

import math
import subprocess
from contextlib import nullcontext
from dataclasses import replace

import pytest

from appliance import token_record
from appliance.errors import UsageError
from appliance.ledger import Ledger
from appliance.steps import RunRequest
from appliance.store import TRAINER, WORKER, CompletionRecord, Store
from models.chat import Completion, Sampling
from tests.appliance.builders import step as built
from tests.training.test_step_grpo import FAST
from tests.training.toy import policy
from training.lora import save_lora
from training.machine import NightMachine, WorkerEnded
from training.night import (
    NightSettings,
    NightStopped,
    NightWork,
    begin_gate,
    begin_night,
    begin_warm_start,
    groups_of,
    is_held_out,
    split,
)
from training.step_grpo import Trainer

BRIEFS = tuple(f"A site for shop number {n} with a list and a form." for n in range(60))
SETTINGS = NightSettings(
    request=RunRequest(brief="", profile="night", model="tiny", steps=4),
    gate_request=RunRequest(brief="", profile="gate", model="tiny", steps=3, drafts=3),
    briefs=BRIEFS,
    train_briefs=2,
    drafts=3,
    gate_briefs=8,
    gate_seeds=1,
    lessons="step grpo",
    train=replace(FAST, most_kl=1e9, most_vetoed=1.0, loss=replace(FAST.loss, veto_log_ratio=1e9, veto_ratio=0.0)),
)
FREE = Sampling(temperature=1.0, top_p=1.0)


def full(step, brief):
    """The step's page with enough on it about the brief."""
    audit = replace(step.observation.audit, text_chars=900, interactive=6, words=brief)
    return replace(step, observation=replace(step.observation, audit=audit))


class Toybox:
    """A worker, a trainer and an engine in a few lines. A site's score depends on its draft, and on the adapter."""

    weights = "abc"

    def __init__(self, store, gain=1.0, broken_export=0):
        self.store, self.gain, self.broken_export, self.made = store, gain, broken_export, []
        self.score, self.works = float, 1.0
        self.stopped = lambda: False

    def wait(self, run_ids):
        for run_id in run_ids:
            run = self.store.run(run_id)
            if run.status == "done":
                continue
            self.made.append(run_id)
            bonus = self.gain if run.request.extras.get("arm") == "candidate" else 0.0
            for n in range(len(self.store.steps(run_id)) + 1, run.request.drafts + 1):
                tokens = (n, n + 1, n + 2)
                said = Completion("x", "stop", 3, 0, 3, 0.1, tokens, (-6.0,) * 3, (7, 8, 9))
                drew = "+".join(filter(None, (self.weights, Ledger(self.store).champion("tiny"))))
                record = {"tokens": token_record.packed([said], FREE, drew)}
                if self.store.completion(run_id, n) is None:
                    self.store.add_completion(run_id, n, CompletionRecord((("user", "go"),), "x", "stop", record))
                step = full(
                    built(n, min(self.score(n) + bonus, 5.0), functionality=self.works, kind="draft"), run.request.brief
                )
                self.store.add_step(run_id, step, {}, (), {}, tip=None)
            self.store.set_status(run_id, "done", best=run.request.drafts)

    def alone(self):
        return nullcontext()

    def trainer(self, settings, parent):
        return Trainer(policy(0, width=32, layers=1), settings, stopped=self.stopped)

    def export(self, trainer, folder):
        if self.broken_export:
            self.broken_export -= 1
            raise OSError("No space left on device")
        save_lora(trainer.model, folder)
        (folder / "adapter.gguf").write_bytes(b"GGUF")
        return {"parity": 0.01}


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


def begun(store, **changes):
    return begin_night(Ledger(store), replace(SETTINGS, **changes))


def work(store, night, machine, pause=lambda: None):
    return NightWork(store, store.folder / "nights" / str(night.id), machine, night, pause).work(night)


def test_a_night_that_helps_ends_with_another_champion(store):
    night = work(store, begun(store), Toybox(store))
    ledger = Ledger(store)
    assert (night.state, night.reason[:8]) == ("done", "promoted")
    adapter = ledger.champion("tiny")
    assert ledger.adapter(adapter).manifest["night"] == night.id
    assert sorted(path.name for path in (store.folder / "adapters" / adapter).iterdir()) == [
        *("adapter.gguf", "adapter_config.json", "adapter_model.safetensors", "manifest.json"),
    ]
    assert len(night.data["reports"]) == 2
    assert night.data["reward"] == 3.0  # drafts 1 to 3: looks of as much, and works of 1
    assert night.data["gate"]["briefs"] == 8


def test_a_night_that_does_not_help_changes_nothing_in_service(store):
    night = work(store, begun(store), Toybox(store, gain=0.0))
    assert night.reason.startswith("rejected")
    assert Ledger(store).champion("tiny") == ""
    assert Ledger(store).adapter(night.data["adapter"]).state == "rejected"


@pytest.mark.parametrize(("again", "serves"), [(1.0, True), (-2.0, False)])
def test_the_next_night_measures_a_promotion_again_and_takes_a_bad_one_back(store, again, serves):
    first = work(store, begun(store), Toybox(store))
    adapter = first.data["adapter"]
    machine = Toybox(store, gain=again)
    second = begun(store, seed=2)
    assert second.state == "confirm"
    work_ = NightWork(store, store.folder / "nights" / "2", machine, second)
    second = work_.confirm(second)
    ledger = Ledger(store)
    assert (ledger.champion("tiny") == adapter) == serves
    assert ("taken back when measured again" in ledger.adapter(adapter).reason) != serves
    assert (second.state, second.data["confirmed"]) == ("collect", adapter)
    second = work_.freeze(work_.collect(second))
    assert (second.state, second.data["parent"]) == ("train", adapter if serves else "")
    ledger.advance(second, "done", second.data, "enough")
    assert begun(store, seed=3).state == "collect"


def test_a_champion_that_was_taken_back_meanwhile_is_not_measured_again(store):
    work(store, begun(store), Toybox(store))
    second, machine = begun(store, seed=2), Toybox(store)
    Ledger(store).roll_back("tiny", "rolled back by hand")
    second = NightWork(store, store.folder / "nights" / "2", machine, second).confirm(second)
    assert (second.state, machine.made) == ("collect", [])


def test_what_a_person_promoted_against_the_gate_is_not_taken_back(store):
    night = work(store, begun(store), Toybox(store, gain=0.0))
    Ledger(store).promote("tiny", night.data["adapter"], "promoted by hand")
    assert begun(store, seed=2).state == "collect"


def test_no_brief_is_learned_from_and_measured_on():
    learn, measure = split(SETTINGS)
    assert not any(map(is_held_out, learn))
    assert all(map(is_held_out, measure))
    assert (len(learn), len(measure)) == (2, 8)
    assert is_held_out("A  Site, for\nBakers!") == is_held_out("a site for bakers")
    assert 0.15 < sum(map(is_held_out, BRIEFS)) / len(BRIEFS) < 0.45


@pytest.mark.parametrize("at", range(1, 9))
def test_stopped_anywhere_it_goes_on_there_and_ends_the_same(store, tmp_path, at):
    with Store(tmp_path / "whole") as other:
        whole = work(other, begun(other), Toybox(other))
    night, machine = begun(store), Toybox(store)
    asked = 0

    def pause():
        nonlocal asked
        asked += 1
        if asked == at:
            raise NightStopped

    with pytest.raises(NightStopped):
        work(store, night, machine, pause)
    night = work(store, Ledger(store).open_night(), machine)
    assert night.data["adapter"] == whole.data["adapter"]
    assert night.data["reports"] == whole.data["reports"]
    assert len(machine.made) == len(set(machine.made)) == 2 + 16


def test_a_box_that_is_never_left_alone_for_a_whole_update_learns_all_the_same(store, tmp_path):
    with Store(tmp_path / "whole") as other:
        whole = work(other, begun(other), Toybox(other))
    night, machine, stops = begun(store), Toybox(store), 0
    while night.state != "done":
        looks = iter([False] * 5)
        machine.stopped = lambda looks=looks: next(looks, True)
        try:
            night = work(store, night, machine)
        except NightStopped:
            night, stops = Ledger(store).open_night(), stops + 1
    assert stops > 2
    assert (night.data["adapter"], night.data["reports"]) == (whole.data["adapter"], whole.data["reports"])


def test_a_full_disk_in_the_middle_of_the_export_is_tried_again_once(store):
    night = work(store, begun(store), Toybox(store, broken_export=1))
    assert night.reason.startswith("promoted")


def test_two_failures_in_one_state_end_the_night_with_the_reason_and_no_change(store):
    night = work(store, begun(store), Toybox(store, broken_export=9))
    assert (night.state, night.reason) == ("failed", "export: No space left on device")
    assert Ledger(store).champion("tiny") == ""
    assert Ledger(store).adapters() == []


def test_records_of_another_model_are_nothing_to_learn_from(store):
    night = begun(store)
    work_ = NightWork(store, store.folder / "nights" / "1", Toybox(store), night)
    night = work_.collect(night)
    work_.machine.weights = "another"
    night = work_.freeze(night)
    assert (night.state, night.reason) == ("done", "nothing to learn from (6 another model or adapter)")


def test_a_model_file_that_changed_since_ends_the_night_and_nothing_else(store):
    machine = Toybox(store)
    night = begun(store)
    NightWork(store, store.folder / "nights" / "1", machine, night).collect(night)
    machine.weights = "another"
    night = work(store, Ledger(store).open_night(), machine)
    assert (night.state, night.reason[:29]) == ("failed", "the model's file is another one"[:29])
    assert Ledger(store).adapters() == []


class Flatbox(Toybox):
    """Every draft earns the same."""

    def __init__(self, store):
        super().__init__(store, gain=0.0)
        self.score = lambda n: 2.0


class Goodbox(Toybox):
    """One draft of a brief is good and the others are not."""

    def __init__(self, store, gain=1.0):
        super().__init__(store, gain)
        self.score, self.works = (lambda n: 4.0 if n == 1 else 0.0), 4.0


def lessons(night):
    return [(report["lesson"], report["outcome"]) for report in night.data["reports"]]


def test_a_night_can_imitate_first_and_follow_the_rewards_from_there(store):
    night = work(store, begun(store, lessons="both"), Goodbox(store))
    assert lessons(night) == [("imitate", "updated"), ("step grpo", "updated")]
    assert night.data["accepted"] == 2
    assert night.reason.startswith("promoted")


def test_what_was_learned_before_an_update_was_refused_is_not_lost(store):
    strict = replace(SETTINGS.train, most_kl=0.0)  # imitated tokens are somebody's; those of the groups are compared
    night = work(store, begun(store, lessons="both", train=strict), Goodbox(store))
    assert lessons(night) == [("imitate", "updated"), ("step grpo", "engines differ")]
    assert night.reason.startswith("promoted")


def test_good_sites_of_earlier_nights_are_imitated_again_some_by_each_night_and_all_by_a_warm_start(store):
    for seed in (1, 2):
        night = work(store, begun(store, lessons="warm start", seed=seed), Goodbox(store, gain=0.0))
        assert night.data["replayed"] == seed - 1  # a fifth of two, at least one
    machine = Goodbox(store, gain=0.0)
    night = work(store, begin_warm_start(Ledger(store), SETTINGS, "abc"), machine)
    assert (night.data["replayed"], night.data["groups"], night.data["reward"]) == (4, 0, None)
    assert lessons(night) == [("imitate", "updated")] * 2
    assert {store.run(made).request.extras["purpose"] for made in machine.made} == {"gate"}
    assert night.reason.startswith("rejected")


def test_a_warm_start_in_an_empty_store_says_that_there_is_nothing(store):
    night = work(store, begin_warm_start(Ledger(store), SETTINGS, "abc"), Toybox(store))
    assert (night.state, night.reason) == ("done", "nothing to learn from (no steps)")


def test_a_gate_of_its_own_brings_an_adapter_into_service_and_refuses_what_it_cannot_compare(store):
    first = work(store, begun(store), Toybox(store, gain=0.0))
    adapter, ledger = first.data["adapter"], Ledger(store)
    with pytest.raises(UsageError, match="trained on another file"):
        begin_gate(ledger, SETTINGS, adapter, "another")
    with pytest.raises(UsageError, match="no adapter 0000"):
        begin_gate(ledger, SETTINGS, "0000", "abc")
    machine = Toybox(store)
    night = work(store, begin_gate(ledger, replace(SETTINGS, seed=2), adapter, "abc"), machine)
    assert night.reason.startswith(f"promoted {adapter}")
    assert (ledger.champion("tiny"), len(machine.made)) == (adapter, 16)
    with pytest.raises(UsageError, match="serves already"):
        begin_gate(ledger, SETTINGS, adapter, "abc")


def test_impossible_grades_teach_nothing_and_spoil_nothing(store):
    machine = Toybox(store)
    machine.score, machine.works = (lambda n: float("nan") if n == 1 else float(n)), float("nan")
    night = work(store, begun(store), machine)
    assert night.data["reward"] == 2.5  # of drafts 2 and 3: the first has no grade at all
    assert all(math.isfinite(report["loss"]) for report in night.data["reports"])
    assert night.reason.startswith("promoted")


def test_equal_rewards_are_no_signal_and_make_no_adapter(store):
    night = work(store, begun(store, train_briefs=1), Flatbox(store))
    assert (night.state, night.reason) == ("done", "no update: no signal")
    assert Ledger(store).adapters() == []


def test_without_briefs_there_is_nothing_to_learn_from(store):
    night = work(store, begun(store, briefs=()), Toybox(store))
    assert (night.state, night.reason) == ("done", "nothing to learn from (no steps)")


def test_too_few_held_out_briefs_promote_nothing(store):
    night = work(store, begun(store, gate_briefs=3), Toybox(store))
    assert "3 held-out briefs are too few" in night.reason
    assert Ledger(store).champion("tiny") == ""


@pytest.mark.parametrize("consent", [True, False])
def test_sites_of_people_are_imitated_only_with_the_owners_consent(store, consent):
    for n, score in enumerate((1.0, 1.0, 5.0)):
        run = store.add_run(RunRequest(brief="A bakery", profile="small", model="tiny", seed=n))
        said = Completion("x", "stop", 3, 0, 3, 0.1, (40 + n, 41, 42), (-6.0,) * 3, (7, 8, 9))
        bent = token_record.packed([said], Sampling(temperature=0.6, top_p=0.95), "abc")
        store.add_completion(run.id, 1, CompletionRecord((("user", "go"),), "x", "stop", {"tokens": bent}))
        step = full(built(1, score, functionality=score, kind="draft"), "A bakery")
        store.add_step(run.id, step, {}, (), {}, tip=None)
        store.set_status(run.id, "done", best=1)
    night = begun(store, briefs=(), lessons="auto", learn_from_sites=consent)
    work_ = NightWork(store, store.folder / "nights" / "1", Toybox(store), night)
    night = work_.freeze(work_.collect(night))
    if not consent:
        assert night.reason.startswith("nothing to learn from")
        return
    assert night.data["lessons"] == ["imitate", "imitate"]
    assert groups_of(work_._frozen(), "imitate")[0].trajectories[0][0].turns[0].tokens == (42, 41, 42)
    Ledger(store).advance(night, "done", night.data, "enough")
    later = work(store, begin_warm_start(Ledger(store), SETTINGS, "abc"), Toybox(store))  # without the consent
    assert later.reason.startswith("nothing to learn from")


def test_what_a_night_asks_of_every_site_is_kept_beside_whose_site_it_is(store):
    asked = replace(SETTINGS.request, extras={"max_tokens": "400"})
    night = begun(store, request=asked)
    work_ = NightWork(store, store.folder / "nights" / "1", Toybox(store), night)
    night = work_.collect(night)
    extras = store.run(night.data["rollouts"][0]).request.extras
    assert extras == {"max_tokens": "400", "purpose": "rollout", "night": str(night.id)}


def real_machine(store):
    return NightMachine(store, store.folder, None, None, None, lambda: None, lambda: None, "abc")


def test_a_worker_of_its_own_that_ends_is_an_error_and_no_endless_wait(store, monkeypatch):
    run = store.add_run(RunRequest(brief="A bakery", profile="night", model="tiny"))
    machine = real_machine(store)
    ended = subprocess.Popen(["false"])
    ended.wait(30)
    monkeypatch.setattr("training.machine.subprocess.Popen", lambda *_, **__: ended)
    with pytest.raises(WorkerEnded, match="exit code 1"):
        machine.wait([run.id])


def test_a_trainer_has_the_memory_alone_and_gives_it_back(store):
    with real_machine(store).alone():
        assert store.lease_holder(TRAINER) is not None
    assert store.lease_holder(TRAINER) is None


def test_a_trainer_waits_for_the_site_that_a_worker_has_in_hand_and_not_for_a_dead_ones(store):
    run = store.add_run(RunRequest(brief="A bakery", profile="small", model="tiny"))
    store.set_status(run.id, "running")
    with real_machine(store).alone():
        pass
    store.take_lease(WORKER)
    with pytest.raises(NightStopped), real_machine(store).alone():
        pass
