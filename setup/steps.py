"""Set-up as named steps: each is skipped when its stamp shows the same inputs and what it made is still there."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """`inputs` names everything the result depends on; `make` returns a few words on what it did."""

    name: str
    inputs: str
    is_there: Callable[[], bool]
    make: Callable[[], str]
    expected: str = ""


def content_hash(paths: Iterable[Path], *more: str) -> str:
    """Of files, and of folders with all below them; a missing path counts as such."""
    digest = hashlib.sha256()
    for path in paths:
        for file in _files(path):
            digest.update(f"{file.relative_to(path.parent)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    for text in more:
        digest.update(f"{text}\0".encode())
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


class Stamps:
    """What was made, from which inputs; kept in the environment that it describes, and gone with it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, str]:
        try:
            stamps = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return stamps if isinstance(stamps, dict) else {}

    def write(self, name: str, inputs: str) -> None:
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({**self.read(), name: inputs}, indent=1))
        part.replace(self._path)


def run_steps(steps: Iterable[Step], stamps: Stamps) -> int:
    """How many steps had something to do."""
    done = 0
    for step in steps:
        if stamps.read().get(step.name, "") == step.inputs and step.is_there():
            continue
        done += 1
        if step.expected:
            say(f"{step.name} ... ({step.expected})")
        begun = time.monotonic()
        result = step.make()
        if step.inputs:
            stamps.write(step.name, step.inputs)
        say(f"{step.name}: {result} [{time.monotonic() - begun:.1f} s]")
    return done


def say(line: str) -> None:
    print(f"set-up: {line}", file=sys.stderr, flush=True)
