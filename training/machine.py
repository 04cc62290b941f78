"""The real parts of a night: the worker's queue, the trainer over the installed file, the engine to compare with."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from appliance.errors import ApplianceError
from appliance.store import TRAINER, WORKER, Store
from models.chat import ChatMessage, Completion, Sampling
from models.fetch import InstalledModel
from models.gguf_file import read_gguf
from models.llama import LlamaChild, LlamaSettings
from training.base import load_base
from training.batches import Tokens
from training.gguf_adapter import write_gguf_adapter
from training.gpu import Cooler, wait_for_memory
from training.lora import LoraSettings, add_lora, load_lora, save_lora
from training.loss import Mismatch, mismatch
from training.night import NightStopped
from training.plan import TrainPlan
from training.step_grpo import Trainer, TrainSettings

MIB = 1 << 20
_POLL_S = 1.0
_OVER = ("done", "failed", "stopped")
PARITY_PROMPT = "Write one HTML page for a bakery with opening hours, six kinds of bread and an order form."
PARITY_TOKENS, PARITY_DRAFTS = 96, 4
MOST_APART = 0.05
"""Mean |Δ log-prob| that the adapter may add to what the base alone differs by."""


class AdapterUnfit(ApplianceError):
    """The engine does not do with an adapter what the trainer does."""

    exit_code = 1


class WorkerEnded(ApplianceError):
    """The worker that a night started for itself is gone, and its sites are not made."""

    exit_code = 1


@dataclass
class NightMachine:
    """`pause` raises NightStopped when the night has to end for now, or make way; `pause_waiting` only for its end,
    because who waits for the worker is in nobody's way."""

    store: Store
    home: Path
    model: InstalledModel
    plan: TrainPlan
    lora: LoraSettings
    pause: Callable[[], None]
    pause_waiting: Callable[[], None]
    weights: str
    device: str = "cpu"
    most_watts: float = 0.0

    def wait(self, run_ids: Sequence[str]) -> None:
        with self._worker() as worker:
            while any(self.store.run(run_id).status not in _OVER for run_id in run_ids):
                self.pause_waiting()
                if worker is not None and worker.poll() is not None:
                    raise WorkerEnded(
                        f"The worker ended with exit code {worker.returncode}; `appliance worker` says why."
                    )
                time.sleep(_POLL_S)

    @contextmanager
    def _worker(self) -> Iterator[subprocess.Popen[bytes] | None]:
        """Whoever works on the queue already does so for the night too; else a worker of our own."""
        if self.store.lease_holder(WORKER) is not None:
            yield None
            return
        process = subprocess.Popen([sys.executable, "-m", "appliance", "worker"], stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Sites wait in the queue from here on, and whoever has one in hand ends it first."""
        is_busy = self.store.lease_holder(WORKER) is not None and self.store.runs(status="running", limit=1)
        if is_busy or not self.store.take_lease(TRAINER):
            raise NightStopped
        try:
            if self.device != "cpu":
                wait_for_memory(self.plan.needed / MIB)
            yield
        finally:
            self.store.drop_lease(TRAINER)

    def trainer(self, settings: TrainSettings, parent: str) -> Trainer:
        torch.manual_seed(0)
        model = add_lora(load_base(self.model.path, self.plan.kind, device=self.device), self.lora)
        if parent:
            load_lora(model, self.home / "adapters" / parent)
        cooler = Cooler(self.most_watts)
        return Trainer(model, settings, stopped=lambda: self._is_over(cooler), offload=self.plan.offload)

    def _is_over(self, cooler: Cooler) -> bool:
        try:
            if self.device != "cpu":
                cooler()
            self.pause()
        except NightStopped:
            return True
        return False

    def export(self, trainer: Trainer, folder: Path) -> Mapping[str, Any]:
        save_lora(trainer.model, folder)
        layers = read_gguf(self.model.path).number("block_count")
        write_gguf_adapter(folder, folder / "adapter.gguf", "qwen2", layers)
        model = cast(Any, trainer.model)
        with LlamaChild(LlamaSettings(self.model.path, context_tokens=4096)) as served:
            plain = sampled(served)
            with model.disable_adapter():
                base = compared(trainer, plain)
            effect = compared(trainer, plain)
            served.set_adapters([(folder / "adapter.gguf", 1.0)])
            with_it = compared(trainer, sampled(served))
        figures = {
            "base_apart": base.mean_abs,
            "adapter_effect": effect.mean_abs - base.mean_abs,
            "adapter_parity": with_it.mean_abs - base.mean_abs,
        }
        if figures["adapter_parity"] > MOST_APART:
            raise AdapterUnfit(
                f"The engine with the adapter differs from the trainer by {figures['adapter_parity']:.3f} a token more"
                f" than without it; {MOST_APART} is allowed. It is not used."
            )
        return figures


def sampled(served: LlamaChild, tokens: int = PARITY_TOKENS, drafts: int = PARITY_DRAFTS) -> list[Completion]:
    """From the whole distribution, the same each time."""
    samplings = [Sampling(1.0, 1.0, tokens, seed) for seed in range(drafts)]
    return served.drafts([ChatMessage("user", PARITY_PROMPT)], samplings, record=True)


def compared(trainer: Trainer, answers: Sequence[Completion]) -> Mismatch:
    """Trainer against engine on the engine's own tokens."""
    ours: list[torch.Tensor] = []
    theirs: list[float] = []
    with torch.no_grad():
        for one in answers:
            before, count = len(one.prompt_token_ids), len(one.token_ids)
            ids = (*one.prompt_token_ids, *one.token_ids)
            nothing = (0.0,) * len(ids)
            ours.append(trainer.logprobs(Tokens(ids, (-1,) * before + (0,) * count, nothing, nothing)))
            theirs += one.logprobs
    return mismatch(torch.cat(ours).cpu(), torch.tensor(theirs), 2.0)
