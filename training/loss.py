"""The clipped policy-gradient loss with dual clip and a correction for the server being another policy. Pure (torch).

`l = max(−A ρ, −A clip(ρ))`, for `A < 0` at most `−c A` (dual clip, arXiv 1912.09729); `ρ = exp(logp − logp_old)` per
token, or one ratio per step (GSPO, arXiv 2507.18071). Tokens were sampled by another engine, so each is weighted with
`w = min(exp(logp_old − logp_rollout), cap)` (truncated importance sampling), which is kept apart from `ρ`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LossSettings:
    clip_low: float = 0.2
    clip_high: float = 0.28
    dual_clip: float = 3.0
    ratio: Literal["token", "step"] = "token"
    aggregate: Literal["token", "sequence"] = "token"
    tis_cap: float = 2.0
    veto_ratio: float = 1e-4
    """A step with a token whose engines differ by more than this ratio is not trained on."""
    veto_log_ratio: float = 0.5
    """Nor is one whose mean absolute difference of log-probs is above this."""


@dataclass(frozen=True, slots=True)
class Turned:
    """One trajectory's tokens, each of shape (T,): log-probs under the policy at the update's start and under the
    server, the advantage of the step a token belongs to, and the step's number; -1 for tokens not the model's own."""

    old: Tensor
    rollout: Tensor
    advantage: Tensor
    step: Tensor


def trained_tokens(turned: Turned, settings: LossSettings) -> Tensor:
    """Boolean (T,): the model's own tokens, without steps on which the two engines disagree too much."""
    mask = turned.step >= 0
    apart = turned.old - turned.rollout
    for step in sorted(set(turned.step[mask].tolist())):
        its = turned.step == step
        too_far = apart[its].abs().mean() > settings.veto_log_ratio
        if too_far or torch.exp(-apart[its].abs()).min() < settings.veto_ratio:
            mask = mask & ~its
    return mask


def token_losses(logp: Tensor, turned: Turned, mask: Tensor, settings: LossSettings) -> Tensor:
    """Weighted losses of shape (T,), 0 where `mask` is False."""
    ratio = torch.exp(_log_ratio(logp, turned, mask, settings))
    a = turned.advantage
    plain, clipped = -a * ratio, -a * ratio.clamp(1 - settings.clip_low, 1 + settings.clip_high)
    loss = torch.maximum(plain, clipped)
    loss = torch.where(a < 0, torch.minimum(loss, -settings.dual_clip * a), loss)
    weight = torch.exp(turned.old - turned.rollout).clamp(max=settings.tis_cap).detach()
    return torch.where(mask, weight * loss, torch.zeros_like(loss))


def trajectory_loss(
    logp: Tensor, turned: Turned, mask: Tensor, settings: LossSettings, *, tokens: int, trajectories: int
) -> Tensor:
    """This trajectory's part of an update over `tokens` trained tokens of `trajectories`; the parts sum to the loss."""
    losses = token_losses(logp, turned, mask, settings)
    if settings.aggregate == "token":
        return losses.sum() / max(tokens, 1)
    return losses.sum() / mask.sum().clamp(min=1) / max(trajectories, 1)


def _log_ratio(logp: Tensor, turned: Turned, mask: Tensor, settings: LossSettings) -> Tensor:
    apart = logp - turned.old
    if settings.ratio == "token":
        return apart
    whole = apart.clone()
    for step in sorted(set(turned.step[mask].tolist())):
        its = turned.step == step
        # One ratio for the step, with each token's own gradient (GSPO-token).
        whole = torch.where(its, apart[its].mean().detach() + apart - apart.detach(), whole)
    return whole


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How far the trainer at the update's start is from the server, over trained tokens."""

    mean_abs: float
    p99_abs: float
    kl: float
    """k3 estimate per token of KL(server ‖ trainer)."""
    effective: float
    """Effective sample size of the importance weights, as a share."""
    capped: float


def mismatch(old: Tensor, rollout: Tensor, cap: float) -> Mismatch:
    """Of two log-prob vectors of one length. Raises ValueError where they are empty."""
    if old.numel() == 0:
        raise ValueError("there are no tokens to compare")
    apart = (old - rollout).double()
    weights = torch.exp(apart)
    return Mismatch(
        mean_abs=apart.abs().mean().item(),
        p99_abs=torch.quantile(apart.abs(), 0.99).item(),
        kl=(weights - 1 - apart).mean().item(),
        effective=(weights.sum() ** 2 / (weights**2).sum() / weights.numel()).item(),
        capped=(weights > cap).double().mean().item(),
    )
