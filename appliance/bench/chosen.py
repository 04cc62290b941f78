"""Which briefs are measured: a rule stated before looking at any of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

__all__ = ["PER_CATEGORY", "chosen_sites"]

PER_CATEGORY = 4


def chosen_sites(sites: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """From pairs of id and primary category: of each category's n ids in order those at floor(i·n/4), i = 0…3."""
    by_category: dict[str, list[str]] = defaultdict(list)
    for site, category in sites:
        by_category[category].append(site)
    chosen = [
        ids[i * len(ids) // PER_CATEGORY] for ids in map(sorted, by_category.values()) for i in range(PER_CATEGORY)
    ]
    return tuple(sorted(chosen))
