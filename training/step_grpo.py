"""One update after the other: groups of scored steps in, a better adapter out. Exactly resumable.

An update is one story: the advantages of its groups, the log-probs before it, then epochs of one gradient step each
over all trajectories, one unpadded sequence at a time. With on-policy data and one epoch the ratio is 1 and the clip
does nothing; it acts from the second epoch on.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import torch
from peft import PeftModel
from torch import Tensor

from training.advantages import AdvantageSettings, batch_deviation, group_advantages
from training.base import head_of
from training.batches import Tokens, Turn, sequences, targets, turned
from training.logprobs import CHUNK_TOKENS, token_logprobs
from training.lora import load_lora, save_lora, trained
from training.loss import LossSettings, Mismatch, Turned, mismatch, trained_tokens, trajectory_loss
from training.rewards import StepReward


@dataclass(frozen=True, slots=True)
class TrainStep:
    """A step with what the model wrote for it; `turns` carry no advantage yet."""

    reward: StepReward
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class StepGroup:
    """All trajectories of one brief."""

    name: str
    trajectories: tuple[tuple[TrainStep, ...], ...]


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Defaults for one consumer card; `learning_rate` is for LoRA, ten times what full tuning takes."""

    learning_rate: float = 1e-5
    epochs: int = 1
    gradient_clip: float = 0.5
    most_tokens: int = 16384
    chunk_tokens: int = CHUNK_TOKENS
    most_kl: float = 0.05
    """Per token between server and trainer; above it the update is refused."""
    most_vetoed: float = 0.2
    """Share of trained tokens on steps where the engines disagree; above it the update is refused."""
    checkpointing: bool = True
    advantages: AdvantageSettings = field(default_factory=AdvantageSettings)
    loss: LossSettings = field(default_factory=LossSettings)


_IMITATION_RATE = 10.0
Outcome = Literal["updated", "no signal", "engines differ", "not finite"]


@dataclass(frozen=True, slots=True)
class Report:
    """What an update did. `outcome` other than `updated` changed nothing."""

    outcome: Outcome
    reward: float
    tokens: int = 0
    loss: float = 0.0
    gradient: float = 0.0
    groups: Mapping[str, str] = field(default_factory=dict)
    """Outcome of each group's advantages."""
    dropped_turns: int = 0
    vetoed: float = 0.0
    mismatch: Mismatch | None = None


@dataclass(slots=True)
class Halfway:
    """How far an update is that was stopped on the way; the gradients so far are the parameters' own."""

    sizes: list[int]
    """Tokens of each sequence, by which the update is known again."""
    old: list[Tensor] = field(default_factory=list)
    """(N,) log-probs before the update, of the sequences so far."""
    epoch: int = 0
    done: int = 0
    """Sequences of this epoch whose gradients are summed."""
    loss: float = 0.0


