"""An offline bundle: one folder with everything that a machine without a network needs, and how it is checked.

`SHA256SUMS` lists every other file in the format of `sha256sum --check`, so that it can be checked without any code of
the bundle; a signature is made over it. `manifest.json` says what is in it and for which machine. Standard library
only: the distribution's own Python reads bundles before anything is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from appliance.bundle_signature import SIGNATURES, SUMS, check_signature
from appliance.errors import BundleRefused

FORMAT = 1
MANIFEST = "manifest.json"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_CHUNK = 1 << 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Machine:
    """What a bundle depends on. `processor` are the instruction sets; the engine alone depends on them."""

    distribution: str
    release: str
    architecture: str
    python: str
    processor: str

    def said(self) -> str:
        return f"{self.distribution} {self.release} on {self.architecture} with Python {self.python}"


@dataclass(frozen=True, slots=True)
class BundledModel:
    """Its files lie in `models/NAME/`. Those of the catalog are held to the publisher's own hashes."""

    name: str
    weights: str
    projector: str | None
    is_in_catalog: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """`extras` are names of locks; `images` are files in `images/` by stack.

    `part_bytes` are sizes in the bundle; `needed_bytes` is what installing takes on the disk, system packages apart.
    """

    format: int
    program: str
    machine: Machine
    variant: str
    extras: list[str]
    packages: list[str]
    models: list[BundledModel]
    images: dict[str, str]
    part_bytes: dict[str, int]
    needed_bytes: int


def this_machine(processor: str) -> Machine:
    """Raises BundleRefused where the system does not say what it is."""
    try:
        release = platform.freedesktop_os_release()
    except OSError as error:
        raise BundleRefused("This system does not say what it is (/etc/os-release); bundles are for Debian.") from error
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    codename = release.get("VERSION_CODENAME", release.get("VERSION_ID", "unknown"))
    return Machine(release.get("ID", "unknown"), codename, platform.machine(), python, processor)


def refuse_other_machine(wanted: Machine, here: Machine) -> None:
    """The processor's instruction sets may differ: then the engine is built anew."""
    if wanted.said() != here.said():
        raise BundleRefused(
            f"This bundle is for {wanted.said()}, and this is {here.said()}; make one on a like machine."
        )


def verify_bundle(folder: Path, key: Path | None = None, on_progress: Progress | None = None) -> Manifest:
    """Check signature, names and every byte, before anything is used.

    Raises BundleRefused: for a link, a missing, additional or changed file, a name that leads outside, a signature
    that is wrong, or there without its key, or absent although a key is given.
    """
    if not (folder / SUMS).is_file() or (folder / SUMS).is_symlink():
        raise BundleRefused(f"{folder} is no bundle: it has no {SUMS}; name the folder that `bundle create` made.")
    check_signature(folder, key)
    sums = read_sums((folder / SUMS).read_text(encoding="utf-8", errors="replace"))
    sizes = {name: (folder / name).lstat().st_size for name in files_below(folder)}
    if absent := sorted(sums.keys() - sizes.keys()):
        raise BundleRefused(f"{len(absent)} files are missing from the bundle, such as {absent[0]}; copy it again.")
    if foreign := sorted(sizes.keys() - sums.keys()):
        raise BundleRefused(f"The bundle holds {foreign[0]}, which {SUMS} does not list; copy it again.")
    done, total = 0, sum(sizes.values())
    for name, expected in sums.items():
        if sha256_of(folder / name) != expected:
            raise BundleRefused(f"{name} in the bundle is not what was bundled: damaged or changed; copy it again.")
        done += sizes[name]
        if on_progress is not None:
            on_progress(done, total)
    return read_manifest(folder / MANIFEST)


def read_sums(text: str) -> dict[str, str]:
    """SHA-256 by path. Raises BundleRefused for anything but plain relative paths, each once."""
    sums: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or not is_plain(match[2]) or match[2] in sums:
            raise BundleRefused(f"{SUMS} has a line that does not belong there: {line[:100]!r}; take another bundle.")
        sums[match[2]] = match[1]
    if MANIFEST not in sums:
        raise BundleRefused(f"{SUMS} does not list {MANIFEST}; take another bundle.")
    return sums


def write_sums(folder: Path, sums: dict[str, str]) -> None:
    with (folder / SUMS).open("w", encoding="utf-8") as file:
        file.writelines(f"{sums[name]}  {name}\n" for name in sorted(sums))
        file.flush()
        os.fsync(file.fileno())


def is_plain(name: str) -> bool:
    """Relative, inside, and written in the one way that sha256sum needs no escapes for."""
    path = PurePosixPath(name)
    return (
        str(path) == name
        and not path.is_absolute()
        and ".." not in path.parts
        and name not in (".", SUMS, *SIGNATURES)
        and name.isprintable()
        and "\\" not in name
    )


def files_below(folder: Path) -> Iterator[str]:
    """All but the sums and their signature, in order. Raises BundleRefused for links and whatever else is no file."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(here, name)
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BundleRefused(f"{relative} in the bundle is a link or no file; copy the bundle again.")
            if path.is_file() and relative not in (SUMS, *SIGNATURES):
                yield relative


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_hashed(source: Path, target: Path) -> str:
    """The SHA-256 of the bytes that were read, whatever became of them on the other disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def manifest_text(manifest: Manifest) -> str:
    return json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_manifest(path: Path) -> Manifest:
    """Raises BundleRefused for one that is not ours or newer than this program."""
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if table["format"] > FORMAT:
            raise BundleRefused(f"The bundle was made by a newer version ({table['program']}); use its own install.")
        models = [BundledModel(**model) for model in table.pop("models")]
        manifest = Manifest(machine=Machine(**table.pop("machine")), models=models, **table)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, BundleRefused):
            raise
        raise BundleRefused(f"The bundle's {MANIFEST} cannot be read ({error}); take another bundle.") from error
    names = [*manifest.packages, *manifest.extras, *manifest.images, *(model.name for model in manifest.models)]
    files = [*(model.weights for model in manifest.models), *manifest.images.values()]
    if any(not is_plain(name) or "/" in name or name.startswith("-") for name in [*names, *files]):
        raise BundleRefused(f"The bundle's {MANIFEST} has a name that cannot be one; take another bundle.")
    return manifest


def install_from(folder: Path, words: list[str]) -> int:
    """Run the bundle's own entry, which checks it and knows its own layout. Its exit code."""
    if not (folder / "install").is_file():
        raise BundleRefused(f"{folder} is no bundle: it has no program `install`.")
    return subprocess.run(["sh", str(folder / "install"), *words], check=False).returncode
