"""Log-probs of given tokens without ever holding tokens × vocabulary numbers: the head is applied in chunks.

Forward keeps the hidden states, the labels and one log-sum-exp per token; backward computes each chunk's logits again.
The head is frozen, so only the hidden states get a gradient: `dh = g / τ · (onehot − softmax) W`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_TOKENS = 512


def token_logprobs(
    hidden: Tensor, head: Tensor, labels: Tensor, *, temperature: float = 1.0, chunk_tokens: int = CHUNK_TOKENS
) -> Tensor:
    """float32 (T,): log-prob of `labels` (T,) under `softmax(hidden @ head.T / temperature)`.

    hidden is (T, H), head (V, H).
    Raises ValueError for shapes that do not fit, labels outside the vocabulary, or a chunk below 1.
    """
    if hidden.ndim != 2 or head.ndim != 2 or hidden.shape[1] != head.shape[1] or labels.shape != hidden.shape[:1]:
        raise ValueError(f"shapes do not fit: hidden {hidden.shape}, head {head.shape}, labels {labels.shape}")
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < head.shape[0]:
        raise ValueError(f"a label is no token of a vocabulary of {head.shape[0]}")
    if chunk_tokens < 1 or temperature <= 0:
        raise ValueError("a chunk has at least one token, and the temperature is above 0")
    found: Tensor = _ChunkedLogprob.apply(hidden, head, labels, temperature, chunk_tokens)  # type: ignore[no-untyped-call]
    return found


class _ChunkedLogprob(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, labels: Tensor, temperature: float, chunk: int) -> Tensor:
        found = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
        total = torch.empty_like(found)
        for at in range(0, len(labels), chunk):
            logits = _logits(hidden[at : at + chunk], head, temperature)
            total[at : at + chunk] = torch.logsumexp(logits, dim=1)
            found[at : at + chunk] = logits.gather(1, labels[at : at + chunk, None])[:, 0]
        ctx.save_for_backward(hidden, head, labels, total)
        ctx.temperature, ctx.chunk = temperature, chunk
        return found - total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        hidden, head, labels, total = ctx.saved_tensors
        (grad,) = grads
        back = torch.empty_like(hidden)
        for at in range(0, len(labels), ctx.chunk):
            part = slice(at, at + ctx.chunk)
            share = _logits(hidden[part], head, ctx.temperature)
            share.sub_(total[part, None]).exp_().neg_()  # −softmax, in place: the largest tensor there is
            share[torch.arange(len(share)), labels[part]] += 1.0
            share.mul_(grad[part, None] / ctx.temperature)
            back[part] = (share.to(head.dtype) @ head).to(hidden.dtype)
        return back, None, None, None, None


def _logits(hidden: Tensor, head: Tensor, temperature: float) -> Tensor:
    return (hidden.to(head.dtype) @ head.T).float().div_(temperature)
