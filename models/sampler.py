"""Drawing the next token from a row of logits: penalty, nucleus, temperature, seeded chance, in this order.

The order is llama.cpp's (the nucleus is cut at temperature 1). Done here because llama.cpp's own chain sorts the whole
vocabulary for a nucleus: 1 ms a token where this takes a fifth of that, on models that need 15 ms for the rest.
"""

import numpy as np
import numpy.typing as npt

from models.chat import Sampling

Logits = npt.NDArray[np.float32]

_PENALTY_WINDOW = 64
# Tokens below this share of the likeliest one's probability are looked at only if the nucleus reaches so far.
_FLOORS = (1e-3, 1e-5, 1e-8, 0.0)


class TokenDrawer:
    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed & 0xFFFFFFFF)
        self._last: list[int] = []

    def draw(self, logits: Logits) -> int:
        """Does not remember the token: `accept` does, once it is certain."""
        logits = self._penalized(logits)
        if self._sampling.temperature <= 0:
            return int(logits.argmax())
        if self._sampling.top_p >= 1:
            return self._pick(logits)
        tokens = nucleus(logits, self._sampling.top_p)
        return int(tokens[self._pick(logits[tokens])])

    def accept(self, token: int) -> None:
        self._last = [*self._last[1 - _PENALTY_WINDOW :], token]

    def _pick(self, logits: Logits) -> int:
        weights = np.exp((logits - logits.max()) / self._sampling.temperature)
        sums = np.cumsum(weights, dtype=np.float64)
        chosen = int(np.searchsorted(sums, self._random.random() * sums[-1], side="right"))
        return min(chosen, len(logits) - 1)

    def _penalized(self, logits: Logits) -> Logits:
        penalty = self._sampling.repeat_penalty
        if penalty == 1.0 or not self._last:
            return logits
        changed = logits.copy()
        seen = np.unique(self._last)
        changed[seen] = np.where(changed[seen] > 0, changed[seen] / penalty, changed[seen] * penalty)
        return changed


def nucleus(logits: Logits, top_p: float) -> npt.NDArray[np.intp]:
    """The fewest tokens that together have `top_p` of the probability, likeliest first."""
    shares = np.exp(logits - logits.max())
    wanted = top_p * float(shares.sum(dtype=np.float64))
    for floor in _FLOORS:
        some = np.flatnonzero(shares > floor)
        if floor == 0 or float(shares[some].sum(dtype=np.float64)) >= wanted:
            break
    some = some[np.argsort(-shares[some], kind="stable")]
    sums = np.cumsum(shares[some], dtype=np.float64)
    count = int(np.searchsorted(sums, wanted)) + 1
    return some[:count]


def logprob(logits: Logits, token: int) -> float:
    """Log-softmax at temperature 1, before any penalty or cut."""
    peak = logits.max()
    # float32 powers, summed in float64: a third of the time, and equal to 1e-6.
    return float(logits[token] - peak) - float(np.log(np.exp(logits - peak).sum(dtype=np.float64)))
