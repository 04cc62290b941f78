"""A run on its way to another box and back: a ticket with all it needs, and a result with all that was made.

Both are one block of bytes that belongs to no machine. Whatever is large is named by its SHA-256 and checked on
arrival. The head gives each ticket an attempt; only the result of a run's newest attempt is taken in, and only once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from appliance.errors import ResultRefused
from appliance.steps import Checklist, RunRequest, RunStatus, Step
from appliance.store import Run, Store

FORMAT = 1
SENT = "sent"
"""Kind of the event that names a run's newest attempt."""
_STEP = "n, parent, at, kind, verdict, has_error, appearance, functionality, snapshot, step"
_COMPLETION = "n, messages, reply, finish, record"
_EDIT = "parent, was, at, path, content"


@dataclass(frozen=True, slots=True)
class Ticket:
    run_id: str
    attempt: str
    packed: bytes


class _Copy(msgspec.Struct, frozen=True):
    format: int
    id: str
    attempt: str
    status: RunStatus
    stop_reason: str
    request: str
    checklist: str
    base: str
    tip: int | None
    best: int | None
    chosen: int | None
    """In a result: what an edit by hand made the choice; the user may have made another one at the head meanwhile."""
    engine: str
    steps: list[tuple[int, int | None, str, str, str, int, float | None, float | None, str, str]]
    completions: list[tuple[int, str, str, str, str]]
    edits: list[tuple[int, str, str, str, str]]
    snapshots: dict[str, str]
    blobs: dict[str, bytes]
    events: list[tuple[str, str, str]]


def send(store: Store, run: Run) -> Ticket | None:
    """Begin a queued run and pack what another box needs for it; None where somebody changed it since."""
    if not store.begin(run):
        return None
    attempt = secrets.token_hex(8)
    store.add_event(run.id, SENT, {"attempt": attempt})
    return Ticket(run.id, attempt, msgspec.msgpack.encode(_pack(store, run.id, attempt)))


def place(store: Store, packed: bytes) -> Run:
    """Put a ticket's run into an empty store, queued. Raises ResultRefused."""
    copy = _unpack(packed)
    with store.transaction() as execute:
        execute(
            "INSERT INTO runs (id, created_at, status, request, checklist, base, tip, best, chosen, engine)"
            " VALUES (?, '', 'queued', ?, ?, ?, ?, ?, ?, ?)",
            *(copy.id, copy.request, copy.checklist, copy.base, copy.tip, copy.best, copy.chosen, copy.engine),
        )
        _put(store, execute, copy)
    return store.run(copy.id)


def result(store: Store, packed: bytes) -> bytes:
    """All of the ticket's run as it stands now, but for the contents that the ticket brought."""
    ticket = _unpack(packed)
    copy = _pack(store, ticket.id, ticket.attempt, events=True, known=ticket.blobs.keys())
    chosen = copy.chosen if copy.chosen != ticket.chosen else None
    return msgspec.msgpack.encode(msgspec.structs.replace(copy, chosen=chosen))


def take_in(store: Store, packed: bytes) -> bool:
    """Make a result part of the history, in one transaction. False where it was counted before, or the run has gone
    on without it. Raises ResultRefused for one that is damaged or incomplete; then nothing has changed."""
    copy = _unpack(packed)
    if copy.status == "running":
        raise ResultRefused(f"Run {copy.id} came back unfinished from another box; it is not taken in.")
    with store.transaction() as execute:
        now = store.rows("SELECT status, cancel FROM runs WHERE id = ?", copy.id)
        if not now or now[0][0] != "running" or newest_attempt(store, copy.id) != copy.attempt:
            return False
        status, reason = copy.status, copy.stop_reason
        if now[0][1] and status == "queued":
            status, reason = "stopped", "cancelled"
        _put(store, execute, copy)
        execute(
            "UPDATE runs SET status = ?, stop_reason = ?, checklist = ?, tip = ?, best = ?, engine = ?, cancel = 0,"
            " chosen = coalesce(?, chosen) WHERE id = ?",
            *(status, reason, copy.checklist, copy.tip, copy.best, copy.engine, copy.chosen, copy.id),
        )
        if lacking := _lacking(store, copy.id):
            raise ResultRefused(f"Run {copy.id} came back without {lacking[:12]}, which it needs; it is not taken in.")
    return True


def newest_attempt(store: Store, run_id: str) -> str:
    """Empty where the run was never sent."""
    sent = store.events_of(run_id, [SENT])
    return str(sent[-1].data["attempt"]) if sent else ""


