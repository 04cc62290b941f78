"""A task that a network of a million weights learns in a minute: three steps of sixteen tokens, each worth the share of
its tokens that are of the wanted class, with four tokens of somebody else in between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from training.batches import Turn
from training.lora import LoraSettings, add_lora
from training.rewards import StepReward
from training.step_grpo import StepGroup, TrainStep

VOCABULARY, CLASSES = 512, 8
STEPS, STEP_TOKENS, BETWEEN = 3, 16, 4


def policy(seed: int, *, width: int = 128, layers: int = 4):
    """LoRA over a frozen random network. The head is scaled: one as drawn leaves nothing that can be learned."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=False,
    )
    base = Qwen2ForCausalLM(config)
    base.lm_head.weight.data *= 8
    for parameter in base.parameters():
        parameter.requires_grad_(False)
    base.eval()
    return add_lora(base, LoraSettings(rank=16, alpha=32.0))


@dataclass
class Toy:
    """`wanted[b][k]` is the class that brief b wants in step k."""

    wanted: tuple[tuple[int, ...], ...]
    trajectories: int
    random: torch.Generator

    def collect(self, model) -> list[StepGroup]:
        """All trajectories of all briefs, sampled with a KV cache at temperature 1."""
        briefs = [b for b in range(len(self.wanted)) for _ in range(self.trajectories)]
        ids = torch.tensor([[b * 8 + n for n in range(8)] for b in briefs])
        chances = torch.zeros(len(briefs), 0)
        cache = None
        with torch.no_grad():
            for k in range(STEPS):
                if k:
                    ids = torch.cat([ids, torch.full((len(briefs), BETWEEN), 500 + k)], dim=1)
                    chances = torch.cat([chances, torch.zeros(len(briefs), BETWEEN)], dim=1)
                for _ in range(STEP_TOKENS):
                    seen = 0 if cache is None else cache.get_seq_length()
                    out = model(input_ids=ids[:, seen:], past_key_values=cache, use_cache=True)
                    cache = out.past_key_values
                    likely = torch.log_softmax(out.logits[:, -1].float(), dim=1)
                    drawn = torch.multinomial(likely.exp(), 1, generator=self.random)
                    ids = torch.cat([ids, drawn], dim=1)
                    chances = torch.cat([chances, likely.gather(1, drawn)], dim=1)
        made = [
            self.steps(b, row.tolist(), chance.tolist()) for b, row, chance in zip(briefs, ids, chances, strict=True)
        ]
        each = self.trajectories
        return [StepGroup(str(b), tuple(made[b * each : (b + 1) * each])) for b in range(len(self.wanted))]

    def steps(self, brief, ids, chances):
        steps = []
        for k in range(STEPS):
            first = 8 + k * (STEP_TOKENS + BETWEEN)
            tokens = tuple(ids[first : first + STEP_TOKENS])
            share = sum(token % CLASSES == self.wanted[brief][k] for token in tokens) / STEP_TOKENS
            likely = tuple(chances[first - 8 : first - 8 + STEP_TOKENS])
            turn = Turn(tuple(ids[:first]), tokens, likely, k, None)
            steps.append(TrainStep(StepReward(share), (turn,)))
        return tuple(steps)


def mean_reward(groups) -> float:
    rewards = [step.reward.total for group in groups for one in group.trajectories for step in one]
    return sum(rewards) / len(rewards)
