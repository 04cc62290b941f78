"""Intervals for small samples: a share's bounds, and a paired difference by site."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import fmean

__all__ = ["bootstrap_interval", "wilson"]

Z_95 = 1.959963984540054


def wilson(k: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Lower and upper bound of the share behind k successes in n trials; raises ValueError where there is no share."""
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share.")
    share = k / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    # A share of all or nothing touches its bound, which rounding would miss.
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def bootstrap_interval(
    differences: Sequence[float], seed: int, *, level: float = 0.95, draws: int = 10_000
) -> tuple[float, float]:
    """Percentile interval of the mean of paired differences, one per site: sites are drawn, not cases.

    The cases of a site share its page, so that they are no independent evidence. The same seed gives the same interval.
    """
    if not differences:
        raise ValueError("There is no site to draw from.")
    chance = random.Random(seed)
    means = sorted(fmean(chance.choices(differences, k=len(differences))) for _ in range(draws))
    tail = (1 - level) / 2
    return means[math.floor(tail * (draws - 1))], means[math.ceil((1 - tail) * (draws - 1))]
