"""Takes a champion out of service that serves people worse than what it replaced.

The gate saw a few held-out briefs; this sees what people really ask for. A site is unwanted if the model wrote
something for it and there is no page, or if the same site was asked for once more within a day. What a broken sandbox
or a missing file ends says nothing about an adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import comb
from typing import Any

from appliance.ledger import Ledger
from appliance.store import Run, Store

WINDOW = 50
"""Sites that are looked at on each side of a promotion, the nearest to it before and the newest after."""
IN_A_ROW = 3
LEVEL = 0.05
AGAIN_WITHIN = timedelta(days=1)
_LOOKED_AT = 1000
Tell = Callable[[str, Mapping[str, Any]], None]


class ChampionWatch:
    """Called often; looks when another site of a person has ended."""

    def __init__(self, store: Store, tell: Tell) -> None:
        self._store, self._ledger, self._tell = store, Ledger(store), tell
        self._seen: tuple[str, ...] = ()

    def __call__(self) -> None:
        newest = self._store.runs(limit=IN_A_ROW, for_people=True)
        seen = tuple(f"{run.id} {run.status}" for run in newest)
        if seen == self._seen:
            return
        self._seen = seen
        for model in sorted({run.request.model for run in newest}):
            if reason := self.fault(model):
                parent = self._ledger.roll_back(model, reason)
                writes = f"with {parent} again" if parent else "as it came"
                self._tell("warning", {"text": f"{model} now writes {writes}: {reason}"})

    def fault(self, model: str) -> str:
        """Why the champion should go; empty where it should not, or there is none."""
        since = self._ledger.champion_since(model)
        if not since:
            return ""
        asked = self._store.runs(limit=_LOOKED_AT, for_people=True)
        ended = [run for run in asked if self._counts(run, model)]
        again = asked_again(asked)
        after = [run for run in ended if run.created_at >= since][:WINDOW]
        before = [run for run in ended if run.created_at < since][:WINDOW]
        if len(after) >= IN_A_ROW and all(run.best is None for run in after[:IN_A_ROW]):
            return f"taken back in service: {IN_A_ROW} sites in a row had no page"
        unwanted, unwanted_before = (
            sum(run.best is None or run.id in again for run in side) for side in (after, before)
        )
        if before and after and worse_by_chance(unwanted, len(after), unwanted_before, len(before)) < LEVEL:
            return (
                f"taken back in service: {unwanted} of {len(after)} sites had no page or were asked for again,"
                f" {unwanted_before} of {len(before)} before it"
            )
        return ""

    def _counts(self, run: Run, model: str) -> bool:
        its = run.request.model == model and not run.request.base_url
        return its and run.status in ("done", "failed") and (run.best is not None or bool(self._store.steps(run.id)))


def asked_again(runs: Sequence[Run]) -> set[str]:
    """Those of these runs, newest first, after which the same new site was asked for within a day."""
    found = set()
    newer: dict[str, datetime] = {}
    for run in runs:
        if run.origin_run is not None:  # goes on with a site that was good enough to go on with
            continue
        made = datetime.fromisoformat(run.created_at)
        if (next_ := newer.get(run.request.brief)) and next_ - made < AGAIN_WITHIN:
            found.add(run.id)
        newer[run.request.brief] = made
    return found


def worse_by_chance(failed: int, made: int, failed_before: int, made_before: int) -> float:
    """P(at least so many of the failures fall on this side) if both fail alike: Fisher's exact test, one-sided."""
    failures, whole = failed + failed_before, made + made_before
    ways = sum(comb(made, k) * comb(made_before, failures - k) for k in range(failed, min(failures, made) + 1))
    return ways / comb(whole, failures)
