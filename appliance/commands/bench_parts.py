"""What a measurement needs of the machine: runs made like any other, and models that judge."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from appliance.assembly import RealWorkshop
from appliance.bench.made_by import code_digest
from appliance.bench.measure import Made
from appliance.bench.modes import ABLATION, Kind
from appliance.bench.results import Setting
from appliance.config import Config
from appliance.requests import Wishes, make_request, shelf
from appliance.steps import Files, RunRequest, Step
from appliance.store import Run, Store
from appliance.worker import execute
from models.energy import EnergyMeter
from models.llama import LlamaSettings

JUDGE_CONTEXT_TOKENS = 8192
STEPWISE = "stepwise"
ENERGY = "energy"


class Stopped(Exception):
    """The user stopped the measurement; finished sites are kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user said for all runs of a measurement; empty or None where nothing was said."""

    model: str = ""
    profile: str = ""
    steps: int | None = None

    @classmethod
    def again(cls, begun: Setting) -> Asked:
        return cls(begun.model, begun.asked_profile, begun.asked_steps)

    def wishes(self, kind: Kind, seed: int) -> Wishes:
        wishes = Wishes(seed=seed, model=self.model or None, profile=self.profile or None, steps=self.steps)
        match kind:
            case "loop":
                return wishes
            case "one-shot":
                return replace(wishes, one_shot=True)
            case "faithful":
                return replace(wishes, faithful=True)
            case _:
                return replace(wishes, profile=self.profile or STEPWISE, ablation=kind)

    def request(self, config: Config, modes: tuple[str, ...]) -> RunRequest:
        """That of the run which the measurement is about."""
        kind: Kind = "backtrack" if set(modes) <= set(ABLATION) else "loop"
        return make_request(config, "A page.", self.wishes(kind, 1))


@dataclass(frozen=True, slots=True)
class StoredMaker:
    """Makes runs like any other, in the store that all runs lie in. A run that this very code was asked for in the same
    words is taken up where it stands instead of being made twice."""

    store: Store
    config: Config
    stop: threading.Event
    workshop: RealWorkshop
    asked: Asked = Asked()

    def make(self, kind: Kind, brief: str, seed: int) -> Made:
        return self._made(brief, self.asked.wishes(kind, seed))

    def drafts(self, brief: str, seed: int, count: int) -> Made:
        """Sampling seeds are the run's seed times 1000 plus the step, so these are new ones."""
        return self._made(brief, replace(self.asked.wishes("loop", seed + 5000), steps=count, drafts=count))

    def _made(self, brief: str, wishes: Wishes) -> Made:
        request = make_request(self.config, brief, wishes)
        request = replace(request, extras={**request.extras, "code": code_digest()})
        same = [run for run in self.store.runs() if run.request == request and run.origin_run is None]
        run = same[0] if same else self.store.add_run(request)
        if run.status != "done":
            with EnergyMeter() as meter:
                execute(run, self.store, self.workshop, self.stop, lambda *_: None, on_stop="stopped")
            alone = self.config.engine.at_once == 1  # else others had a part in what was metered
            self.store.add_event(run.id, ENERGY, {"watt_hours": meter.watt_hours if alone else None})
            if self.stop.is_set():
                raise Stopped
        return Made(
            run.id,
            tuple(self.store.steps(run.id)),
            self._files,
            self._seconds(run.id),
            self._picture,
            self._watt_hours(run),
        )

    def _seconds(self, run_id: str) -> float:
        """From the start of the work to its end; of a run that was interrupted, only what came after."""
        at = [
            (event.data["status"], datetime.fromisoformat(event.at))
            for event in self.store.events(run_id, limit=100_000)
            if event.kind == "status"
        ]
        starts = [moment for status, moment in at if status == "running"]
        return (at[-1][1] - starts[-1]).total_seconds() if starts else 0.0

    def _watt_hours(self, run: Run) -> float | None:
        """Of every attempt that ended, be it by a stop."""
        metered = [event.data["watt_hours"] for event in self.store.events_of(run.id, [ENERGY])]
        known = [float(value) for value in metered if value is not None]
        return sum(known) if known else None

    def _files(self, step: Step) -> Files:
        return self.store.files(step.built or step.snapshot)

    def _picture(self, step: Step) -> bytes:
        shown = next((picture for picture in step.observation.pictures if picture.name == "desktop"), None)
        return self.store.blob(shown.sha256) if shown else b""


def model_settings(config: Config, name: str) -> LlamaSettings:
    """Of a model that judges. Raises what an unknown name raises: asked before the minutes are spent on sites."""
    installed = shelf(config).get(name)
    return LlamaSettings(
        path=installed.path,
        projector=installed.projector_path,
        context_tokens=min(JUDGE_CONTEXT_TOKENS, installed.context_tokens),
        threads=config.engine.threads,
        gpu_layers=config.engine.gpu_layers,
    )


def results_folder(config: Config, out: Path | None, suite: str) -> Path:
    return out or config.home / "bench" / suite
