"""Reading locks: which packages, with which hashes, go into one pip command."""

from __future__ import annotations

import re
from pathlib import Path

ENGINE = "llama-cpp-python"


def entries(lock: str) -> dict[str, str]:
    """By package: the requirement and the hash lines below it. A package may stand twice, for different Pythons."""
    found: dict[str, str] = {}
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", lock):
        if name := re.match(r"[A-Za-z0-9._-]+", entry):
            found[name[0]] = found.get(name[0], "") + entry
    return found


def without_engine(lock: str) -> str:
    return "".join(entry for name, entry in entries(lock).items() if name != ENGINE)


def engine_only(lock: str) -> str:
    return entries(lock)[ENGINE]


def pinned_version(lock: str, package: str) -> str:
    return entries(lock)[package].split("==")[1].split()[0]


def lock_path(tree: Path, name: str) -> Path:
    return tree / "locks" / f"{name}.txt"
