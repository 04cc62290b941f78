"""The history: runs, their steps, and everything the steps refer to, in one SQLite file.

Steps are appended and never edited; backtracking moves a run's tip. Whatever a step needs (files, pictures, the
completion's record) is written in the transaction that commits the step, with `synchronous=FULL`: after a kill at any
moment a step is either there with all its parts or not there at all. Only this file speaks SQL, with store_copy.py and
run_copy.py.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import secrets
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlite_utils import Database

from appliance.errors import RunBusy, StoreBroken, StoreFull, UnknownRun
from appliance.migrations import MIGRATIONS
from appliance.steps import Checklist, Files, RunRequest, RunStatus, Step, Usage
from sandbox.owners import Owner, is_alive

WORKER, TRAINER = "worker", "trainer"
"""Names of leases: the living worker of a data folder, and a trainer that has the engine's memory for itself."""
COMMIT_EVENT = "appliance.commit"
"""Raised by `sys.audit` before and after each commit, so that a rehearsal can end the process just there."""
_BUSY_S = 30.0


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    created_at: str
    status: RunStatus
    stop_reason: str
    request: RunRequest
    tip: int | None
    best: int | None
    cancel: bool
    origin_run: str | None
    origin_step: int | None
    base: str
    """Snapshot that a forked or continued run starts from; empty for a new site."""
    engine: str
    export: str
    chosen: int | None
    """The step that the user chose over the scores; None where they decide."""

    @property
    def delivered(self) -> int | None:
        """The step that is exported: the user's choice, else the best; None while there is none."""
        return self.best if self.chosen is None else self.chosen


@dataclass(frozen=True, slots=True)
class HandEdit:
    """A file changed by hand in step `parent`, waiting to be looked at. `was` is the run's status before."""

    id: int
    parent: int
    was: RunStatus
    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a run's story. Ids only grow, so a reader can go on where it stopped."""

    id: int
    run_id: str | None
    at: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompletionRecord:
    """One model turn as it went over the wire. `record` holds token ids and log-probs when they were asked for."""

    messages: tuple[tuple[str, str], ...]
    reply: str
    finish: str
    record: Mapping[str, Any]


