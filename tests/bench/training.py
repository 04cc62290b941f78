"""The trainer's pieces, measured. Run as `python -m tests.bench.training [--json] [--only PART] [--model NAME]`.

tiny_reward_*            mean reward of a small random network before and after updates, on three seeds
tiny_steps_*             the same where each step wants another class: pooled baseline, and one for each step
resume_max_diff          the largest difference between a training that was stopped and resumed and one that was not
logprob_value_diff       chunked log-probs against the whole softmax: value and gradient
logprob_memory_ratio     chunked over whole, at 16,384 tokens × 151,936: measured at two lengths and extended in a line
logprob_time_ratio*      over TRL's own, with whole logits and in chunks (asks for `trl`), forward and backward
memory_*                 bytes of live tensors at the peak of an update, and what the plan said
mismatch_*, kl_*         tokens sampled by the served engine, scored by the trainer over a base of that kind
adapter_parity           trainer with adapter against engine with adapter, less the base's own difference
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from appliance.config import load_config
from appliance.requests import shelf
from models.chat import Completion
from models.llama import LlamaChild, LlamaSettings
from tests.training.toy import Toy, mean_reward, policy
from training.advantages import AdvantageSettings
from training.base import BaseKind, load_base
from training.batches import Turn
from training.gguf_adapter import write_gguf_adapter
from training.logprobs import CHUNK_TOKENS, token_logprobs
from training.lora import LoraSettings, add_lora, save_lora, trained
from training.machine import compared, sampled
from training.plan import plan_training
from training.rewards import StepReward
from training.run import model_sizes
from training.step_grpo import StepGroup, Trainer, TrainSettings, TrainStep

SAME, OTHERS = ((3, 3, 3),) * 2, ((1, 4, 6), (2, 7, 0), (5, 3, 1), (6, 0, 4))
FAST = TrainSettings(learning_rate=2e-3, checkpointing=False, advantages=AdvantageSettings(scale="group"))
UPDATES, STEPS_UPDATES = 25, 70
H, V, LONG = 896, 151_936, 16_384
LENGTHS = (1024, 2048)
TOKENS, DRAFTS = 256, 8
MEMORY_TOKENS, MEMORY_RANK = (512, 2048), 32


class Bench:
    def __init__(self, model: str) -> None:
        self.model = model
        self.figures: dict[str, Any] = {}

    # -- a small network -------------------------------------------------------------------------------------------

    def tiny(self) -> None:
        starts, ends = [], []
        for seed in (0, 1, 2):
            rewards = learned(seed, SAME, FAST, UPDATES)
            starts.append(rewards[0])
            ends.append(rewards[-1])
        self.figures |= {"tiny_reward_start": _rounded(starts), "tiny_reward_end": _rounded(ends)}

    def steps(self) -> None:
        """The first experiment of training/LOG.md."""
        for baseline in ("pool", "step_index"):
            settings = TrainSettings(
                learning_rate=3e-3,
                checkpointing=False,
                advantages=AdvantageSettings(scale="group", baseline=baseline),  # type: ignore[arg-type]
            )
            self.figures[f"tiny_steps_{baseline}"] = round(learned(0, OTHERS, settings, STEPS_UPDATES)[-1], 3)

    def resume(self) -> None:
        whole, stopped = history(None), history(2)
        apart = [abs(a - b) for one, other in zip(whole, stopped, strict=True) for a, b in zip(one, other, strict=True)]
        self.figures["resume_max_diff"] = max(apart)

    # -- log-probs -------------------------------------------------------------------------------------------------

    def logprobs(self) -> None:
        hidden, head, labels = inputs(256)
        found = []
        for compute in (whole_logprobs, token_logprobs):
            given = hidden.clone().requires_grad_()
            values = compute(given, head, labels)
            values.sum().backward()
            found.append((values.detach(), given.grad))
        (value, grad), (other_value, other_grad) = found
        self.figures["logprob_value_diff"] = (value - other_value).abs().max().item()
        self.figures["logprob_grad_diff"] = (grad - other_grad).abs().max().item()  # type: ignore[operator]
        peaks = {name: [child(name, length)["peak_mib"] for length in LENGTHS] for name in ("whole", "chunked")}
        long = {name: extended(LENGTHS, peak, LONG) for name, peak in peaks.items()}
        self.figures["logprob_peaks_mib"] = {name: _rounded(peak) for name, peak in peaks.items()}
        self.figures["logprob_memory_ratio"] = round(long["chunked"] / long["whole"], 4)
        ours = child("chunked", LENGTHS[0])["seconds"]
        for key, name in (("logprob_time_ratio", "trl"), ("logprob_time_ratio_chunked", "trl_chunked")):
            theirs = child(name, LENGTHS[0])
            self.figures[key] = round(ours / theirs["seconds"], 3) if "seconds" in theirs else theirs["missing"]

    def memory(self) -> None:
        """An update of one sequence over the served blocks; the allocator's own record of live tensors, not RSS."""
        config, _ = load_config(os.environ)
        found = shelf(config).get(self.model)
        for tokens in MEMORY_TOKENS:
            model = add_lora(load_base(found.path, "gguf"), LoraSettings(rank=MEMORY_RANK, alpha=2.0 * MEMORY_RANK))
            trainer = Trainer(model, TrainSettings(most_kl=1e9, most_vetoed=1.0))
            held = sum(one.nbytes for one in {one.data_ptr(): one for one in tensors_of(trainer)}.values())
            turns = [Turn((1,) * 8, tuple(range(n - 8)), (-1.0,) * (n - 8), 0, None) for n in (tokens, 16)]
            few = [Turn((1,) * 8, tuple(range(8)), (-1.0,) * 8, 0, None)] * 2
            trainer.update([group_of(few)])  # from here on the optimiser has its moments
            moments = sum(one.grad.nbytes + 2 * one.nbytes for one in trained(model) if one.grad is not None)
            with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
                report = trainer.update([group_of(turns)])
            assert report is not None
            assert report.outcome == "updated", report
            plan = plan_training(
                model_sizes(found),
                "gguf",
                tokens=tokens,
                rank=MEMORY_RANK,
                available=0,
                chunk_tokens=CHUNK_TOKENS,
                on_gpu=False,
            )
            measured = held + moments + peak_bytes(seen)
            self.figures |= {
                f"memory_measured_mib_{tokens}": round(measured / 2**20),
                f"memory_planned_mib_{tokens}": round(plan.needed / 2**20),
                f"memory_plan_ratio_{tokens}": round(plan.needed / measured, 3),
            }

    # -- the served engine -----------------------------------------------------------------------------------------

    def engine(self) -> None:
        path = installed(self.model)
        with LlamaChild(LlamaSettings(path, context_tokens=4096)) as served:
            answers = sampled(served, TOKENS, DRAFTS)
        self.figures |= {"model": self.model, "sampled_tokens": sum(len(one.token_ids) for one in answers)}
        for kind in ("gguf", "nf4"):
            self._mismatch(path, kind, answers)

    def _mismatch(self, path: Path, kind: BaseKind, answers: list[Completion]) -> None:
        began = time.monotonic()
        trainer = Trainer(add_lora(load_base(path, kind), LoraSettings(rank=8)), TrainSettings(checkpointing=False))
        found = compared(trainer, answers)
        self.figures[f"mismatch_{kind}"] = round(found.mean_abs, 4)
        self.figures[f"kl_{kind}"] = round(found.kl, 5)
        self.figures[f"scored_s_{kind}"] = round(time.monotonic() - began, 1)

    def adapter(self) -> None:
        path = installed(self.model)
        model = add_lora(load_base(path, "gguf"), LoraSettings(rank=16, alpha=32.0))
        trainer = Trainer(model, TrainSettings(checkpointing=False))
        with LlamaChild(LlamaSettings(path, context_tokens=4096)) as served, tempfile.TemporaryDirectory() as folder:
            before = sampled(served, TOKENS, DRAFTS)
            base = compared(trainer, before).mean_abs
            random = torch.manual_seed(0)
            for parameter in trained(model):
                parameter.data += torch.randn(parameter.shape, generator=random) * 0.012
            self.figures["adapter_effect"] = round(compared(trainer, before).mean_abs - base, 4)
            save_lora(model, Path(folder) / "peft")
            target = Path(folder) / "adapter.gguf"
            write_gguf_adapter(Path(folder) / "peft", target, "qwen2", model.config.num_hidden_layers)
            served.set_adapters([(target, 1.0)])
            self.figures["adapter_parity"] = round(
                compared(trainer, sampled(served, TOKENS, DRAFTS)).mean_abs - base, 4
            )
            served.set_adapters([])
            self.figures["adapter_removed"] = [one.logprobs for one in sampled(served, TOKENS, DRAFTS)] == [
                one.logprobs for one in before
            ]


