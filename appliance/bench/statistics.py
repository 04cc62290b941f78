"""Intervals for small samples: a share's bounds, and a paired difference by site."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

__all__ = ["bootstrap_interval", "clustered_interval", "wilson"]

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
    return clustered_interval([[difference] for difference in differences], seed, level=level, draws=draws)


def clustered_interval(
    clusters: Sequence[Sequence[float]], seed: int, *, level: float = 0.95, draws: int = 10_000
) -> tuple[float, float]:
    """Percentile interval of the mean over all values when whole clusters are drawn: a site brings all of its cases.

    Raises ValueError where there is nothing to draw from."""
    sums = [(sum(values), len(values)) for values in clusters if values]
    if not sums:
        raise ValueError("There is no site to draw from.")
    chance = random.Random(seed)
    means = []
    for _ in range(draws):
        drawn = chance.choices(sums, k=len(sums))
        means.append(sum(value for value, _ in drawn) / sum(count for _, count in drawn))
    means.sort()
    tail = (1 - level) / 2
    return means[math.floor(tail * (draws - 1))], means[math.ceil((1 - tail) * (draws - 1))]