class Store:
    """Opens (and migrates) the database in `folder`. Close it, or use it as a context manager."""

    def __init__(self, folder: Path, *, busy_s: float = _BUSY_S) -> None:
        """`busy_s`: how long to wait for another writer before StoreBroken says that the database is locked."""
        self.folder = folder
        self.path = folder / "appliance.db"
        with _translated(self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = sqlite3.connect(self.path, timeout=busy_s, check_same_thread=False)
            self._db = Database(self._connection, execute_plugins=False)
            self._open()

    def _open(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        with (self.folder / "migrate.lock").open("w") as lock:  # two processes may meet a new database at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            if MIGRATIONS.pending(self._db):
                MIGRATIONS.apply(self._db)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One writer at a time, from the first statement on: the lock is taken before anything is read."""
        with _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.rollback()
                raise
            sys.audit(COMMIT_EVENT, "before")
            self._connection.commit()
            sys.audit(COMMIT_EVENT, "after")

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with _translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: object) -> None:
        """One statement as a transaction of its own; for the tables of appliance/ledger.py."""
        with self._transaction():
            self._connection.execute(sql, values)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._rows(sql, *values)

    @contextmanager
    def transaction(self) -> Iterator[Callable[..., object]]:
        """Several statements, all or none."""
        with self._transaction():
            yield lambda sql, *values: self._connection.execute(sql, values)

    # -- runs ------------------------------------------------------------------------------------------------------

    def add_run(
        self,
        request: RunRequest,
        *,
        origin: tuple[str, int] | None = None,
        base: str = "",
        checklist: Checklist | None = None,
        picture: bytes = b"",
    ) -> Run:
        """Queue a run. `origin` is the run and step it was forked from, `base` the snapshot it starts with.

        A checklist of the user's own and the picture that the request names go in with it: a worker may take the run
        the moment it is queued.
        """
        run, step = origin or (None, None)
        with self._transaction():
            run_id = self._unused_run_id()
            if picture:
                self._put_blob(picture)
            self._connection.execute(
                "INSERT INTO runs (id, created_at, status, request, origin_run, origin_step, base, checklist)"
                " VALUES (?,?,?,?,?,?,?,?)",
                (
                    *(run_id, _now(), "queued", _encode(request), run, step, base),
                    _encode(checklist) if checklist else "",
                ),
            )
            self._event(run_id, "queued", {"brief": request.brief})
        return self.run(run_id)

    def _unused_run_id(self) -> str:
        """A name short enough to type: two runs of one second may draw the same, so it is drawn until it is new."""
        while True:
            run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            if not self._rows("SELECT 1 FROM runs WHERE id = ?", run_id):
                return run_id

    def run(self, run_id: str) -> Run:
        """Raises UnknownRun. A unique beginning of the id, or `last`, will do."""
        if run_id == "last":
            rows = self._rows(f"SELECT {_RUN} FROM runs ORDER BY created_at DESC, rowid DESC LIMIT 1")
        else:
            rows = self._rows(f"SELECT {_RUN} FROM runs WHERE id = ?", run_id) or self._rows(
                f"SELECT {_RUN} FROM runs WHERE substr(id, 1, length(?1)) = ?1", run_id
            )
        if len(rows) != 1:
            known = "more than one run starts so" if rows else "there is no such run"
            raise UnknownRun(f"Run {run_id!r}: {known}; `appliance runs list` shows them all.")
        return _run(rows[0])

    def runs(
        self, *, status: RunStatus | None = None, limit: int = 1000, skip: int = 0, for_people: bool = False
    ) -> list[Run]:
        """Newest first. `for_people` leaves out what nights made to learn from."""
        where = "WHERE status = ?1" if status else "WHERE ?1 IS NULL"
        where += f" AND {_FOR_PEOPLE}" if for_people else ""
        return [
            _run(row)
            for row in self._rows(
                f"SELECT {_RUN} FROM runs {where} ORDER BY created_at DESC, rowid DESC LIMIT ?2 OFFSET ?3",
                *(status, limit, skip),
            )
        ]

    def count_runs(self, *, for_people: bool = False) -> int:
        where = f" WHERE {_FOR_PEOPLE}" if for_people else ""
        return int(self._rows(f"SELECT count(*) FROM runs{where}")[0][0])

    def best_scores(self, run_ids: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
        """Appearance and functionality of each run's best step, where it has one."""
        rows = self._rows(
            "SELECT r.id, s.appearance, s.functionality FROM runs r JOIN steps s"
            " ON s.run_id = r.id AND s.n = coalesce(r.chosen, r.best)"
            " WHERE r.id IN (SELECT value FROM json_each(?))",
            json.dumps(list(run_ids)),
        )
        return {run_id: (looks, works) for run_id, looks, works in rows}

    def next_queued(self, but: Collection[str] = ()) -> Run | None:
        """The oldest that a person waits for, else the oldest that a night wants; none of `but`."""
        marks = ",".join("?" * len(but))
        rows = self._rows(
            f"SELECT {_RUN} FROM runs WHERE status = 'queued' AND id NOT IN ({marks})"
            f" ORDER BY NOT {_FOR_PEOPLE}, created_at, rowid LIMIT 1",
            *but,
        )
        return _run(rows[0]) if rows else None

    def set_status(self, run_id: str, status: RunStatus, reason: str = "", *, best: int | None = None) -> None:
        with self._transaction():
            self._set_status(run_id, status, reason, best)

    def begin(self, run: Run) -> bool:
        """Make a run `running` if it still has the status that the caller saw; False if somebody changed it since."""
        with self._transaction():
            changed = self._connection.execute(
                "UPDATE runs SET status = 'running', stop_reason = '', cancel = 0 WHERE id = ? AND status = ?",
                (run.id, run.status),
            )
            if changed.rowcount:
                self._event(run.id, "status", {"status": "running", "reason": ""})
        return bool(changed.rowcount)

    def cancel(self, run_id: str) -> Literal["asked", "stopped", "given up", "over"]:
        """Ask the living worker to stop a run, or stop it at once where none has it in hand. An edit by hand that still
        waits is given up, and the run is again what it was before."""
        with self._transaction():
            status = self.run(run_id).status
            holder = self._holder(WORKER)
            edit = self.next_edit(run_id)
            if status == "running" and holder and is_alive(holder):
                self._connection.execute("UPDATE runs SET cancel = 1 WHERE id = ?", (run_id,))
                return "asked"
            if status not in ("queued", "running"):
                return "over"
            self._connection.execute("DELETE FROM edits WHERE run_id = ?", (run_id,))
            given_up: tuple[RunStatus, str] = (edit.was if edit else "stopped", "the edit by hand was given up")
            self._set_status(run_id, *(given_up if edit and edit.was != "queued" else ("stopped", "cancelled")))
        return "given up" if edit and edit.was != "queued" else "stopped"

    def set_engine(self, run_id: str, engine: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET engine = ? WHERE id = ?", (engine, run_id))

    def set_export(self, run_id: str, path: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET export = ? WHERE id = ?", (path, run_id))

    def choose(self, run_id: str, n: int | None) -> None:
        """The user's own choice of the step to deliver; None gives it back to the scores."""
        with self._transaction():
            self._connection.execute("UPDATE runs SET chosen = ? WHERE id = ?", (n, run_id))
            self._event(run_id, "chosen", {"n": n})

    def move_tip(self, run_id: str, tip: int | None, reason: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET tip = ? WHERE id = ?", (tip, run_id))
            self._event(run_id, "backtrack", {"to": tip, "reason": reason})

    def request_cancel(self, run_id: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET cancel = 1 WHERE id = ?", (run_id,))

    def cancel_requested(self, run_id: str) -> bool:
        return bool(self._rows("SELECT cancel FROM runs WHERE id = ?", run_id)[0][0])

    def cancels(self) -> set[str]:
        """The running runs that somebody asked to stop."""
        return {row[0] for row in self._rows("SELECT id FROM runs WHERE status = 'running' AND cancel = 1")}

    def set_checklist(self, run_id: str, checklist: Checklist) -> None:
        """Fixed once: raises StoreBroken when the run has one already."""
        with self._transaction():
            changed = self._connection.execute(
                "UPDATE runs SET checklist = ? WHERE id = ? AND checklist = ''", (_encode(checklist), run_id)
            )
            if changed.rowcount != 1:
                raise StoreBroken(f"Run {run_id} has a checklist already; it stays as it is.")

    def checklist(self, run_id: str) -> Checklist | None:
        """None until one is set."""
        rows = self._rows("SELECT checklist FROM runs WHERE id = ?", run_id)
        return msgspec.json.decode(rows[0][0], type=Checklist) if rows and rows[0][0] else None

    def queue_again(self, run_id: str, steps: int | None = None) -> None:
        """Take a run up again; with `steps` its limit is raised, its other choices stay what they were."""
        request = self.run(run_id).request
        with self._transaction():
            self._connection.execute(
                "UPDATE runs SET request = ? WHERE id = ?",
                (_encode(replace(request, steps=steps or request.steps)), run_id),
            )
            self._set_status(run_id, "queued", "resumed")

    def delete_run(self, run_id: str) -> None:
        """Remove a run and whatever no other run refers to."""
        with self._transaction():
            self._connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))
            self._sweep()

    # -- steps -----------------------------------------------------------------------------------------------------

    def steps(self, run_id: str) -> list[Step]:
        rows = self._rows("SELECT step FROM steps WHERE run_id = ? ORDER BY n", run_id)
        return [msgspec.json.decode(row[0], type=Step) for row in rows]

    def step(self, run_id: str, n: int) -> Step | None:
        rows = self._rows("SELECT step FROM steps WHERE run_id = ? AND n = ?", run_id, n)
        return msgspec.json.decode(rows[0][0], type=Step) if rows else None

    def score_lines(self, run_ids: Sequence[str]) -> dict[str, list[tuple[float | None, float | None]]]:
        """Appearance and functionality of every step, in order, for each of these runs."""
        rows = self._rows(
            "SELECT run_id, appearance, functionality FROM steps"
            " WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY run_id, n",
            json.dumps(list(run_ids)),
        )
        lines: dict[str, list[tuple[float | None, float | None]]] = {}
        for run_id, looks, works in rows:
            lines.setdefault(run_id, []).append((looks, works))
        return lines

    def restore_step(self, run_id: str, n: int) -> int:
        """Add a step that is as step `n` was, and choose it. Returns its number. Raises RunBusy and UnknownRun."""
        with self._transaction():
            self._refuse_busy(run_id)
            old = self.step(run_id, n)
            if old is None:
                raise UnknownRun(f"Run {run_id} has no step {n}.")
            new = self._next_n(run_id)
            # A reply that was kept for this number and never acted upon is none of this step's.
            self._connection.execute("DELETE FROM completions WHERE run_id = ? AND n = ?", (run_id, new))
            aim = f"step {n} restored"
            step = replace(old, n=new, kind="restore", parent=n, aim=aim, usage=Usage(), seconds=0.0, verdict="kept")
            self._insert_step(run_id, replace(step, signal="", finding_key=""), tip=new)
            self._connection.execute("UPDATE runs SET chosen = ? WHERE id = ?", (new, run_id))
        return new

    def add_edit(self, run_id: str, parent: int, path: str, content: str) -> None:
        """Queue the run for a look at a file that was changed by hand. Raises RunBusy."""
        with self._transaction():
            self._refuse_busy(run_id)
            waiting = self.next_edit(run_id)
            was = waiting.was if waiting else self.run(run_id).status
            was = "stopped" if was == "running" else was  # its worker is gone
            self._connection.execute(
                "INSERT INTO edits (run_id, parent, was, at, path, content) VALUES (?,?,?,?,?,?)",
                (run_id, parent, was, _now(), path, content),
            )
            reason = f"{path} was changed by hand"
            self._connection.execute(
                "UPDATE runs SET status = 'queued', stop_reason = ?, cancel = 0 WHERE id = ?", (reason, run_id)
            )
            self._event(run_id, "status", {"status": "queued", "reason": reason})

    def next_edit(self, run_id: str) -> HandEdit | None:
        """The oldest one that was not looked at yet."""
        rows = self._rows(
            "SELECT id, parent, was, path, content FROM edits WHERE run_id = ? ORDER BY id LIMIT 1", run_id
        )
        return HandEdit(*rows[0]) if rows else None

    def add_completion(self, run_id: str, n: int, completion: CompletionRecord) -> None:
        """Keep what the model said before it is acted upon, so that a kill does not cost its minutes."""
        with self._transaction():
            messages = self._put_blob(msgspec.json.encode(completion.messages))
            reply = self._put_blob(completion.reply.encode())
            self._connection.execute(
                "INSERT OR REPLACE INTO completions (run_id, n, messages, reply, finish, record) VALUES (?,?,?,?,?,?)",
                (run_id, n, messages, reply, completion.finish, json.dumps(completion.record)),
            )

    def completion(self, run_id: str, n: int) -> CompletionRecord | None:
        rows = self._rows(
            "SELECT messages, reply, finish, record FROM completions WHERE run_id = ? AND n = ?", run_id, n
        )
        if not rows:
            return None
        messages, reply, finish, record = rows[0]
        pairs = msgspec.json.decode(self.blob(messages), type=tuple[tuple[str, str], ...])
        return CompletionRecord(pairs, self.blob(reply).decode(), finish, json.loads(record))

    def add_step(
        self,
        run_id: str,
        step: Step,
        files: Files,
        blobs: Sequence[bytes],
        built: Files,
        *,
        tip: int | None,
        edit: HandEdit | None = None,
    ) -> None:
        """Commit a step with its files, what was built of them and its blobs, and move the tip, in one transaction.

        With `edit` the step is what that edit made; it is then done, and the step chosen.
        """
        with self._transaction():
            for content in blobs:
                self._put_blob(content)
            self._put_snapshot(step.snapshot, files)
            if step.built:
                self._put_snapshot(step.built, built)
            self._connection.execute("DELETE FROM events WHERE run_id = ? AND kind IN ('text', 'stage')", (run_id,))
            self._insert_step(run_id, step, tip=tip)
            if edit:
                self._connection.execute("DELETE FROM completions WHERE run_id = ? AND n = ?", (run_id, step.n))
                self._connection.execute("DELETE FROM edits WHERE id = ?", (edit.id,))
                self._connection.execute("UPDATE runs SET chosen = ? WHERE id = ?", (step.n, run_id))

    def files(self, snapshot: str) -> dict[str, bytes]:
        """A snapshot's files; empty for the empty workspace."""
        return {path: self.blob(sha256) for path, sha256 in self.manifest(snapshot).items()}

    def manifest(self, snapshot: str) -> dict[str, str]:
        """A snapshot's paths with the SHA-256 of what they hold; empty for the empty workspace."""
        rows = self._rows("SELECT files FROM snapshots WHERE id = ?", snapshot) if snapshot else []
        if snapshot and not rows:
            raise StoreBroken(f"Snapshot {snapshot[:12]} is missing from {self.path}; restore a backup.")
        return dict(json.loads(rows[0][0])) if rows else {}

    def add_snapshot(self, snapshot: str, files: Files) -> None:
        with self._transaction():
            self._put_snapshot(snapshot, files)

    def blob(self, sha256: str) -> bytes:
        rows = self._rows("SELECT content FROM blobs WHERE sha256 = ?", sha256)
        if not rows:
            raise StoreBroken(f"Content {sha256[:12]} is missing from {self.path}; restore a backup.")
        content: bytes = rows[0][0]
        return content

    # -- events ----------------------------------------------------------------------------------------------------

    def add_event(self, run_id: str | None, kind: str, data: Mapping[str, Any]) -> None:
        with self._transaction():
            self._event(run_id, kind, data)

    def version(self) -> int:
        """A number that changes when another connection has written; cheap enough to be asked many times a second."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        rows = self._rows(
            "SELECT id, run_id, at, kind, data FROM events WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?",
            run_id,
            after,
            limit,
        )
        return [Event(id_, run, at, kind, json.loads(data)) for id_, run, at, kind, data in rows]

    def events_of(self, run_id: str, kinds: Sequence[str]) -> list[Event]:
        """All of the run's events of these kinds, oldest first."""
        rows = self._rows(
            "SELECT id, run_id, at, kind, data FROM events"
            " WHERE run_id = ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY id",
            *(run_id, json.dumps(list(kinds))),
        )
        return [Event(id_, run, at, kind, json.loads(data)) for id_, run, at, kind, data in rows]

    def last_stage(self, run_id: str) -> str:
        """What the run is doing, by the name of its newest stage; empty between steps."""
        rows = self._rows(
            "SELECT json_extract(data, '$.stage') FROM events WHERE run_id = ? AND kind = 'stage'"
            " ORDER BY id DESC LIMIT 1",
            run_id,
        )
        return str(rows[0][0]) if rows else ""

    def last_event(self, run_id: str, kind: str = "") -> int:
        """Id of the newest event, or of the newest of a kind; 0 where there is none."""
        rows = self._rows(
            "SELECT coalesce(max(id), 0) FROM events WHERE run_id = ?1 AND (?2 = '' OR kind = ?2)", run_id, kind
        )
        return int(rows[0][0])

    # -- leases ----------------------------------------------------------------------------------------------------

    def take_lease(self, name: str) -> bool:
        """Make this process the owner of `name` unless a living one is."""
        me = Owner.this_process()
        with self._transaction():
            holder = self._holder(name)
            if holder and holder != me and is_alive(holder):
                return False
            self._connection.execute(
                "INSERT OR REPLACE INTO leases (name, pid, started, at) VALUES (?,?,?,?)",
                (name, me.pid, me.started_ticks, _now()),
            )
        return True

    def drop_lease(self, name: str) -> None:
        me = Owner.this_process()
        with self._transaction():
            self._connection.execute(
                "DELETE FROM leases WHERE name = ? AND pid = ? AND started = ?", (name, me.pid, me.started_ticks)
            )

    def lease_holder(self, name: str) -> Owner | None:
        """The living owner of `name`, None if there is none."""
        with _translated(self.path):
            holder = self._holder(name)
        return holder if holder and is_alive(holder) else None

    def require_idle(self, run_id: str) -> None:
        """Raises RunBusy while a living worker has the run in hand."""
        with _translated(self.path):
            self._refuse_busy(run_id)

    def requeue_orphans(self) -> list[str]:
        """Runs left `running` by a worker that died go back to the queue. Call with the worker lease in hand."""
        requeued, why = [], "the worker was interrupted; going on from the last finished step"
        with self._transaction():
            for run in self.runs(status="running"):
                if run.cancel:
                    self._connection.execute("DELETE FROM edits WHERE run_id = ?", (run.id,))
                    self._set_status(run.id, "stopped", "cancelled")
                else:
                    self._set_status(run.id, "queued", why)
                    requeued.append(run.id)
        return requeued

    def copy_into(self, other: sqlite3.Connection) -> None:
        """An online copy of the whole database; writers go on meanwhile."""
        with _translated(self.path):
            self._connection.backup(other)

    def become(self, other: sqlite3.Connection) -> None:
        """Hold what the other database holds, brought to this version: in one transaction, or not at all."""
        with _translated(self.path):
            other.backup(self._connection)
            self._open()

    def integrity(self) -> str:
        return str(self._rows("PRAGMA integrity_check")[0][0])

    # -- inside a transaction --------------------------------------------------------------------------------------

    def _holder(self, name: str) -> Owner | None:
        row = self._connection.execute("SELECT pid, started FROM leases WHERE name = ?", (name,)).fetchone()
        return Owner(*row) if row else None

    def _event(self, run_id: str | None, kind: str, data: Mapping[str, Any]) -> None:
        self._connection.execute(
            "INSERT INTO events (run_id, at, kind, data) VALUES (?,?,?,?)", (run_id, _now(), kind, json.dumps(data))
        )

    def _set_status(self, run_id: str, status: RunStatus, reason: str, best: int | None = None) -> None:
        self._connection.execute(
            "UPDATE runs SET status = ?, stop_reason = ?, best = coalesce(?, best), cancel = 0 WHERE id = ?",
            (status, reason, best, run_id),
        )
        self._event(run_id, "status", {"status": status, "reason": reason})

    def _insert_step(self, run_id: str, step: Step, *, tip: int | None) -> None:
        self._connection.execute(
            "INSERT INTO steps"
            " (run_id, n, parent, at, kind, verdict, has_error, appearance, functionality, snapshot, step)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                *(run_id, step.n, step.parent, _now(), step.kind, step.verdict, step.has_error),
                *(step.scores.appearance.score, step.scores.functionality.score, step.snapshot, _encode(step)),
            ),
        )
        self._connection.execute("UPDATE runs SET tip = ? WHERE id = ?", (tip, run_id))
        self._event(run_id, "step", {"n": step.n})

    def _next_n(self, run_id: str) -> int:
        return int(self._rows("SELECT coalesce(max(n), 0) + 1 FROM steps WHERE run_id = ?", run_id)[0][0])

    def _refuse_busy(self, run_id: str) -> None:
        holder = self._holder(WORKER)
        if self.run(run_id).status == "running" and holder and is_alive(holder):
            raise RunBusy(f"Run {run_id} is being worked on; cancel it first with `appliance runs cancel {run_id}`.")

    def _put_blob(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self._connection.execute("INSERT OR IGNORE INTO blobs (sha256, content) VALUES (?, ?)", (sha256, content))
        return sha256

    def _put_snapshot(self, snapshot: str, files: Files) -> None:
        manifest = {path: self._put_blob(content) for path, content in files.items()}
        self._connection.execute(
            "INSERT OR IGNORE INTO snapshots (id, files) VALUES (?, ?)",
            (snapshot, json.dumps(manifest, sort_keys=True)),
        )

    def _sweep(self) -> None:
        self._connection.execute(
            "DELETE FROM snapshots WHERE id NOT IN (SELECT snapshot FROM steps"
            " UNION SELECT json_extract(step, '$.built') FROM steps UNION SELECT base FROM runs)"
        )
        self._connection.execute(
            """DELETE FROM blobs WHERE sha256 NOT IN (
                 SELECT value FROM snapshots, json_each(snapshots.files)
                 UNION SELECT coalesce(json_extract(request, '$.likeness.sha256'), '') FROM runs
                 UNION SELECT messages FROM completions UNION SELECT reply FROM completions
                 UNION SELECT json_extract(value, '$.sha256')
                       FROM steps, json_each(steps.step, '$.observation.pictures')
                 UNION SELECT coalesce(json_extract(act.value, '$.picture'), '')
                       FROM steps, json_each(steps.step, '$.observation.traces') AS trace,
                            json_each(trace.value, '$.acts') AS act)"""
        )


_RUN = (
    "id, created_at, status, stop_reason, request, tip, best, cancel, origin_run, origin_step, base, engine, export,"
    " chosen"
)
_FOR_PEOPLE = "json_extract(request, '$.extras.night') IS NULL"


def _run(row: tuple[Any, ...]) -> Run:
    id_, created_at, status, reason, request, tip, best, cancel, *rest = row
    return Run(
        id_, created_at, status, reason, msgspec.json.decode(request, type=RunRequest), tip, best, bool(cancel), *rest
    )


def _encode(record: object) -> str:
    return msgspec.json.encode(record).decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's and the file system's errors as ours, each with what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StoreFull(
                f"The disk that holds {path} is full; free some space, then resume: nothing finished was lost."
            ) from error
        if "locked" in str(error):
            raise StoreBroken(f"{path} stayed locked; is a backup running? Try again.") from error
        raise StoreBroken(f"{path} cannot be used ({error}); check the folder's owner and free space.") from error
    except sqlite3.IntegrityError:
        raise  # two records of one name are a fault of this program: the file is whole
    except sqlite3.DatabaseError as error:
        raise StoreBroken(f"{path} is damaged ({error}); restore a backup or move the file away.") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreFull(f"The disk that holds {path} is full; free some space, then resume.") from error
        raise StoreBroken(
            f"The data folder {path.parent} cannot be used ({error.strerror}); change its owner or set APPLIANCE_HOME."
        ) from error
