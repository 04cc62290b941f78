"""Turns of a trajectory as sequences of tokens: turns that continue each other are trained in one pass. Pure.

A turn's prompt that begins with everything before it (prompt and reply of the turn before) adds only what is new, so
that a trajectory costs its length once. Where the history was shortened in between, a new sequence begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.loss import Turned


@dataclass(frozen=True, slots=True)
class Turn:
    """`step` numbers the step that the tokens belong to; `advantage` None leaves them out of the loss."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    step: int
    advantage: float | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """One unpadded sequence of T tokens; each list has T entries. `step` is -1 where the model did not write, or where
    what it wrote is not trained on."""

    ids: tuple[int, ...]
    step: tuple[int, ...]
    rollout: tuple[float, ...]
    advantage: tuple[float, ...]

    @property
    def trained(self) -> int:
        return sum(step >= 0 for step in self.step)


def sequences(turns: Sequence[Turn], most_tokens: int) -> tuple[list[Tokens], int]:
    """The turns as few sequences, and how many turns did not fit into `most_tokens`; those are left out, never cut."""
    made: list[list[Turn]] = []
    dropped = 0
    for turn in turns:
        if len(turn.prompt) + len(turn.tokens) > most_tokens:
            dropped += 1
        elif made and _continues(made[-1][-1], turn):
            made[-1].append(turn)
        else:
            made.append([turn])
    return [_joined(part) for part in made], dropped


def _continues(before: Turn, turn: Turn) -> bool:
    whole = (*before.prompt, *before.tokens)
    return turn.prompt[: len(whole)] == whole


def _joined(turns: Sequence[Turn]) -> Tokens:
    ids: list[int] = []
    step: list[int] = []
    rollout: list[float] = []
    advantage: list[float] = []
    for turn in turns:
        new = turn.prompt[len(ids) :]
        is_trained = turn.advantage is not None
        ids += (*new, *turn.tokens)
        step += [-1] * len(new) + [turn.step if is_trained else -1] * len(turn.tokens)
        rollout += (*(0.0,) * len(new), *turn.logprobs)
        advantage += [0.0] * len(new) + [turn.advantage or 0.0] * len(turn.tokens)
    return Tokens(tuple(ids), tuple(step), tuple(rollout), tuple(advantage))


def targets(tokens: Tokens, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Input ids (1, T), positions (N,) whose next token the model wrote, and those tokens (N,).

    Only these N positions are put through the head: what others wrote costs no head work.
    """
    ids = torch.tensor(tokens.ids, device=device)
    wrote = torch.tensor(tokens.step, device=device) >= 0
    wrote[:1] = False  # nothing comes before the first token
    at = wrote.nonzero()[:, 0]
    return ids[None], at - 1, ids[at]


def turned(tokens: Tokens, old: Tensor) -> Turned:
    """What the loss wants to know of the N tokens of `targets`; `old` (N,) are their log-probs before the update."""
    wrote = [n for n in range(1, len(tokens.ids)) if tokens.step[n] >= 0]

    def of(values: Iterable[float]) -> Tensor:
        kept = list(values)
        return torch.tensor([kept[n] for n in wrote], device=old.device)

    return Turned(old, of(tokens.rollout), of(tokens.advantage), of(tokens.step))
