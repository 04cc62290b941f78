"""One night, state after state: collect → freeze → train → export → gate → decide. Killed anywhere, it goes on there.
What the night before promoted is measured once more before anything else: `confirm`.

Each state reads what the one before wrote into the ledger, does its work in small units, and is left by one transaction
after its files are on the disk. Sites are made by the worker: the night writes requests into the queue and waits. What
a state cannot do for want of data ends the night with that reason; nothing in service changes before `decide`.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import msgspec

from appliance.errors import ApplianceError, UsageError
from appliance.ledger import Ledger, Night, NightState
from appliance.steps import RunRequest
from appliance.store import Run, Store
from training.gate import GateReport, GateSettings, SiteResult, decide_gate
from training.groups import page_of, step_groups, step_reward
from training.guards import flags_of
from training.step_grpo import Report, StepGroup, Trainer, TrainSettings
from training.teacher import taught_groups
from training.warm_start import Lesson, Lessons, Stage, accepted, lessons_of, stage_of

PURPOSE, NIGHT = "purpose", "night"
HELD_OUT_SHARE = 0.3
CHECKPOINT, ROLLOUTS = "checkpoint", "rollouts.json"
CONFIRM_LOWER = -0.3
"""Of 10. A champion whose second measure leaves room for more loss than this is taken back."""
_CONFIRM_SEEDS = 500
"""Where the seeds of the second measure begin: the gate of the same night has others."""
REPLAY_SHARE = 0.2
"""Of what a night imitates, how much was good in earlier nights: so that it is not forgotten."""
_SITES = 500
"""Sites of people that are looked at, the latest."""


class NightStopped(Exception):
    """The window closed, or a user wants the machine; the night goes on later."""


class Machine(Protocol):
    """What a night needs besides the store."""

    weights: str
    """SHA-256 of the model file."""

    def wait(self, run_ids: Sequence[str]) -> None:
        """Until the worker has ended them all. Raises NightStopped."""

    def alone(self) -> AbstractContextManager[None]:
        """The engine's memory is the trainer's while it is open. Raises NightStopped while a site is being made."""

    def trainer(self, settings: TrainSettings, parent: str) -> Trainer:
        """A policy that starts from the parent adapter, or from the model as it came."""

    def export(self, trainer: Trainer, folder: Path) -> Mapping[str, Any]:
        """Write PEFT's and the engine's files and compare both ways of using them; the figures.

        Raises ApplianceError where the engine does not do what the trainer does.
        """


@dataclass(frozen=True, slots=True)
class NightSettings:
    """`request` is what every site to learn from is asked for, `gate_request` every site to compare; but for brief,
    seed and extras."""

    request: RunRequest
    gate_request: RunRequest
    briefs: tuple[str, ...]
    train_briefs: int = 8
    drafts: int = 4
    updates: int = 2
    gate_briefs: int = 8
    gate_seeds: int = 2
    seed: int = 1
    lessons: Lessons = "auto"
    """What the updates do: as the stage has it, only this or that, or first one and then the other."""
    learn_from_sites: bool = False
    """Whether good sites that people asked for are imitated too."""
    train: TrainSettings = field(default_factory=TrainSettings)
    gate: GateSettings = field(default_factory=GateSettings)


def begin_night(ledger: Ledger, settings: NightSettings) -> Night:
    """The settings are kept with the night, so that it goes on as it began. Raises UsageError while one is open."""
    model = settings.request.model
    first: NightState = "confirm" if ledger.unconfirmed(model) else "collect"
    return ledger.begin_night(model, {"settings": msgspec.to_builtins(settings)}, first)


def begin_warm_start(ledger: Ledger, settings: NightSettings, weights: str) -> Night:
    """A night that draws nothing: it imitates what earlier nights, a teacher and consenting people's sites have."""
    model = settings.request.model
    told = msgspec.to_builtins(replace(settings, lessons="warm start"))
    data = {"settings": told, "parent": ledger.champion(model), "weights": weights, "rollouts": []}
    return ledger.begin_night(model, data, "freeze")


def begin_gate(ledger: Ledger, settings: NightSettings, adapter: str, weights: str) -> Night:
    """A night that only compares an adapter with what serves. Raises UsageError for one that cannot be."""
    row, model = ledger.adapter(adapter), settings.request.model
    champion = ledger.champion(model)
    if row.model != model or row.weights != weights:
        raise UsageError(f"Adapter {adapter} was trained on another file than the {model} that is installed here.")
    if adapter == champion:
        raise UsageError(f"Adapter {adapter} serves already; the night after its promotion measures it again.")
    data = {"settings": msgspec.to_builtins(settings), "parent": champion, "weights": weights, "adapter": adapter}
    return ledger.begin_night(model, data, "gate")


