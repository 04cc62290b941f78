"""Half-made things. Each lies in a folder named after the process that makes it, so that what a killed one left behind
can be told from what is being made, and gets its final name only when it is whole and on the disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.folders import remove_folder
from sandbox.owners import Owner, is_alive
from sandbox.reaper import named_after_dead

PREFIX = ".making-"
SCRATCH = "tmp"
EXPORTS = "exports"
"""Folders of a data folder in which things are made."""


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder in `parent` that is gone afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{Owner.this_process()}-", dir=parent) as folder:
        yield Path(folder)


def remove_dead(home: Path) -> None:
    for parent in (home / SCRATCH, home / EXPORTS):
        for folder in named_after_dead(parent, PREFIX, is_alive):
            remove_folder(folder)


def empty(folder: Path) -> None:
    """Remove what lies there, but for what a living process is making."""
    for entry in folder.iterdir() if folder.exists() else ():
        owner = Owner.parse(entry.name.removeprefix(PREFIX).split("-")[0])
        if owner is None or not is_alive(owner):
            remove_folder(entry) if entry.is_dir() else entry.unlink(missing_ok=True)


def sync_tree(folder: Path) -> None:
    """Every file and folder below, so that a power cut after a rename finds no empty file under the final name."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def sync(path: Path) -> None:
    """The bytes of a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
