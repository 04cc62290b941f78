"""Disks that fail or lose power: builds and preloads `disk.c`, and makes anew what a power cut would have left.

The model of a power cut is that of a journalling file system, taken harshly: bytes of a file are sure only once that
file was synced, until then any of its writes may be missing, and not just the last ones; names (made, renamed, removed)
come about in order, and a sync of anything makes all earlier ones sure. A write is whole or missing, never half: SQLite
guards against torn pages by checksums in its log, which this does not try.
"""

import errno
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from appliance.errors import PartMissing

T = TypeVar("T")
SOURCE = Path(__file__).with_name("disk.c")


@dataclass(frozen=True, slots=True)
class Fault:
    """The `at`th change of the folder's files fails with `code`; with `stays`, all later writes do too."""

    at: int
    code: int
    stays: bool

    @property
    def name(self) -> str:
        return errno.errorcode[self.code]


def build_disk(folder: Path) -> Path:
    """The shared object, in `folder`. Raises PartMissing without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise PartMissing("A C compiler is needed to make a disk fail; run: apt-get install gcc libc6-dev")
    target = folder / "disk.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", target, SOURCE, "-ldl", "-lpthread"], check=True)
    return target


def variables(disk: Path, folder: Path, *, fault: Fault | None = None, log: Path | None = None) -> Mapping[str, str]:
    """Environment of a process whose changes below `folder` go through `disk`."""
    told = {"LD_PRELOAD": str(disk), "CHAOS_FOLDER": str(folder)}
    if fault:
        told |= {"CHAOS_FAIL_AT": str(fault.at), "CHAOS_ERRNO": str(fault.code), "CHAOS_STAYS": str(int(fault.stays))}
    return told | ({"CHAOS_LOG": str(log)} if log else {})


@dataclass(frozen=True, slots=True)
class Change:
    """w write, t truncate, s sync, c create, m make folder, r rename (`path` to `other`), u remove."""

    kind: str
    path: str
    other: str
    offset: int
    content: bytes


def read_log(log: Path) -> list[Change]:
    def changes(text: bytes) -> Iterator[Change]:
        at = 0
        while at < len(text):
            fields = []
            for _ in range(5):
                end = text.index(b"\n", at)
                fields.append(text[at:end].decode())
                at = end + 1
            kind, path, other, offset, length = fields
            size = int(length) if kind == "w" else 0
            yield Change(kind, path, other, int(offset), text[at : at + size])
            at += size

    return list(changes(log.read_bytes()))


@dataclass(slots=True)
class _File:
    sure: bytearray = field(default_factory=bytearray)
    waiting: list[Change] = field(default_factory=list)

    def settle(self, kept: Sequence[Change]) -> bytearray:
        content = bytearray(self.sure)
        for change in kept:
            if change.kind == "t":
                del content[change.offset :]
                content.extend(bytes(change.offset - len(content)))
            else:
                content.extend(bytes(max(0, change.offset - len(content))))
                content[change.offset : change.offset + len(change.content)] = change.content
        return content


def after_power_cut(changes: Sequence[Change], luck: random.Random | None) -> dict[str, bytes | None]:
    """Files by path, folders as None. Without `luck` nothing that was not synced survives; with it, some does."""
    sure_names = max((n for n, change in enumerate(changes) if change.kind == "s"), default=-1) + 1
    kept_names = luck.randint(sure_names, len(changes)) if luck else sure_names
    files: dict[str, _File] = {}
    names: dict[str, _File | None] = {}  # what the disk knows them by
    for n, change in enumerate(changes):
        lasting = n < kept_names
        match change.kind:
            case "c":
                files[change.path] = _File()
                if lasting:
                    names[change.path] = files[change.path]
            case "m" if lasting:
                names[change.path] = None
            case "r":
                _rename(files, change)
                if lasting:
                    _rename(names, change)
            case "u":
                files.pop(change.path, None)
                if lasting:
                    names.pop(change.path, None)
            case "s" if change.path in files:
                file = files[change.path]
                file.sure, file.waiting = file.settle(file.waiting), []
            case "w" | "t":
                files.setdefault(change.path, _File()).waiting.append(change)
    return {path: None if file is None else bytes(file.settle(_kept(file, luck))) for path, file in names.items()}


def _rename(names: dict[str, T], change: Change) -> None:
    """A folder takes all it holds along."""
    for path in [path for path in names if path == change.path or path.startswith(f"{change.path}/")]:
        names[change.other + path.removeprefix(change.path)] = names.pop(path)


def _kept(file: _File, luck: random.Random | None) -> list[Change]:
    return [change for change in file.waiting if luck and luck.random() < 0.5]


def lay_out(left: Mapping[str, bytes | None], old: Path, new: Path) -> None:
    """Write what was left below `old` into the folder `new`."""
    for name, content in sorted(left.items()):
        place = new / Path(name).relative_to(old)
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
