"""The packaged table of words that fonts, icons and pictures are chosen by."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AssetWords:
    system_fonts: frozenset[str]
    icons: Mapping[str, str]
    """Name in other icon sets → name in the kit."""
    subjects: Mapping[str, str]
    """Word → subject of a picture."""


@cache
def asset_words() -> AssetWords:
    table = tomllib.loads(Path(__file__).with_name("asset_words.toml").read_text(encoding="utf-8"))
    subjects = {word: subject for subject, words in table["subjects"].items() for word in words.split()}
    return AssetWords(frozenset(table["fonts"]["system"]), table["icons"], subjects)
