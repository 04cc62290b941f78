"""The whole data folder in one file, and back: sites, scores, adapters, settings, what nights learned.

The database is copied online by SQLite's own backup, so a site that is being made goes on. Not in it: weights of
models, which are large and can be had again; their names and hashes are told. Exports are made again from the database.

A backup is a tar whose first member says what follows and its SHA-256. It is read back before it gets its name.
Restoring checks everything before anything is changed, keeps what was there, and changes the database in one
transaction, last: killed before that, the same command is simply given again.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import msgspec

from appliance.errors import BackupRefused, RunBusy
from appliance.ledger import LEASE, OVER, Ledger
from appliance.scratch import SCRATCH, scratch, sync
from appliance.store import WORKER, Store
from appliance.store_copy import become, check_database, copy_database, is_damaged
from sandbox.workspace import DAMAGED

FORMAT = 1
DATABASE, MANIFEST = "appliance.db", "manifest.json"
FOLDERS = ("adapters", "nights", "teacher")
FILES = ("config.toml",)
KEPT = "backups"
"""Folder of the backups that `restore` makes of what it replaces."""
_CHUNK = 1 << 20
_MOST_MANIFEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` by their path in the data folder, `models` by name with the SHA-256 of their weights."""

    format: int
    program: str
    made_at: str
    runs: int
    files: dict[str, Kept]
    models: dict[str, str]


def write_backup(store: Store, models: dict[str, str], target: Path) -> Manifest:
    """Raises BackupRefused for a target that exists or cannot be written, and for a database that is damaged."""
    if target.exists():
        raise BackupRefused(f"{target} exists already; name a new file.")
    part = target.with_name(f".{target.name}.part-{os.getpid()}")
    with _refusals(target):
        try:
            with part.open("xb") as file:
                manifest = stream_backup(store, models, cast(BinaryIO, file))
                file.flush()
                os.fsync(file.fileno())
            with part.open("rb") as file:
                check_backup(cast(BinaryIO, file), target.name)
            part.rename(target)
            sync(target.parent)
        finally:
            part.unlink(missing_ok=True)
    return manifest


def stream_backup(store: Store, models: dict[str, str], stream: BinaryIO) -> Manifest:
    """The same into an open stream, which is not read back."""
    with scratch(store.folder / SCRATCH) as made:
        runs = copy_database(store, made / DATABASE)
        for name in _files_of(store):
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # a night has put a newer one in its place
                os.link(store.folder / name, made / name)
        files = {
            str(path.relative_to(made)): Kept(path.stat().st_size, _sha256(path))
            for path in sorted(made.rglob("*"))
            if path.is_file()
        }
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(FORMAT, version("webgen-appliance"), made_at, runs, files, models)
        told = made / MANIFEST
        told.write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for name in (MANIFEST, *files):
                archive.add(made / name, arcname=name, recursive=False)
    return manifest


def check_backup(stream: BinaryIO, name: str, folder: Path | None = None) -> Manifest:
    """Read it whole, checking every byte, and with a folder write its files there. Raises BackupRefused."""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            manifest = _read_manifest(archive, name)
            left = dict(manifest.files)
            while member := archive.next():
                kept = left.pop(member.name, None)
                # A sparse one holds as much as its header likes to say.
                if kept is None or not member.isreg() or member.issparse() or not _is_plain(member.name):
                    raise BackupRefused(f"{name} has the member “{member.name}”, which is none of a backup's files.")
                _take(archive, member, kept, name, folder)
    except BackupRefused:
        raise
    except DAMAGED as error:
        raise BackupRefused(f"{name} is no backup, or is cut off ({error}); take another one.") from error
    if left:
        raise BackupRefused(f"{name} is cut off: {len(left)} files are missing, such as {min(left)}.")
    return manifest


