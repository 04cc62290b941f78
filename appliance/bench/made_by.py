"""Which code made a site: runs of an older one are no measurement of this one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGES = ("appliance", "models", "sandbox")
_ENDS = (".py", ".md", ".toml", ".js", ".mjs", ".css")
_BLIND = ("bench", "commands", "__pycache__")
"""What only measures or only prints has no part in a site."""


@cache
def code_digest() -> str:
    """The first 12 digits of the SHA-256 over all that decides how a site is made and judged."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for name, content in sorted(_parts(files(package), package)):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def _parts(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        inner = f"{name}/{entry.name}"
        if entry.is_dir():
            if entry.name not in _BLIND:
                yield from _parts(entry, inner)
        elif entry.name.endswith(_ENDS):
            yield inner, entry.read_bytes()
