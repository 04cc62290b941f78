"""A readable copy of a checkout that lies where the product's account cannot look (such as root's home)."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from setup.errors import InTheWay

LEFT_OUT = frozenset({".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"})
LEFT_OUT_SUFFIXES = (".egg-info", ".gguf", ".db")


def files_below(root: Path) -> Iterator[Path]:
    """Relative paths of all files worth copying."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if _is_wanted(name))
        yield from (Path(folder, name).relative_to(root) for name in files if _is_wanted(name))


def _is_wanted(name: str) -> bool:
    return name not in LEFT_OUT and not name.endswith(LEFT_OUT_SUFFIXES)


def sync(source: Path, target: Path) -> int:
    """How many files were new, changed or gone; the copy is readable to all and writable to us alone."""
    wanted = set(files_below(source))
    gone = set(files_below(target)) - wanted if target.exists() else set()
    changed = [path for path in wanted if not _is_same(source / path, target / path)]
    for path in changed:
        _copy(source / path, target / path, target)
    for path in gone:
        (target / path).unlink()
    return len(changed) + len(gone)


def _is_same(source: Path, target: Path) -> bool:
    if not os.path.lexists(target):
        return False
    ours, theirs = source.lstat(), target.lstat()
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _copy(source: Path, target: Path, root: Path) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for folder in (target.parent, *target.parent.parents):
        folder.chmod(0o755)
        if folder == root:
            break
    target.unlink(missing_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(stat.S_IMODE(target.stat().st_mode) & ~0o022 | 0o444)


def link_environment(checkout: Path, tree: Path) -> None:
    """`.venv` of the checkout leads to the copy's, so that the commands in the README work there too."""
    link, environment = checkout / ".venv", tree / ".venv"
    if link.is_symlink():
        if link.readlink() == environment:
            return
        link.unlink()
    elif link.exists():
        raise InTheWay(f"{link} was made when other accounts could read this folder; remove it and try again.")
    link.symlink_to(environment)


def is_in_step(source: Path, target: Path) -> bool:
    wanted = set(files_below(source))
    return (
        target.is_dir()
        and wanted == set(files_below(target))
        and all(_is_same(source / path, target / path) for path in wanted)
    )