def tensors_of(trainer: Trainer) -> list[torch.Tensor]:
    found = [*trainer.model.parameters(), *trainer.model.buffers(), trainer.head]
    for module in trainer.model.modules():
        found += [value for value in vars(module).values() if isinstance(value, torch.Tensor)]
    return found


def group_of(turns: list[Turn]) -> StepGroup:
    """One step each, the first worth less than the second."""
    rewards = [StepReward(total, total / 2, total / 2) for total in (1.0, 3.0)]
    return StepGroup("one", tuple((TrainStep(one, (turn,)),) for one, turn in zip(rewards, turns, strict=True)))


def peak_bytes(seen: profile) -> int:
    """The most that was allocated at a time, above what was there before."""
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]  # type: ignore[union-attr]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def learned(seed: int, wanted: tuple[tuple[int, ...], ...], settings: TrainSettings, updates: int) -> list[float]:
    model, task = policy(seed), Toy(wanted, 8, torch.manual_seed(seed + 10))
    trainer = Trainer(model, settings)
    rewards = []
    for _ in range(updates):
        groups = task.collect(model)
        rewards.append(mean_reward(groups))
        trainer.update(groups)
    return [*rewards, mean_reward(task.collect(model))]


def history(stop_after: int | None) -> list[tuple[float, float, float]]:
    model, task = policy(0), Toy(SAME, 4, torch.manual_seed(1))
    trainer = Trainer(model, FAST)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(4):
            if n == stop_after:
                trainer.save(Path(folder) / "checkpoint")
                torch.manual_seed(99)
                model = policy(0)
                trainer = Trainer(model, FAST)
                trainer.resume(Path(folder) / "checkpoint")
            groups = task.collect(model)
            report = trainer.update(groups)
            assert report is not None
            found.append((mean_reward(groups), report.loss, report.gradient))
    return found


