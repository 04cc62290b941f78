"""What the box learned and when it may learn: nights, adapters, the champion of each model, the schedule.

Part of the store's database; only this file speaks SQL about these tables. Adapters are never deleted from the list,
and which one serves is one row: a promotion or a roll-back changes that row and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from appliance.errors import UsageError
from appliance.schedule import Schedule, read_schedule
from appliance.store import Store

NightState = Literal["confirm", "collect", "freeze", "train", "export", "gate", "decide", "done", "failed", "skipped"]
OVER: tuple[NightState, ...] = ("done", "failed", "skipped")
AdapterState = Literal["candidate", "champion", "retired", "rejected"]
_Record = TypeVar("_Record")
LEASE = "night"
"""Held by the process that works on a night."""
MOST_CRASHES = 2
"""In one state; then the night is given up, because the next try would end the same way."""


@dataclass(frozen=True, slots=True)
class Night:
    """`data` is what the states have made so far; each state reads only what an earlier one wrote."""

    id: int
    model: str
    began_at: str
    at: str
    state: NightState
    reason: str
    crashes: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """`weights` is the SHA-256 of the model file it was trained on; it fits no other."""

    id: str
    model: str
    weights: str
    parent: str
    night: int | None
    made_at: str
    state: AdapterState
    reason: str
    manifest: Mapping[str, Any]


class Ledger:
    def __init__(self, store: Store) -> None:
        self._store = store

    # -- nights ----------------------------------------------------------------------------------------------------

    def begin_night(self, model: str, data: Mapping[str, Any], state: NightState = "collect") -> Night:
        """Raises UsageError while another night is not over."""
        if open_ := self.open_night():
            raise UsageError(f"Night {open_.id} is not over (state {open_.state}); it goes on with `train night`.")
        now = _now()
        self._store.execute(
            "INSERT INTO nights (model, began_at, at, state, data) VALUES (?,?,?,?,?)",
            *(model, now, now, state, json.dumps(data)),
        )
        return self.nights(1)[0]

    def open_night(self) -> Night | None:
        """The one night that is not over."""
        return next((night for night in self.nights(1) if night.state not in OVER), None)

    def nights(self, limit: int = 100) -> list[Night]:
        """Newest first."""
        rows = self._store.rows(
            "SELECT id, model, began_at, at, state, reason, crashes, data FROM nights ORDER BY id DESC LIMIT ?", limit
        )
        return [_record(Night, row) for row in rows]

    def advance(self, night: Night, state: NightState, data: Mapping[str, Any], reason: str = "") -> Night:
        """The next state with what was made; a state that was entered has not crashed yet."""
        crashes = night.crashes if state == night.state else 0
        self._store.execute(
            "UPDATE nights SET state = ?, data = ?, reason = ?, crashes = ?, at = ? WHERE id = ?",
            *(state, json.dumps(data), reason, crashes, _now(), night.id),
        )
        return next(one for one in self.nights() if one.id == night.id)

    def crashed(self, night: Night, reason: str) -> Night:
        """Count a crash; after MOST_CRASHES in one state the night is over."""
        state = "failed" if night.crashes + 1 >= MOST_CRASHES else night.state
        self._store.execute(
            "UPDATE nights SET crashes = crashes + 1, state = ?, reason = ?, at = ? WHERE id = ?",
            *(state, reason, _now(), night.id),
        )
        return next(one for one in self.nights() if one.id == night.id)

    # -- adapters --------------------------------------------------------------------------------------------------

    def add_adapter(
        self, adapter: str, model: str, weights: str, parent: str, night: int | None, manifest: Mapping[str, Any]
    ) -> AdapterRow:
        """A new candidate; the same one again is left as it is."""
        self._store.execute(
            "INSERT OR IGNORE INTO adapters (id, model, weights, parent, night, made_at, state, manifest)"
            " VALUES (?,?,?,?,?,?,?,?)",
            *(adapter, model, weights, parent, night, _now(), "candidate", json.dumps(manifest)),
        )
        return self.adapter(adapter)

    def adapter(self, adapter: str) -> AdapterRow:
        """Raises UsageError for one that was never made here."""
        found = next((one for one in self.adapters() if one.id == adapter), None)
        if found is None:
            raise UsageError(f"There is no adapter {adapter}; `appliance train status` lists them.")
        return found

    def adapters(self, model: str = "") -> list[AdapterRow]:
        """Newest first; of one model, or of all."""
        rows = self._store.rows(
            "SELECT id, model, weights, parent, night, made_at, state, reason, manifest FROM adapters"
            " WHERE ?1 = '' OR model = ?1 ORDER BY made_at DESC, id",
            model,
        )
        return [_record(AdapterRow, row) for row in rows]

    def unconfirmed(self, model: str) -> str:
        """The champion that a gate promoted and no later night has measured again; empty where there is none."""
        champion = self.champion(model)
        nights = self.nights()
        if any(night.data.get("confirmed") == champion for night in nights):
            return ""
        promoted = (night for night in nights if night.data.get("gate", {}).get("decision") == "promote")
        return champion if any(night.data.get("adapter") == champion for night in promoted) else ""

    def champion(self, model: str) -> str:
        """The adapter in service; empty where the model serves as it came."""
        rows = self._store.rows("SELECT adapter FROM champions WHERE model = ?", model)
        return str(rows[0][0]) if rows else ""

    def champion_since(self, model: str) -> str:
        """When the adapter in service was promoted, to the millisecond as runs have it; empty without one."""
        rows = self._store.rows("SELECT since FROM champions WHERE model = ?", model)
        return datetime.fromisoformat(rows[0][0]).isoformat(timespec="milliseconds") if rows else ""

    def reject(self, adapter: str, reason: str) -> None:
        self._store.execute("UPDATE adapters SET state = 'rejected', reason = ? WHERE id = ?", reason, adapter)

    def promote(self, model: str, adapter: str, reason: str) -> None:
        """Serve this adapter from now on, or with an empty name the model as it came. All or nothing.

        Raises UsageError for an adapter of another model.
        """
        if adapter and self.adapter(adapter).model != model:
            raise UsageError(f"Adapter {adapter} was trained on {self.adapter(adapter).model}, not on {model}.")
        before = self.champion(model)
        with self._store.transaction() as execute:
            execute(
                "UPDATE adapters SET state = 'retired', reason = ? WHERE id = ? AND id <> ?", reason, before, adapter
            )
            execute("UPDATE adapters SET state = 'champion', reason = ? WHERE id = ?", reason, adapter)
            execute("DELETE FROM champions WHERE model = ?", model)
            if adapter:
                execute("INSERT INTO champions (model, adapter, since) VALUES (?,?,?)", model, adapter, _now())

    def roll_back(self, model: str, reason: str) -> str:
        """Serve the champion's parent again. Its id, empty for the model as it came. Raises UsageError without one."""
        champion = self.champion(model)
        if not champion:
            raise UsageError(f"{model} serves without an adapter; there is nothing to roll back.")
        parent = self.adapter(champion).parent
        self.promote(model, parent, reason)
        return parent

    # -- schedule --------------------------------------------------------------------------------------------------

    def schedule(self) -> Schedule | None:
        rows = self._store.rows("SELECT value FROM choices WHERE name = 'schedule'")
        return read_schedule(*json.loads(rows[0][0])) if rows else None

    def set_schedule(self, window: str, days: str) -> Schedule:
        """Raises UsageError for what is no schedule; the old one stays then."""
        schedule = read_schedule(window, days)
        self._store.execute(
            "INSERT OR REPLACE INTO choices (name, value) VALUES ('schedule', ?)", json.dumps([window, days])
        )
        return schedule

    def clear_schedule(self) -> None:
        self._store.execute("DELETE FROM choices WHERE name = 'schedule'")


def _record(kind: Callable[..., _Record], row: tuple[Any, ...]) -> _Record:
    """The last column is JSON."""
    return kind(*row[:-1], json.loads(row[-1]))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
