"""The store's schema, as numbered steps. Add new ones at the end; never edit one that was released.

All large things lie in `blobs`, once by content, inside the database: a step and everything it refers to become durable
with one transaction and one fsync, and an online backup of the one file is a backup of everything.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

MIGRATIONS = Migrations("appliance")


@MIGRATIONS()
def m001_runs_steps_blobs(db: Database) -> None:
    statements = """
    CREATE TABLE blobs (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE snapshots (id TEXT PRIMARY KEY, files TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, created_at TEXT NOT NULL, status TEXT NOT NULL, stop_reason TEXT NOT NULL DEFAULT '',
        request TEXT NOT NULL, tip INTEGER, best INTEGER, cancel INTEGER NOT NULL DEFAULT 0,
        origin_run TEXT, origin_step INTEGER, base TEXT NOT NULL DEFAULT '',
        engine TEXT NOT NULL DEFAULT '', export TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX runs_status ON runs (status, created_at);
    CREATE TABLE completions (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, n INTEGER NOT NULL,
        messages TEXT NOT NULL, reply TEXT NOT NULL, finish TEXT NOT NULL, record TEXT NOT NULL,
        PRIMARY KEY (run_id, n)
    ) WITHOUT ROWID;
    CREATE TABLE steps (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, n INTEGER NOT NULL, parent INTEGER,
        at TEXT NOT NULL, kind TEXT NOT NULL, verdict TEXT NOT NULL, has_error INTEGER NOT NULL,
        appearance REAL, functionality REAL, snapshot TEXT NOT NULL REFERENCES snapshots (id), step TEXT NOT NULL,
        PRIMARY KEY (run_id, n)
    ) WITHOUT ROWID;
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT REFERENCES runs (id) ON DELETE CASCADE,
        at TEXT NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL
    );
    CREATE INDEX events_run ON events (run_id, id);
    CREATE TABLE leases (name TEXT PRIMARY KEY, pid INTEGER NOT NULL, started INTEGER NOT NULL, at TEXT NOT NULL)
        WITHOUT ROWID;
    """
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)


@MIGRATIONS()
def m002_checklists(db: Database) -> None:
    db.execute("ALTER TABLE runs ADD COLUMN checklist TEXT NOT NULL DEFAULT ''")


@MIGRATIONS()
def m003_choices_and_edits(db: Database) -> None:
    """The step a user chose over the scores, and edits by hand that wait for a worker to look at them."""
    db.execute("ALTER TABLE runs ADD COLUMN chosen INTEGER")
    db.execute("CREATE INDEX runs_created ON runs (created_at)")
    db.execute(
        "CREATE TABLE edits (id INTEGER PRIMARY KEY AUTOINCREMENT,"
        " run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, parent INTEGER NOT NULL,"
        " was TEXT NOT NULL, at TEXT NOT NULL, path TEXT NOT NULL, content TEXT NOT NULL)"
    )


@MIGRATIONS()
def m004_nights_and_adapters(db: Database) -> None:
    """What the box learned: each night with where it stands, every adapter ever made, and which one serves a model."""
    db.execute(
        "CREATE TABLE nights (id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, began_at TEXT NOT NULL,"
        " at TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', crashes INTEGER NOT NULL DEFAULT 0,"
        " data TEXT NOT NULL)"
    )
    db.execute(
        "CREATE TABLE adapters (id TEXT PRIMARY KEY, model TEXT NOT NULL, weights TEXT NOT NULL, parent TEXT NOT NULL,"
        " night INTEGER REFERENCES nights (id), made_at TEXT NOT NULL, state TEXT NOT NULL,"
        " reason TEXT NOT NULL DEFAULT '', manifest TEXT NOT NULL) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE champions (model TEXT PRIMARY KEY, adapter TEXT NOT NULL, since TEXT NOT NULL) WITHOUT ROWID"
    )
    db.execute("CREATE TABLE choices (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
