"""Whose licence each part of a bundle is under, and the texts themselves, out of the very files that are bundled."""

from __future__ import annotations

import re
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from setup.debs import Deb

UNKNOWN = "not stated"
_TEXT = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|AUTHORS)", re.IGNORECASE)
_LONGEST_NAME = 80


def debian_licences(debs: Sequence[Deb], archives: Path, cache: Path) -> dict[str, str]:
    """The copyright file of each package; reading them takes half a minute, so they are kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    texts = {}
    for deb in debs:
        kept = cache / f"{deb.plain}.txt"
        if not kept.exists():
            part = kept.with_suffix(".part")
            part.write_text(_copyright(archives / deb.file, deb.name), encoding="utf-8")
            part.replace(kept)
        texts[f"licences/debian/{deb.name}.txt"] = kept.read_text(encoding="utf-8")
    return texts


def _copyright(archive: Path, name: str) -> str:
    """Packages of one source often share a folder of documents: then this says whose it is."""
    folder = f"./usr/share/doc/{name}"
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    if member.name in (folder, f"{folder}/copyright") and member.issym():
                        return f"See the package {_package_of(member.linkname)}.\n"
                    if member.name == f"{folder}/copyright" and (file := tar.extractfile(member)):
                        return file.read().decode("utf-8", "replace")
        finally:
            process.kill()
    return "This package carries no copyright file of its own.\n"


def _package_of(link: str) -> str:
    return next(part for part in PurePosixPath(link).parts if part not in ("..", "/", "usr", "share", "doc"))


def python_licences(files: Mapping[str, Path]) -> dict[str, str]:
    texts = {}
    for path in (source for name, source in files.items() if name.endswith(".whl")):
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.namelist()):
                folder, _, name = member.partition(".dist-info/")
                if name and "/" not in folder and _TEXT.search(name) and not name.endswith(".py"):
                    texts[f"licences/python/{folder}/{name.replace('/', '-')}"] = archive.read(member).decode(
                        "utf-8", "replace"
                    )
    return texts


def debian_names(text: str) -> str:
    """The licences that a machine-readable copyright file names."""
    named = sorted({name.strip()[:_LONGEST_NAME] for name in re.findall(r"(?m)^License:[ \t]*(\S.*)$", text)})
    return ", ".join(named) or ("in the package's copyright file" if text else UNKNOWN)


def wheel_metadata(wheel: Path) -> tuple[str, str, str, bool]:
    """Name, version and licence as the publisher states them, and whether the licence is an SPDX expression."""
    with zipfile.ZipFile(wheel) as archive:
        entry = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        told = HeaderParser().parsestr(archive.read(entry).decode("utf-8", "replace"))
    classifiers = [line.split(" :: ")[-1] for line in told.get_all("Classifier", []) if line.startswith("License ::")]
    plain = (told.get("License") or "").strip()
    short = plain if plain and "\n" not in plain and len(plain) <= _LONGEST_NAME else ""
    expression = told.get("License-Expression")
    licence = expression or short or ", ".join(classifiers) or UNKNOWN
    return told["Name"], told["Version"], licence, expression is not None
