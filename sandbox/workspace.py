"""What a site folder may hold, and how it travels: paths checked, content addressed, packed as tar.

Everything here is pure. Both directions are checked, because neither the model that writes files nor the
container that hands them back is trusted.
"""

import hashlib
import io
import tarfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from sandbox.errors import WorkspaceRefused

MIB = 1024 * 1024
NAME_BYTES = 255
DAMAGED = (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError)
"""What `tarfile` raises for an archive that is none; it lets all of them through."""
RESERVED = frozenset({".git", "node_modules"})
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that do not show in a listing and so can hide what a path really is."""


@dataclass(frozen=True, slots=True)
class Limits:
    files: int = 400
    file_bytes: int = 2 * MIB
    total_bytes: int = 20 * MIB
    path_chars: int = 200
    depth: int = 12


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen state of a site: `id` is the SHA-256 of the sorted manifest, `files` maps path to SHA-256."""

    id: str
    files: Mapping[str, str]


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def check_path(path: str, limits: Limits = Limits()) -> None:
    """Raises `WorkspaceRefused` unless `path` is a plain relative path that stays inside the site."""
    reason = path_fault(path, limits)
    if reason:
        raise WorkspaceRefused(f"The path {shown(path)} is refused: {reason}.")


def path_fault(path: str, limits: Limits = Limits()) -> str:
    """Why a path is refused; empty when it is good."""
    if not path:
        return "it is empty; name a file inside the site"
    if len(path) > limits.path_chars:
        return f"it has {len(path)} characters; use at most {limits.path_chars}"
    if any(unicodedata.category(character) in UNSEEN for character in path):
        return "it holds a control or invisible character; use visible characters only"
    if "\\" in path:
        return "it holds a backslash; separate folders with /"
    if path.startswith("/") or (len(path) > 1 and path[1] == ":" and path[0].isalpha()):
        return "it is absolute; write it relative to the site's folder"
    parts = path.split("/")
    if len(parts) > limits.depth:
        return f"it is {len(parts)} folders deep; use at most {limits.depth}"
    if ".." in parts:
        return "it climbs out with '..'; stay inside the site's folder"
    if "" in parts or "." in parts:
        return "it has an empty or '.' part; write the plain path of a file"
    if any(len(part.encode()) > NAME_BYTES for part in parts):
        return f"one of its names is longer than {NAME_BYTES} bytes; shorten it"
    reserved = next((part for part in parts if part.casefold() in RESERVED), None)
    return f"{reserved} is reserved; choose another folder" if reserved else ""


def check_files(files: Mapping[str, bytes], limits: Limits = Limits()) -> None:
    """Raises `WorkspaceRefused` for the first fault found in a whole site."""
    if len(files) > limits.files:
        raise WorkspaceRefused(f"The site has {len(files)} files; at most {limits.files} are accepted.")
    for path, content in files.items():
        check_path(path, limits)
        if len(content) > limits.file_bytes:
            raise WorkspaceRefused(f"The file {path} has {len(content)} bytes; at most {limits.file_bytes} fit.")
    total = sum(map(len, files.values()))
    if total > limits.total_bytes:
        raise WorkspaceRefused(f"The site has {total} bytes; at most {limits.total_bytes} are accepted.")
    clash = folder_clash(files)
    if clash:
        raise WorkspaceRefused(f"The name {clash} is used both as a file and as a folder; rename one of them.")


def folder_clash(files: Mapping[str, bytes]) -> str:
    for path in files:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in files:
                return folder
    return ""


def snapshot(files: Mapping[str, bytes]) -> Snapshot:
    hashes = {path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)}
    # NUL cannot occur in a path, so no two sites share a manifest.
    manifest = "".join(f"{digest} {path}\0" for path, digest in hashes.items())
    return Snapshot(hashlib.sha256(manifest.encode()).hexdigest(), MappingProxyType(hashes))


def pack(files: Mapping[str, bytes], *, executable: frozenset[str] = frozenset()) -> bytes:
    """A tar of these files alone: sorted, undated and unowned, so equal sites give equal bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            member = tarfile.TarInfo(path)
            member.size = len(files[path])
            member.mode = 0o755 if path in executable else 0o644
            tar.addfile(member, io.BytesIO(files[path]))
    return out.getvalue()


def unpack(stream: Readable, limits: Limits = Limits(), *, below: str = "") -> dict[str, bytes]:
    """Read a tar into memory, refusing links, devices, escapes and anything over the limits, before it is read.

    `below` is dropped from the front of every name. Whole node_modules folders are left out, unread.
    """
    bounded = BoundedReader(stream, stream_limit_bytes(limits))
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=bounded, mode="r|", errorlevel=2) as tar:
            for member in tar:
                path = member.name.removeprefix("./").removeprefix(below)
                if member.isdir() or "node_modules" in path.split("/")[:-1]:
                    continue
                if not member.isreg():
                    raise WorkspaceRefused(f"{shown(path)} is a link or special file; a site holds plain files only.")
                total += member.size
                check_member(path, member.size, len(files), total, limits)
                source = tar.extractfile(member)
                assert source is not None  # isreg() above
                files[path] = source.read()
    except WorkspaceRefused:
        raise
    except DAMAGED as error:
        raise WorkspaceRefused("The site's archive is damaged; write the site's files again.") from error
    check_files(files, limits)
    return files


def check_member(path: str, size_bytes: int, files: int, total_bytes: int, limits: Limits) -> None:
    check_path(path, limits)
    if size_bytes > limits.file_bytes:
        raise WorkspaceRefused(f"The file {path} has {size_bytes} bytes; at most {limits.file_bytes} fit.")
    if files >= limits.files:
        raise WorkspaceRefused(f"The site has more than {limits.files} files; delete some.")
    if total_bytes > limits.total_bytes:
        raise WorkspaceRefused(f"The site has more than {limits.total_bytes} bytes; delete or shrink files.")


def stream_limit_bytes(limits: Limits) -> int:
    # Room for what is passed over (folders, a build's node_modules) up to as much again, so that a stream of
    # endless empty folders or headers ends too.
    return 2 * limits.total_bytes + limits.files * (limits.depth + 4) * 512 + MIB


class BoundedReader(io.RawIOBase):
    """A stream that refuses to go on past `limit_bytes`."""

    def __init__(self, stream: Readable, limit_bytes: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = limit_bytes

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._left <= 0:
            raise WorkspaceRefused("The site's archive is larger than a site may be; delete files or folders.")
        block = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(block)
        return block


def shown(path: str) -> str:
    """A path safe to print: quoted, escaped, shortened."""
    quoted = ascii(path) if any(unicodedata.category(character) in UNSEEN for character in path) else repr(path)
    return quoted if len(quoted) <= 80 else f"{quoted[:76]}…{quoted[-1]}"