def inputs(tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(tokens, H) * 0.1, torch.randn(V, H) * 0.02, torch.randint(0, V, (tokens,))


def whole_logprobs(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(hidden @ head.T, dim=1).gather(1, labels[:, None])[:, 0]


def trl_logprobs(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    from trl.trainer.utils import selective_log_softmax  # only ever in this bench, as an oracle

    found: torch.Tensor = selective_log_softmax((hidden @ head.T)[None], labels[None])[0]
    return found


def trl_chunked_logprobs(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    from trl.trainer import utils

    apply, chunk = utils._ChunkedLogProbFunction.apply, utils._CHUNKED_LOGPROB_CHUNK_SIZE
    found: torch.Tensor = apply(hidden, head, None, labels, 1.0, chunk, None, 1.0, ())[0]
    return found


WAYS = {
    "whole": whole_logprobs,
    "chunked": token_logprobs,
    "trl": trl_logprobs,
    "trl_chunked": trl_chunked_logprobs,
}


def child(name: str, tokens: int) -> dict[str, Any]:
    """Forward and backward in a process of its own: peak memory above the inputs, and the time of the second time."""
    argv = [sys.executable, "-m", "tests.bench.training", "--child", name, str(tokens)]
    found: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    return found


def one_way(name: str, tokens: int) -> dict[str, Any]:
    hidden, head, labels = inputs(tokens)
    hidden.requires_grad_()
    try:
        WAYS[name](hidden[:8], head, labels[:8]).sum().backward()
    except ImportError as error:
        return {"missing": f"{error.name} is not installed"}
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = memory_mib("VmRSS"), time.monotonic()
    WAYS[name](hidden, head, labels).sum().backward()
    return {"peak_mib": memory_mib("VmHWM") - before, "seconds": time.monotonic() - began}


def memory_mib(field: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def extended(lengths: tuple[int, ...], peaks: list[float], length: int) -> float:
    """Both parts of the memory, what grows with the tokens and what does not, from two lengths."""
    slope = (peaks[1] - peaks[0]) / (lengths[1] - lengths[0])
    return peaks[1] + slope * (length - lengths[1])


def installed(name: str) -> Path:
    config, _ = load_config(os.environ)
    return shelf(config).get(name).path


def _rounded(numbers: list[float]) -> list[float]:
    return [round(number, 3) for number in numbers]


PARTS = ("tiny", "steps", "resume", "logprobs", "memory", "engine", "adapter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure only this part")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="an installed model for the engine's parts")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(one_way(chosen.child[0], int(chosen.child[1]))))
        return
    bench = Bench(chosen.model)
    for name in chosen.only or PARTS:
        if not chosen.json:
            print(f"… {name}", file=sys.stderr)
        getattr(bench, name)()
    if chosen.json:
        print(json.dumps(bench.figures))
    else:
        for key, value in bench.figures.items():
            print(f"{key:24} {value}")


if __name__ == "__main__":
    main()