def settings_of(night: Night) -> NightSettings:
    return msgspec.convert(night.data["settings"], NightSettings)


def is_held_out(brief: str) -> bool:
    """By the brief's own words, so that no list can be mixed up: spelling and spaces do not move it."""
    plain = re.sub(r"\W+", " ", brief.lower()).strip()
    return int(hashlib.sha256(plain.encode()).hexdigest()[:8], 16) / 2**32 < HELD_OUT_SHARE


def split(settings: NightSettings) -> tuple[list[str], list[str]]:
    """Briefs of the night to learn from, and to be measured on; never one in both. The seed chooses which."""
    chance = random.Random(settings.seed)
    learn = [brief for brief in settings.briefs if not is_held_out(brief)]
    measure = [brief for brief in settings.briefs if is_held_out(brief)]
    return (
        chance.sample(learn, min(settings.train_briefs, len(learn))),
        chance.sample(measure, min(settings.gate_briefs, len(measure))),
    )


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a night learns from: groups for the policy gradient, and what may be imitated whatever drew it."""

    groups: tuple[StepGroup, ...]
    examples: tuple[StepGroup, ...]
    taught: tuple[StepGroup, ...] = ()
    """A teacher's, imitated whatever their score."""
    people: tuple[StepGroup, ...] = ()
    """Sites that people asked for, while their owner consents; kept apart, so that no later night replays them."""
    replayed: tuple[StepGroup, ...] = ()
    """Chosen from earlier nights, each step worth 1."""


