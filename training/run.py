"""From the appliance's settings to a night that works: which model, which base, which briefs, until when."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import torch
from gguf import GGUFReader

from appliance.brief import bench_cases
from appliance.config import Config
from appliance.errors import RunBusy, UsageError
from appliance.ledger import LEASE, Ledger, Night
from appliance.requests import Wishes, make_request, shelf
from appliance.schedule import current_window, read_time
from appliance.steps import RunRequest
from appliance.store import Store
from models.fetch import InstalledModel
from models.hardware import detect_hardware
from training.base import BaseKind
from training.gpu import card_states
from training.logprobs import CHUNK_TOKENS
from training.lora import LoraSettings
from training.machine import NightMachine
from training.night import (
    NightSettings,
    NightStopped,
    NightWork,
    begin_gate,
    begin_night,
    begin_warm_start,
    settings_of,
)
from training.plan import GIB, ORDER, Sizes, TrainPlan, choose_base, plan_training, sizes_of
from training.step_grpo import TrainSettings

CARDS_GIB = {"8 GB": 7.2, "12 GB": 10.8, "16 GB": 14.8, "24 GB": 22.5}
"""What a card of that size has to give."""
PLANNED_TOKENS = (4096, 16384)
_LOOK_EVERY_S = 5.0


Kind = Literal["night", "warm-start", "gate"]


def run_night(
    config: Config,
    store: Store,
    model: str,
    seed: int | None,
    ends: str | None,
    say: Callable[[str], None],
    kind: Kind = "night",
    adapter: str = "",
) -> Night:
    """Begin a night, or go on with the one that is open, until it is over or the time is. Raises UsageError.

    Without a seed each night has its own, so that no two learn from the same briefs. The kinds that are only a part of
    a night are never begun while another is open.
    """
    ledger = Ledger(store)
    chance = seed if seed is not None else 1 + max((night.id for night in ledger.nights(1)), default=0)
    settings = night_settings(config, model, chance)
    match kind:
        case "night":
            night = ledger.open_night() or begin_night(ledger, settings)
        case "warm-start":
            night = begin_warm_start(ledger, settings, shelf(config).get(model).weights.sha256)
        case "gate":
            night = begin_gate(ledger, settings, adapter, shelf(config).get(model).weights.sha256)
    its = settings_of(night)
    installed = shelf(config).get(night.model)
    plan, why = base_plan(config, installed, its.train.most_tokens)
    say(f"night {night.id}: {night.model}, base {why}")
    is_over = Deadline(_end(ledger, ends))
    pause = _pauser(store, is_over)
    weights = installed.weights.sha256
    lora = LoraSettings(rank=config.training.rank, alpha=2.0 * config.training.rank)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not card_states():
        say("! nvidia-smi tells nothing of the card: limits of heat and watts are not kept tonight")
    machine = NightMachine(
        store=store,
        home=config.home,
        model=installed,
        plan=plan,
        lora=lora,
        pause=pause,
        pause_waiting=is_over,
        weights=weights,
        device=device,
        most_watts=config.training.max_watts,
    )
    work = NightWork(store, config.home / "nights" / str(night.id), machine, night, pause)
    if not store.take_lease(LEASE):
        raise RunBusy("A night is at work already; `appliance train status` says how far it is.")
    try:
        return work.work(night)
    except NightStopped:
        return next(one for one in ledger.nights() if one.id == night.id)
    finally:
        store.drop_lease(LEASE)


def night_settings(config: Config, model: str, seed: int) -> NightSettings:
    its = config.training

    def request(profile: str) -> RunRequest:
        # The brief is each site's own; a request without one would be refused.
        asked = make_request(config, "a site", Wishes(profile=profile, model=model, stack="static"))
        return replace(asked, extras={"max_tokens": str(its.max_tokens)} if its.max_tokens else {})

    return NightSettings(
        request=request("night"),
        gate_request=request("gate"),
        briefs=tuple(case.instruction for case in bench_cases().values()),
        train_briefs=its.briefs,
        drafts=4,
        updates=its.updates,
        gate_briefs=its.gate_briefs,
        gate_seeds=its.gate_seeds,
        seed=seed,
        lessons=its.lessons,
        learn_from_sites=its.learn_from_sites,
        train=TrainSettings(learning_rate=its.learning_rate),
    )


@dataclass(frozen=True, slots=True)
class PlanRow:
    machine: str
    tokens: int
    plan: TrainPlan


def training_plans(config: Config, model: str) -> list[PlanRow]:
    """The kind of base that would be chosen on each card, and on this machine, at two lengths."""
    sizes = model_sizes(shelf(config).get(model))
    facts = detect_hardware()
    rows = []
    for tokens in PLANNED_TOKENS:
        for card, gib in CARDS_GIB.items():
            rows.append(PlanRow(card, tokens, _chosen(config, sizes, tokens, int(gib * GIB), on_gpu=True)))
        here = _chosen(config, sizes, tokens, facts.ram_free_mib << 20, on_gpu=False)
        rows.append(PlanRow("this machine's CPU", tokens, here))
    return rows


def base_plan(config: Config, model: InstalledModel, tokens: int) -> tuple[TrainPlan, str]:
    """What the settings say, or what the memory plan chooses, and why."""
    facts = detect_hardware()
    gpu_mib = max((gpu.free_mib or 0 for gpu in facts.gpus), default=0)
    on_gpu = bool(gpu_mib) and torch.cuda.is_available()
    available = (gpu_mib if on_gpu else facts.ram_free_mib) << 20
    sizes = model_sizes(model)
    if config.training.base != "auto":
        plan = _plan(config, sizes, config.training.base, tokens, available, on_gpu=on_gpu)
        return plan, f"{plan.kind}, as set"
    plans = _plans(config, sizes, tokens, available, on_gpu=on_gpu)
    kind, why = choose_base(plans)
    return plans[kind], why


def model_sizes(model: InstalledModel) -> Sizes:
    reader = GGUFReader(model.path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    if fields.get("general.architecture") != "qwen2":
        raise UsageError(f"{model.name} is no qwen2 model; only those can be trained.")
    by_name = {tensor.name: int(tensor.n_bytes) for tensor in reader.tensors}
    linears = sum(size for name, size in by_name.items() if name.startswith("blk.") and name.endswith("weight"))
    vocabulary = by_name["token_embd.weight"] + by_name.get("output.weight", 0)
    return sizes_of(fields, linears, vocabulary, tied="output.weight" not in by_name)


def _chosen(config: Config, sizes: Sizes, tokens: int, available: int, *, on_gpu: bool) -> TrainPlan:
    plans = _plans(config, sizes, tokens, available, on_gpu=on_gpu)
    return plans[choose_base(plans)[0]]


def _plans(config: Config, sizes: Sizes, tokens: int, available: int, *, on_gpu: bool) -> dict[BaseKind, TrainPlan]:
    kinds: tuple[BaseKind, ...] = ORDER if on_gpu else ("gguf",)
    return {kind: _plan(config, sizes, kind, tokens, available, on_gpu=on_gpu) for kind in kinds}


def _plan(config: Config, sizes: Sizes, kind: BaseKind, tokens: int, available: int, *, on_gpu: bool) -> TrainPlan:
    """On a card, with the checkpoints in main memory where that makes it fit and nothing else does."""
    plain, offloaded = (
        plan_training(
            sizes,
            kind,
            tokens=tokens,
            rank=config.training.rank,
            available=available,
            chunk_tokens=CHUNK_TOKENS,
            on_gpu=on_gpu,
            offload=offload,
        )
        for offload in (False, True)
    )
    return offloaded if on_gpu and offloaded.fits and not plain.fits else plain


class Deadline:
    """Called often; raises NightStopped when the night is over. None: never.

    The end is a time of the clock on the wall, so that a night in which the clocks change ends when it should. A clock
    that is set back does not make the night longer than it was to be, and an hour.
    """

    def __init__(
        self,
        ends: datetime | None,
        clock: Callable[[], datetime] = datetime.now,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ends, self._clock, self._steady, self._began = ends, clock, steady, steady()
        self._longest = (ends - clock() + timedelta(hours=1)).total_seconds() if ends else math.inf

    def __call__(self) -> None:
        if self._ends and (self._clock() >= self._ends or self._steady() - self._began >= self._longest):
            raise NightStopped


def _end(ledger: Ledger, ends: str | None) -> datetime | None:
    """On the wall, without a time zone."""
    now = datetime.now()
    if ends:
        until = datetime.combine(now.date(), read_time(ends))
        return until if until > now else until + timedelta(days=1)
    schedule = ledger.schedule()
    window = current_window(schedule, now.astimezone()) if schedule else None
    return window.ends.replace(tzinfo=None) if window else None


def _pauser(store: Store, is_over: Callable[[], None]) -> Callable[[], None]:
    """Stops the night at its end, and for a site that a user waits for. Asked often, so it looks only now and then."""
    looked = 0.0

    def pause() -> None:
        nonlocal looked
        is_over()
        if time.monotonic() - looked < _LOOK_EVERY_S:
            return
        looked = time.monotonic()
        if store.runs(status="queued", limit=1, for_people=True):
            raise NightStopped

    return pause