class Trainer:
    """Holds the policy and its optimiser. `stopped` is asked between sequences; what it interrupts goes on there with
    the next call of the same update, in a resumed trainer too.

    `offload` keeps the checkpointed activations in main memory instead of the card's: less there, and a little slower.
    """

    def __init__(
        self,
        model: PeftModel,
        settings: TrainSettings,
        stopped: Callable[[], bool] = lambda: False,
        *,
        offload: bool = False,
    ) -> None:
        self.model: Any = model
        self.settings, self.stopped = settings, stopped
        self.updates = 0
        self._halfway: Halfway | None = None
        self._base = cast(Any, model).get_base_model()
        self.head = head_of(self._base)
        self._parameters = trained(model)
        self._optimiser = torch.optim.AdamW(self._parameters, lr=settings.learning_rate, weight_decay=0.0)
        if settings.checkpointing:
            self.model.enable_input_require_grads()
            self._base.activation_checkpointing_enable({"use_reentrant": False}, offload=offload)
            for layer in self._base.model.layers:
                layer.training = True  # else it keeps everything; only the layer itself, so that nothing is dropped out

    def update(self, groups: Sequence[StepGroup], *, imitates: bool = False) -> Report | None:
        """One update from these groups; None when it was stopped on the way.

        With `imitates` each step's advantage is its reward, whoever wrote it: no correction for how likely its tokens
        were there, and ten times the learning rate. Raises ValueError where another update is under way.
        """
        parts, report = prepared(groups, imitation(self.settings) if imitates else self.settings)
        if not any(part.trained for part in parts):
            return report
        sizes = [len(part.ids) for part in parts]
        half = self._halfway or Halfway(sizes)
        if half.sizes != sizes:
            raise ValueError("Another update is under way; end that one first.")
        ended = self._go_on(half, parts, report, imitates)
        self._halfway = half if ended is None else None
        return ended

    def _go_on(self, half: Halfway, parts: Sequence[Tokens], report: Report, imitates: bool) -> Report | None:
        old = self._before(half, parts, imitates)
        if old is None:
            return None
        masks = [trained_tokens(one, self.settings.loss) for one in old]
        report = self._compared(report, old, masks)
        if report.outcome != "updated":
            return report
        for held in self._optimiser.param_groups:
            held["lr"] = self.settings.learning_rate * (_IMITATION_RATE if imitates else 1.0)
        while half.epoch < self.settings.epochs:
            stepped = self._epoch(half, parts, old, masks, report)
            if stepped is None or stepped.outcome != "updated":
                return stepped
            report = stepped
        self.updates += 1
        return report

    def _before(self, half: Halfway, parts: Sequence[Tokens], imitates: bool) -> list[Turned] | None:
        """Each part's tokens with their log-probs before the update."""
        for part in parts[len(half.old) :]:
            if self.stopped():
                return None
            with torch.no_grad():
                half.old.append(self.logprobs(part))
        found = [turned(part, old) for part, old in zip(parts, half.old, strict=True)]
        return [replace(one, rollout=one.old) for one in found] if imitates else found

    def _compared(self, report: Report, old: Sequence[Turned], masks: Sequence[Tensor]) -> Report:
        whole = sum(mask.numel() for mask in masks)
        kept = sum(int(mask.sum()) for mask in masks)
        apart = mismatch(
            torch.cat([one.old for one in old]), torch.cat([one.rollout for one in old]), self.settings.loss.tis_cap
        )
        vetoed = 1 - kept / max(whole, 1)
        too_far = apart.kl > self.settings.most_kl or vetoed > self.settings.most_vetoed
        outcome: Outcome = "engines differ" if too_far else "updated"
        return replace(report, outcome=outcome, mismatch=apart, vetoed=vetoed, tokens=kept)

    def _epoch(
        self, half: Halfway, parts: Sequence[Tokens], old: Sequence[Turned], masks: Sequence[Tensor], report: Report
    ) -> Report | None:
        if not half.done:
            self._optimiser.zero_grad(set_to_none=True)
        for part, one, mask in list(zip(parts, old, masks, strict=True))[half.done :]:
            if self.stopped():
                return None
            loss = trajectory_loss(
                self.logprobs(part), one, mask, self.settings.loss, tokens=report.tokens, trajectories=len(parts)
            )
            loss.backward()  # type: ignore[no-untyped-call]
            half.loss += loss.item()
            half.done += 1
        total = half.loss
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self.settings.gradient_clip).item()
        if not math.isfinite(norm) or not math.isfinite(total):
            return replace(report, outcome="not finite", loss=total, gradient=norm)
        self._optimiser.step()
        half.epoch, half.done, half.loss = half.epoch + 1, 0, 0.0
        return replace(report, loss=total, gradient=norm)

    def logprobs(self, part: Tokens) -> Tensor:
        """float32 (N,): log-probs of the tokens the model wrote. One sequence, no padding, so no attention mask."""
        device = str(self._parameters[0].device)
        ids, at, labels = targets(part, device)
        hidden = self._base.model(input_ids=ids).last_hidden_state[0]
        return token_logprobs(hidden[at], self.head, labels, chunk_tokens=self.settings.chunk_tokens)

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def save(self, folder: Path, extra: Mapping[str, Any] | None = None) -> None:
        """Adapter, optimiser, random state, count and an update that is under way, complete or not at all."""
        scratch = folder.with_name(folder.name + ".part")
        save_lora(self.model, scratch)
        state = {
            "optimiser": self._optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "updates": self.updates,
        }
        if self._halfway:
            state["halfway"] = {name: getattr(self._halfway, name) for name in Halfway.__slots__}
            state["gradients"] = [parameter.grad for parameter in self._parameters]
        torch.save(state, scratch / "trainer.pt")
        told = {"settings": asdict(self.settings), "updates": self.updates, **(extra or {})}
        (scratch / "trainer.json").write_text(json.dumps(told, indent=1))
        for path in scratch.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        old = folder.with_name(folder.name + ".old")
        if folder.exists():
            folder.rename(old)
        scratch.rename(folder)
        for path in sorted(old.glob("*")):
            path.unlink()
        if old.exists():
            old.rmdir()

    def resume(self, folder: Path) -> dict[str, Any]:
        """Go on exactly where `save` stood. The `extra` that was saved. Raises ValueError for other settings."""
        if not folder.exists() and (old := folder.with_name(folder.name + ".old")).exists():
            old.rename(folder)  # killed between the two renames
        told: dict[str, Any] = json.loads((folder / "trainer.json").read_text())
        if told["settings"] != json.loads(json.dumps(asdict(self.settings))):
            raise ValueError(f"{folder} was made with other settings; finish with those, or start anew.")
        state = torch.load(folder / "trainer.pt", weights_only=True)
        load_lora(self.model, folder)
        self._optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        self.updates = state["updates"]
        self._halfway = Halfway(**state["halfway"]) if "halfway" in state else None
        for parameter, gradient in zip(self._parameters, state.get("gradients", ()), strict=False):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)
        return told


def imitation(settings: TrainSettings) -> TrainSettings:
    """The same settings where a step's advantage is its reward: no baseline, no negative samples."""
    return replace(settings, advantages=AdvantageSettings(credit="accept"))


def prepared(groups: Sequence[StepGroup], settings: TrainSettings) -> tuple[list[Tokens], Report]:
    """The sequences of an update with their advantages laid on the tokens, and the report as far as it goes. Pure."""
    rewards = [[[step.reward for step in one] for one in group.trajectories] for group in groups]
    deviation = batch_deviation(rewards) if settings.advantages.scale == "batch" else None
    found = [group_advantages(one, settings.advantages, deviation) for one in rewards]
    parts: list[Tokens] = []
    dropped = 0
    for group, advantages in zip(groups, found, strict=True):
        if advantages.outcome != "trained":
            continue
        for steps, values in zip(group.trajectories, advantages.values, strict=True):
            made, missed = sequences(_turns(steps, values), settings.most_tokens)
            parts += [part for part in made if part.trained]
            dropped += missed
    totals = [step.total for group in rewards for one in group for step in one if step.total is not None]
    mean = sum(totals) / len(totals) if totals else math.nan
    outcomes = {group.name: one.outcome for group, one in zip(groups, found, strict=True)}
    return parts, Report("no signal", mean, groups=outcomes, dropped_turns=dropped)


def _turns(steps: Sequence[TrainStep], values: Sequence[float | None]) -> list[Turn]:
    return [
        replace(turn, step=k, advantage=value)
        for k, (step, value) in enumerate(zip(steps, values, strict=True))
        for turn in step.turns
    ]
