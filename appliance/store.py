"""The history: runs, their steps, and everything the steps refer to, in one SQLite file.

Steps are appended and never edited; backtracking moves a run's tip. Whatever a step needs (files, pictures, the
completion's record) is written in the transaction that commits the step, with `synchronous=FULL`: after a kill at any
moment a step is either there with all its parts or not there at all. Only this file speaks SQL.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlite_utils import Database

from appliance.errors import RunBusy, StoreBroken, StoreFull, UnknownRun
from appliance.migrations import MIGRATIONS
from appliance.steps import Checklist, Files, RunRequest, RunStatus, Step
from sandbox.owners import Owner, is_alive

WORKER = "worker"
"""Name of the lease that the living worker of a data folder holds."""
_BUSY_MS = 30_000


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

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "appliance.db"
        with _translated(self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = sqlite3.connect(self.path, timeout=_BUSY_MS / 1000, check_same_thread=False)
            self._db = Database(self._connection, execute_plugins=False)
            self._open()

    def _open(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
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
            self._connection.commit()

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with _translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    # -- runs ------------------------------------------------------------------------------------------------------

    def add_run(
        self,
        request: RunRequest,
        *,
        origin: tuple[str, int] | None = None,
        base: str = "",
        checklist: Checklist | None = None,
    ) -> Run:
        """Queue a run. `origin` is the run and step it was forked from, `base` the snapshot it starts with.

        A checklist of the user's own goes in with it: a worker may take the run the moment it is queued.
        """
        run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        run, step = origin or (None, None)
        with self._transaction():
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

    def runs(self, *, status: RunStatus | None = None, limit: int = 1000) -> list[Run]:
        """Newest first."""
        where = "WHERE status = ?1" if status else "WHERE ?1 IS NULL"
        return [
            _run(row)
            for row in self._rows(
                f"SELECT {_RUN} FROM runs {where} ORDER BY created_at DESC, rowid DESC LIMIT ?", status, limit
            )
        ]

    def next_queued(self) -> Run | None:
        rows = self._rows(f"SELECT {_RUN} FROM runs WHERE status = 'queued' ORDER BY created_at, rowid LIMIT 1")
        return _run(rows[0]) if rows else None

    def set_status(self, run_id: str, status: RunStatus, reason: str = "", *, best: int | None = None) -> None:
        with self._transaction():
            self._connection.execute(
                "UPDATE runs SET status = ?, stop_reason = ?, best = coalesce(?, best), cancel = 0 WHERE id = ?",
                (status, reason, best, run_id),
            )
            self._event(run_id, "status", {"status": status, "reason": reason})

    def set_engine(self, run_id: str, engine: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET engine = ? WHERE id = ?", (engine, run_id))

    def set_export(self, run_id: str, path: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET export = ? WHERE id = ?", (path, run_id))

    def move_tip(self, run_id: str, tip: int | None, reason: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET tip = ? WHERE id = ?", (tip, run_id))
            self._event(run_id, "backtrack", {"to": tip, "reason": reason})

    def request_cancel(self, run_id: str) -> None:
        with self._transaction():
            self._connection.execute("UPDATE runs SET cancel = 1 WHERE id = ?", (run_id,))

    def cancel_requested(self, run_id: str) -> bool:
        return bool(self._rows("SELECT cancel FROM runs WHERE id = ?", run_id)[0][0])

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

    def allow_more_steps(self, run_id: str, steps: int) -> None:
        """Raise a run's step limit; its other choices stay what they were."""
        run = self.run(run_id)
        with self._transaction():
            request = _encode(replace(run.request, steps=steps))
            self._connection.execute("UPDATE runs SET request = ? WHERE id = ?", (request, run_id))

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
        self, run_id: str, step: Step, files: Files, blobs: Sequence[bytes], built: Files, *, tip: int | None
    ) -> None:
        """Commit a step with its files, what was built of them and its blobs, and move the tip, in one transaction."""
        with self._transaction():
            for content in blobs:
                self._put_blob(content)
            self._put_snapshot(step.snapshot, files)
            if step.built:
                self._put_snapshot(step.built, built)
            self._connection.execute("DELETE FROM events WHERE run_id = ? AND kind IN ('text', 'stage')", (run_id,))
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

    def files(self, snapshot: str) -> dict[str, bytes]:
        """A snapshot's files; empty for the empty workspace."""
        if not snapshot:
            return {}
        rows = self._rows("SELECT files FROM snapshots WHERE id = ?", snapshot)
        if not rows:
            raise StoreBroken(f"Snapshot {snapshot[:12]} is missing from {self.path}; restore a backup.")
        return {path: self.blob(sha256) for path, sha256 in json.loads(rows[0][0]).items()}

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

    def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        rows = self._rows(
            "SELECT id, run_id, at, kind, data FROM events WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?",
            run_id,
            after,
            limit,
        )
        return [Event(id_, run, at, kind, json.loads(data)) for id_, run, at, kind, data in rows]

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
        if self.run(run_id).status == "running" and self.lease_holder(WORKER):
            raise RunBusy(f"Run {run_id} is being worked on; cancel it first with `appliance runs cancel {run_id}`.")

    def requeue_orphans(self) -> list[str]:
        """Runs left `running` by a worker that died go back to the queue. Call with the worker lease in hand."""
        orphans = [run.id for run in self.runs(status="running")]
        for run_id in orphans:
            self.set_status(run_id, "queued", "the worker was interrupted; going on from the last finished step")
        return orphans

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
                 UNION SELECT messages FROM completions UNION SELECT reply FROM completions
                 UNION SELECT json_extract(value, '$.sha256')
                       FROM steps, json_each(steps.step, '$.observation.pictures')
                 UNION SELECT json_extract(act.value, '$.picture')
                       FROM steps, json_each(steps.step, '$.observation.traces') AS trace,
                            json_each(trace.value, '$.acts') AS act)"""
        )


_RUN = "id, created_at, status, stop_reason, request, tip, best, cancel, origin_run, origin_step, base, engine, export"


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
            raise StoreBroken(
                f"{path} stayed locked for {_BUSY_MS // 1000} s; is a backup running? Try again."
            ) from error
        raise StoreBroken(f"{path} cannot be used ({error}); check the folder's owner and free space.") from error
    except sqlite3.DatabaseError as error:
        raise StoreBroken(f"{path} is damaged ({error}); restore a backup or move the file away.") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreFull(f"The disk that holds {path} is full; free some space, then resume.") from error
        raise StoreBroken(
            f"The data folder {path.parent} cannot be used ({error.strerror}); change its owner or set APPLIANCE_HOME."
        ) from error
