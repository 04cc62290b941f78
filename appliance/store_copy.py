"""Copies of the store's database as files: whole, checked, and belonging to no process of any machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.errors import BackupRefused, StoreBroken
from appliance.migrations import MIGRATIONS
from appliance.store import Store


def copy_database(store: Store, target: Path) -> int:
    """An online copy without leases: they name processes of this machine. The number of runs.

    Raises BackupRefused for a database that is damaged.
    """
    with _opened(target) as copy:
        store.copy_into(copy)
        if (found := _integrity(copy)) != "ok":
            raise BackupRefused(f"{store.path} is damaged ({found}); an older backup is the better one.")
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("DELETE FROM leases")
        copy.commit()
        return int(copy.execute("SELECT count(*) FROM runs").fetchone()[0])


def check_database(path: Path, name: str) -> None:
    """Raises BackupRefused for what is no database of the appliance, is damaged, or was made by a newer version."""
    try:
        with _opened(path) as copy:
            found = _integrity(copy)
            applied = {row[0] for row in copy.execute("SELECT name FROM _sqlite_migrations")}
    except sqlite3.DatabaseError as error:
        raise BackupRefused(f"{name} holds no database of the appliance ({error}).") from error
    if found != "ok":
        raise BackupRefused(f"{name} holds a damaged database ({found}); take another backup.")
    if newer := applied - {migration.name for migration in MIGRATIONS._migrations}:
        raise BackupRefused(f"{name} was made by a newer version (it knows {min(newer)}); update, then restore.")


def is_damaged(folder: Path) -> bool:
    """Whether there is a database that cannot be read as one. Raises StoreBroken where it cannot even be opened."""
    try:
        with Store(folder) as store:
            return store.integrity() != "ok"
    except StoreBroken as error:
        if type(error.__cause__) is sqlite3.DatabaseError:  # not its child that says “locked” or “no permission”
            return True
        raise


def become(store: Store, path: Path) -> None:
    """The store's database is what lies in the file, migrated: in one transaction, or not at all."""
    with _opened(path) as copy:
        store.become(copy)


def _integrity(copy: sqlite3.Connection) -> str:
    return str(copy.execute("PRAGMA integrity_check").fetchone()[0])


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    copy = sqlite3.connect(path)
    try:
        yield copy
    finally:
        copy.close()