class NightWork:
    """`folder` holds the night's files. `pause` is asked between units and raises NightStopped."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        machine: Machine,
        night: Night,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self.store, self.ledger = store, Ledger(store)
        self.folder, self.machine, self.settings, self.pause = folder, machine, settings_of(night), pause

    def work(self, night: Night) -> Night:
        """Until the night is over. Raises NightStopped; other errors count as a crash of the state."""
        states: dict[str, Callable[[Night], Night]] = {
            **{
                "confirm": self.confirm,
                "collect": self.collect,
                "freeze": self.freeze,
                "train": self._alone(self.train),
            },
            **{"export": self._alone(self.export), "gate": self.gate, "decide": self.decide},
        }
        if night.data.get("weights", self.machine.weights) != self.machine.weights:
            why = "the model's file is another one than when the night began; nothing of it was used"
            return self.ledger.advance(night, "failed", night.data, why)
        while night.state in states:
            self.pause()
            try:
                night = states[night.state](night)
            except NightStopped:
                raise
            except (ApplianceError, OSError, ValueError) as error:
                night = self.ledger.crashed(night, f"{night.state}: {error}")
        return night

    def _alone(self, state: Callable[[Night], Night]) -> Callable[[Night], Night]:
        def alone(night: Night) -> Night:
            with self.machine.alone():
                return state(night)

        return alone

    # -- states ----------------------------------------------------------------------------------------------------

    def confirm(self, night: Night) -> Night:
        """One night in ten promotes by luck: champion and parent make held-out sites again, with fresh seeds."""
        champion = self.ledger.unconfirmed(night.model)
        if not champion:  # taken back by somebody since the night began
            return self.ledger.advance(night, "collect", night.data)
        arms = {"champion": self.ledger.adapter(champion).parent, "candidate": champion}
        report = self._compared(self._duel(night, "confirm", arms, _CONFIRM_SEEDS))
        data = {**night.data, "confirmation": told_gate(report)}
        if report.decision == "too few":
            return self.ledger.advance(night, "collect", data)
        if report.lower < CONFIRM_LOWER and self.ledger.champion(night.model) == champion:
            self.ledger.roll_back(night.model, f"taken back when measured again: {report.reason}")
        return self.ledger.advance(night, "collect", {**data, "confirmed": champion})

    def collect(self, night: Night) -> Night:
        if "parent" not in night.data:
            begun = {"parent": self.ledger.champion(night.model), "weights": self.machine.weights}
            night = self.ledger.advance(night, "collect", {**night.data, **begun})
        learn, _ = split(self.settings)
        wanted = [self._request(brief, self.settings.seed, "rollout", night) for brief in learn]
        runs = self._runs(night, "rollout", [replace(one, drafts=self.settings.drafts) for one in wanted])
        self.machine.wait([run.id for run in runs])
        return self.ledger.advance(night, "freeze", {**night.data, "rollouts": [run.id for run in runs]})

    def freeze(self, night: Night) -> Night:
        """From here on the runs may be deleted: what is learned from them lies in a file of its own."""
        policy = "+".join(filter(None, (self.machine.weights, night.data["parent"])))
        found = step_groups(self.store, night.data["rollouts"], policy)
        sites = self._sites_of_people() if self.settings.learn_from_sites else []
        examples = step_groups(self.store, night.data["rollouts"], policy, on_policy=False)
        people = step_groups(self.store, sites, policy, on_policy=False)
        taught = taught_groups(self.store.folder, self.machine.weights)
        best, earlier = accepted([*examples.groups, *people.groups]), self._earlier(night)
        good = sum(len(group.trajectories) for group in best)
        replayed = earlier if not night.data["rollouts"] else self._some(earlier, good)
        lessons = lessons_of(
            self.settings.lessons,
            self._stage(night, good),
            self.settings.updates,
            good=bool(best or taught or replayed),
            groups=bool(found.groups),
        )
        if not lessons:
            why = ", ".join(f"{count} {reason}" for reason, count in sorted(found.left_out.items()))
            return self.ledger.advance(night, "done", night.data, f"nothing to learn from ({why or 'no steps'})")
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = Frozen(found.groups, examples.groups, tuple(taught), people.groups, tuple(replayed))
        write_whole(self.folder / ROLLOUTS, msgspec.json.encode(kept))
        earned = [step.reward.total for group in found.groups for chain in group.trajectories for step in chain]
        scored = [total for total in earned if total is not None]
        told = {
            "reward": fmean(scored) if scored else None,
            **{"groups": len(found.groups), "left_out": found.left_out, "flags": found.flags},
            **{"accepted": good, "taught": len(taught), "replayed": len(replayed), "lessons": lessons},
        }
        return self.ledger.advance(night, "train", {**night.data, **told})

    def train(self, night: Night) -> Night:
        frozen, lessons = self._frozen(), night.data["lessons"]
        trainer = self.machine.trainer(self.settings.train, night.data["parent"])
        reports: list[dict[str, Any]] = []
        checkpoint = self.folder / CHECKPOINT
        if checkpoint.exists() or checkpoint.with_name(CHECKPOINT + ".old").exists():
            reports = trainer.resume(checkpoint)["reports"]
        for lesson in lessons[len(reports) :]:
            self.pause()
            report = trainer.update(groups_of(frozen, lesson), imitates=lesson == "imitate")
            if report is None:
                trainer.save(checkpoint, {"reports": reports})
                raise NightStopped
            reports.append({"lesson": lesson, **told_report(report)})
            if report.outcome != "updated":  # what was learned before it is not lost
                break
            trainer.save(checkpoint, {"reports": reports})
        data = {**night.data, "reports": reports}
        if reports[0]["outcome"] != "updated":
            return self.ledger.advance(night, "done", data, f"no update: {reports[0]['outcome']}")
        return self.ledger.advance(night, "export", data)

    def export(self, night: Night) -> Night:
        trainer = self.machine.trainer(self.settings.train, night.data["parent"])
        trainer.resume(self.folder / CHECKPOINT)
        scratch = self.folder / "adapter"
        shutil.rmtree(scratch, ignore_errors=True)
        figures = dict(self.machine.export(trainer, scratch))
        adapter = hashlib.sha256((scratch / "adapter_model.safetensors").read_bytes()).hexdigest()[:12]
        manifest = {
            **{"id": adapter, "parent": night.data["parent"], "model": night.model, "weights": self.machine.weights},
            **{"night": night.id, "reports": night.data["reports"], "parity": figures, "groups": night.data["groups"]},
            "settings": json.loads(json.dumps(asdict(self.settings.train))),
        }
        write_whole(scratch / "manifest.json", json.dumps(manifest, indent=1).encode())
        target = self.store.folder / "adapters" / adapter
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            scratch.rename(target)
        self.ledger.add_adapter(adapter, night.model, self.machine.weights, night.data["parent"], night.id, manifest)
        return self.ledger.advance(night, "gate", {**night.data, "adapter": adapter, "parity": figures})

    def gate(self, night: Night) -> Night:
        arms = {"champion": night.data["parent"], "candidate": night.data["adapter"]}
        made = self._duel(night, "gate", arms)
        return self.ledger.advance(night, "decide", {**night.data, "gate_runs": made})

    def decide(self, night: Night) -> Night:
        report = self._compared(night.data["gate_runs"])
        adapter, data = night.data["adapter"], {**night.data, "gate": told_gate(report)}
        if report.decision == "promote":
            self.ledger.promote(night.model, adapter, report.reason)
            return self.ledger.advance(night, "done", data, f"promoted {adapter}: {report.reason}")
        self.ledger.reject(adapter, report.reason)
        return self.ledger.advance(night, "done", data, f"rejected {adapter}: {report.reason}")

    # -- their parts -----------------------------------------------------------------------------------------------

    def _duel(self, night: Night, purpose: str, arms: Mapping[str, str], first_seed: int = 0) -> list[str]:
        """Both arms make the same held-out briefs with the same seeds, in an order that tells nothing. The runs."""
        _, measure = split(self.settings)
        seeds = [self.settings.seed * 1000 + first_seed + n for n in range(1, self.settings.gate_seeds + 1)]
        wanted = [
            replace(one, extras={**one.extras, "adapter": adapter, "arm": arm})
            for brief in measure
            for seed in seeds
            for arm, adapter in arms.items()
            for one in [self._request(brief, seed, purpose, night)]
        ]
        random.Random(night.id).shuffle(wanted)
        runs = self._runs(night, purpose, wanted)
        self.machine.wait([run.id for run in runs])
        return [run.id for run in runs]

    def _compared(self, run_ids: Sequence[str]) -> GateReport:
        arms: dict[str, list[SiteResult]] = {"champion": [], "candidate": []}
        for run in map(self.store.run, run_ids):
            arms[run.request.extras["arm"]].append(site_result(self.store, run))
        return decide_gate(arms["champion"], arms["candidate"], self.settings.gate)

    def _request(self, brief: str, seed: int, purpose: str, night: Night) -> RunRequest:
        asked = self.settings.request if purpose == "rollout" else self.settings.gate_request
        return replace(asked, brief=brief, seed=seed, extras={**asked.extras, PURPOSE: purpose, NIGHT: str(night.id)})

    def _runs(self, night: Night, purpose: str, wanted: Sequence[RunRequest]) -> list[Run]:
        """The night's runs of this purpose, in the order they were wanted; those a killed attempt added are not added
        again."""
        known = {
            msgspec.json.encode(run.request, order="sorted"): run
            for run in self.store.runs(limit=100_000)
            if run.request.extras.get(NIGHT) == str(night.id) and run.request.extras.get(PURPOSE) == purpose
        }
        found = []
        for request in wanted:
            key = msgspec.json.encode(request, order="sorted")
            found.append(known.get(key) or self.store.add_run(request))
        return found

    def _frozen(self) -> Frozen:
        return msgspec.json.decode((self.folder / ROLLOUTS).read_bytes(), type=Frozen)

    def _stage(self, night: Night, good: int) -> Stage:
        """By what the nights of this model before have accepted and brought into service."""
        before = [one for one in self.ledger.nights() if one.model == night.model and one.id < night.id]
        promoted = [one.data.get("gate", {}).get("decision") == "promote" for one in before]
        without = next((n for n, won in enumerate(promoted) if won), len(promoted))
        so_far = good + sum(one.data.get("accepted", 0) for one in before)
        return stage_of(so_far, without if any(promoted) else 0, promoted[:1] == [True])

    def _earlier(self, night: Night) -> list[StepGroup]:
        """What earlier nights of this very file found worth imitating, the newest first."""
        found: list[StepGroup] = []
        for one in self.ledger.nights():
            kept = self.folder.parent / str(one.id) / ROLLOUTS
            if one.id < night.id and one.data.get("weights") == self.machine.weights and kept.exists():
                found += accepted(msgspec.json.decode(kept.read_bytes(), type=Frozen).examples)
        return found

    def _some(self, earlier: Sequence[StepGroup], good: int) -> Sequence[StepGroup]:
        count = min(len(earlier), ceil(good * REPLAY_SHARE))
        return random.Random(self.settings.seed).sample(earlier, count)

    def _sites_of_people(self) -> list[str]:
        model = self.settings.request.model
        runs = self.store.runs(status="done", limit=_SITES, for_people=True)
        return [run.id for run in runs if run.request.model == model]


def groups_of(frozen: Frozen, lesson: Lesson) -> Sequence[StepGroup]:
    if lesson == "step grpo":
        return frozen.groups
    return [*accepted([*frozen.examples, *frozen.people]), *frozen.taught, *frozen.replayed]


def site_result(store: Store, run: Run) -> SiteResult:
    """What a user would get of this run: its best step, and what the run cost."""
    steps = store.steps(run.id)
    rewards = [step_reward(step) for step in steps]
    best = next((step for step in steps if step.n == run.best), None)
    audit = best.observation.audit if best else None
    flags = flags_of(audit, page_of(store, best), run.request.brief) if audit and best else ()
    scores = [] if flags else [one.total for one in rewards if one.total is not None and not one.is_malformed]
    return SiteResult(
        brief=run.request.brief,
        seed=run.request.seed,
        score=max(scores, default=0.0),
        is_valid=run.best is not None,
        turns=len(steps),
        malformed=sum(one.is_malformed for one in rewards),
        tokens=sum(step.usage.completion_tokens for step in steps),
        static_faults=len(audit.findings) if audit else 0,
        flags=len(flags),
    )


def told_report(report: Report) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(asdict(report)))
    return told


def told_gate(report: GateReport) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(asdict(report)))
    return told


def write_whole(path: Path, content: bytes) -> None:
    """All or nothing, and on the disk when this returns."""
    scratch = path.with_name(path.name + ".part")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