def _pack(store: Store, run_id: str, attempt: str, *, events: bool = False, known: Iterable[str] = ()) -> _Copy:
    columns = "status, stop_reason, request, checklist, base, tip, best, chosen, engine"
    status, reason, request, checklist, base, tip, best, chosen, engine = store.rows(
        f"SELECT {columns} FROM runs WHERE id = ?", run_id
    )[0]
    told = store.rows("SELECT at, kind, data FROM events WHERE run_id = ? ORDER BY id", run_id) if events else []
    snapshots = store.rows(f"SELECT id, files FROM snapshots WHERE id IN ({_SNAPSHOTS})", run_id)
    wanted = {row[0] for row in store.rows(_BLOBS, run_id)} - {""} - set(known)
    return _Copy(
        format=FORMAT,
        id=run_id,
        attempt=attempt,
        status=status,
        stop_reason=reason,
        request=request,
        checklist=checklist,
        base=base,
        tip=tip,
        best=best,
        chosen=chosen,
        engine=engine,
        steps=store.rows(f"SELECT {_STEP} FROM steps WHERE run_id = ? ORDER BY n", run_id),
        completions=store.rows(f"SELECT {_COMPLETION} FROM completions WHERE run_id = ? ORDER BY n", run_id),
        edits=store.rows(f"SELECT {_EDIT} FROM edits WHERE run_id = ? ORDER BY id", run_id),
        snapshots=dict(snapshots),
        blobs={sha256: store.blob(sha256) for sha256 in sorted(wanted)},
        events=told,
    )


def _unpack(packed: bytes) -> _Copy:
    try:
        copy = msgspec.msgpack.decode(packed, type=_Copy)
        if copy.format != FORMAT:
            raise ValueError(f"it has format {copy.format}, not {FORMAT}; let both boxes run the same version")
        for sha256, content in copy.blobs.items():
            if hashlib.sha256(content).hexdigest() != sha256:
                raise ValueError(f"content {sha256[:12]} is not what its name says")
        msgspec.json.decode(copy.request, type=RunRequest)
        if copy.checklist:
            msgspec.json.decode(copy.checklist, type=Checklist)
        for step in copy.steps:
            msgspec.json.decode(step[-1], type=Step)
        if lacking := {step[-2] for step in copy.steps} - copy.snapshots.keys():
            raise ValueError(f"it lacks the files {min(lacking)[:12]} of a step")
    except (ValueError, msgspec.MsgspecError) as error:
        raise ResultRefused(f"A run from another box cannot be read: {error}.") from error
    return copy


def _put(store: Store, execute: Callable[..., object], copy: _Copy) -> None:
    for sha256, content in copy.blobs.items():
        execute("INSERT OR IGNORE INTO blobs (sha256, content) VALUES (?, ?)", sha256, content)
    for id_, files in copy.snapshots.items():
        execute("INSERT OR IGNORE INTO snapshots (id, files) VALUES (?, ?)", id_, files)
    # Steps are never edited: those that the ticket took along are there already, and stay.
    for table, columns, rows in (
        ("OR IGNORE INTO steps", _STEP, copy.steps),
        ("OR REPLACE INTO completions", _COMPLETION, copy.completions),
    ):
        marks = ",".join("?" * (columns.count(",") + 2))
        for row in rows:
            execute(f"INSERT {table} (run_id, {columns}) VALUES ({marks})", copy.id, *row)
    execute("DELETE FROM edits WHERE run_id = ?", copy.id)
    for edit in copy.edits:
        execute(f"INSERT INTO edits (run_id, {_EDIT}) VALUES (?,?,?,?,?,?)", copy.id, *edit)
    for event in copy.events:
        execute("INSERT INTO events (run_id, at, kind, data) VALUES (?,?,?,?)", copy.id, *event)


def _lacking(store: Store, run_id: str) -> str:
    """The first content or snapshot that the run refers to and the store does not have; empty where all is there."""
    rows: list[tuple[Any, ...]] = store.rows(
        f"WITH wanted (name) AS ({_BLOBS}), shown (name) AS ({_SNAPSHOTS})"
        " SELECT name FROM wanted WHERE name != '' AND name NOT IN (SELECT sha256 FROM blobs)"
        " UNION ALL SELECT name FROM shown WHERE name != '' AND name NOT IN (SELECT id FROM snapshots)",
        run_id,
    )
    return str(rows[0][0]) if rows else ""


_SNAPSHOTS = (
    "SELECT snapshot FROM steps WHERE run_id = ?1 UNION SELECT coalesce(json_extract(step, '$.built'), '') FROM steps"
    " WHERE run_id = ?1 UNION SELECT base FROM runs WHERE id = ?1"
)
_BLOBS = f"""
    SELECT value FROM snapshots, json_each(snapshots.files) WHERE snapshots.id IN ({_SNAPSHOTS})
    UNION SELECT coalesce(json_extract(request, '$.likeness.sha256'), '') FROM runs WHERE id = ?1
    UNION SELECT messages FROM completions WHERE run_id = ?1 UNION SELECT reply FROM completions WHERE run_id = ?1
    UNION SELECT json_extract(value, '$.sha256') FROM steps, json_each(steps.step, '$.observation.pictures')
          WHERE run_id = ?1
    UNION SELECT coalesce(json_extract(act.value, '$.picture'), '')
          FROM steps, json_each(steps.step, '$.observation.traces') AS trace, json_each(trace.value, '$.acts') AS act
          WHERE run_id = ?1"""