def restore_backup(home: Path, models: dict[str, str], stream: BinaryIO, name: str, *, replaces: bool) -> Manifest:
    """Put everything into the data folder. Raises BackupRefused, and RunBusy while a worker or a night is at work.

    What was there lies in `backups/` afterwards; without `replaces` there must have been nothing.
    """
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _refusals(home), scratch(home / SCRATCH) as made:
        manifest = check_backup(stream, name, made)
        check_database(made / DATABASE, name)
        if is_damaged(home):
            if not replaces:
                raise BackupRefused(f"{home / DATABASE} is damaged; with --replace it is put into {home / KEPT}.")
            _set_aside(home, stamp, [f"{DATABASE}{end}" for end in ("", "-wal", "-shm")])
        with Store(home) as store, _alone(store):
            _keep_what_is_there(store, models, stamp, replaces=replaces)
            for path in (one for one in manifest.files if one != DATABASE):
                (home / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).replace(home / path)
            become(store, made / DATABASE)
    return manifest


def _keep_what_is_there(store: Store, models: dict[str, str], stamp: str, *, replaces: bool) -> None:
    home, sites = store.folder, store.count_runs()
    if sites or Ledger(store).nights(1):
        if not replaces:
            raise BackupRefused(f"{home} holds {sites} sites; with --replace they are kept in {home / KEPT}.")
        kept = home / KEPT / f"before-{stamp}.tar"
        kept.parent.mkdir(exist_ok=True)
        write_backup(store, models, kept)
    # A night of the same number is not to go on with what another one left there.
    _set_aside(home, stamp, [folder for folder in FOLDERS if folder != "adapters"])


def _set_aside(home: Path, stamp: str, names: Sequence[str]) -> None:
    for name in names:
        if (home / name).exists():
            (home / KEPT / stamp).mkdir(parents=True, exist_ok=True)
            (home / name).rename(home / KEPT / stamp / name)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    for lease, what in ((WORKER, "A worker"), (LEASE, "A night")):
        if not store.take_lease(lease):
            raise RunBusy(f"{what} is at work in {store.folder}; stop it, then restore.")
    try:
        yield
    finally:
        for lease in (WORKER, LEASE):
            store.drop_lease(lease)


def _files_of(store: Store) -> Iterator[str]:
    """Of nights that are over only what is learned from again: their checkpoints are in the adapters."""
    is_over = {str(night.id) for night in Ledger(store).nights(100_000) if night.state in OVER}
    yield from (name for name in FILES if (store.folder / name).is_file())
    for folder in FOLDERS:
        for path in sorted((store.folder / folder).rglob("*")):
            name = path.relative_to(store.folder)
            is_spent = folder == "nights" and name.parts[1] in is_over and path.name != "rollouts.json"
            if path.is_file() and not path.is_symlink() and not is_spent:
                yield str(name)


def _read_manifest(archive: tarfile.TarFile, name: str) -> Manifest:
    member = archive.next()
    if (
        member is None
        or member.name != MANIFEST
        or not member.isreg()
        or member.issparse()
        or member.size > _MOST_MANIFEST
    ):
        raise BackupRefused(f"{name} is no backup of the appliance: it does not begin with its manifest.")
    source = archive.extractfile(member)
    assert source is not None
    try:
        manifest = msgspec.json.decode(source.read(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BackupRefused(f"{name} has a manifest that cannot be read ({error}).") from error
    if manifest.format > FORMAT:
        raise BackupRefused(f"{name} was made by a newer version ({manifest.program}); update, then restore.")
    if DATABASE not in manifest.files:
        raise BackupRefused(f"{name} holds no database.")
    return manifest


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, kept: Kept, name: str, folder: Path | None) -> None:
    source = archive.extractfile(member)
    assert source is not None
    digest, size = hashlib.sha256(), 0
    target = folder / member.name if folder else Path(os.devnull)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        if folder:
            os.fsync(file.fileno())
    if (size, digest.hexdigest()) != (kept.size, kept.sha256):
        raise BackupRefused(f"{name} is damaged: {member.name} is not what was backed up; take another one.")


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        not path.is_absolute()
        and ".." not in path.parts
        and (name in (DATABASE, *FILES) or path.parts[:1] in [(folder,) for folder in FOLDERS])
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise BackupRefused(f"The disk of {path} is full; nothing was changed.") from error
        raise BackupRefused(
            f"{path} cannot be used ({error.strerror}); name another place, or - and let the shell open the file."
        ) from error
