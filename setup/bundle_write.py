"""Writing a bundle: size and disk first, then every file with its hash, read back whole before it gets its name."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from appliance.bundle import (
    MANIFEST,
    Manifest,
    copy_hashed,
    is_plain,
    manifest_text,
    sha256_of,
    verify_bundle,
    write_sums,
)
from appliance.bundle_signature import sign
from appliance.errors import BundleRefused
from setup.errors import InTheWay, NoRoom
from setup.steps import say

SPARE_BYTES = 64 << 20

SaveImage = Callable[[str, Path], None]
"""Stack, and the file to write its image to."""


def part_bytes(sources: Mapping[str, Path], images: Mapping[str, int]) -> dict[str, int]:
    """Size of each top-level part; single files at the top count as `program`."""
    sizes: dict[str, int] = {"images": sum(images.values())} if images else {}
    for name, source in sources.items():
        part = name.split("/")[0] if "/" in name else "program"
        sizes[part] = sizes.get(part, 0) + source.stat().st_size
    return dict(sorted(sizes.items()))


def sentence(sizes: Mapping[str, int]) -> str:
    parts = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.items())
    return f"the bundle takes {sum(sizes.values()) / 1e9:.2f} GB: {parts}"


def refuse_full_disk(target: Path, needed_bytes: int, free_bytes: int | None = None) -> None:
    free = shutil.disk_usage(target.parent).free if free_bytes is None else free_bytes
    if free < needed_bytes + SPARE_BYTES:
        raise NoRoom(
            f"The bundle takes {needed_bytes / 1e9:.2f} GB and {target.parent} has {free / 1e9:.2f} GB free;"
            " name another place or leave parts out."
        )


def refuse_target(target: Path) -> None:
    if target.exists():
        raise InTheWay(f"{target} exists already; name a new folder.")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise InTheWay(f"This account cannot write to {target.parent}; name a folder that it may write to.")


def write_bundle(
    target: Path, sources: Mapping[str, Path], manifest: Manifest, save_image: SaveImage, key: Path | None = None
) -> Manifest:
    """The manifest as it was written. Until all was read back the folder has another name; a failure removes it."""
    refuse_target(target)
    if wrong := sorted(name for name in sources if not is_plain(name)):
        raise BundleRefused(f"{wrong[0]!r} cannot be the name of a file in a bundle; rename the file and try again.")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        manifest = _write_all(part, sources, manifest, save_image)
        say("reading the bundle back")
        verify_bundle(part)
        if key is not None:  # last: reading back a signed one would need the public key
            sign(part, key)
        part.rename(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _translated(error, target) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _write_all(part: Path, sources: Mapping[str, Path], manifest: Manifest, save_image: SaveImage) -> Manifest:
    sums = {name: copy_hashed(sources[name], part / name) for name in sorted(sources)}
    image_bytes = 0
    for stack, file in sorted(manifest.images.items()):
        image = part / "images" / file
        image.parent.mkdir(exist_ok=True)
        save_image(stack, image)
        sums[f"images/{file}"] = sha256_of(image)
        image_bytes += image.stat().st_size
    sizes = {**manifest.part_bytes, **({"images": image_bytes} if manifest.images else {})}
    manifest = replace(manifest, part_bytes=sizes)
    (part / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")
    sums[MANIFEST] = sha256_of(part / MANIFEST)
    write_sums(part, sums)
    return manifest


def _translated(error: OSError, target: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoom(f"The disk of {target.parent} is full; nothing was left there. Free some space and try again.")
    if error.errno == errno.EFBIG:
        return NoRoom(f"The disk of {target.parent} takes no files this large (FAT); format it as exFAT or ext4.")
    return InTheWay(f"{error.filename}: {error.strerror}; nothing was left of the bundle. Mend that and try again.")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
