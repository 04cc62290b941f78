"""All texts of the interface, by key, one file for each language. A translation is a file in `strings/`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from flask import request

DEFAULT = "en"
COOKIE = "language"


@cache
def languages() -> Mapping[str, Mapping[str, str]]:
    """Language tag → key → text, keys joined by dots. `name` is the language's own name."""
    found = {
        path.name.removesuffix(".toml"): MappingProxyType(_flat(tomllib.loads(path.read_text("utf-8"))))
        for path in files("web_ui").joinpath("strings").iterdir()
        if path.name.endswith(".toml")
    }
    return MappingProxyType(dict(sorted(found.items())))


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat


class Words:
    """The texts in one language; what a translation lacks is shown in English, what nobody knows is an error."""

    def __init__(self, language: str) -> None:
        known = languages()
        self.language = language if language in known else DEFAULT
        self._texts = {**known[DEFAULT], **known[self.language]}

    def __call__(self, key: str, **values: object) -> str:
        return self._texts[key].format_map(values)

    def of(self, group: str, name: str) -> str:
        """The text for one of a closed set, such as a status; the name itself where it has none."""
        return self._texts.get(f"{group}.{name}", name)

    def group(self, name: str) -> dict[str, str]:
        """All texts of a closed set, for a script."""
        return {key.removeprefix(f"{name}."): text for key, text in self._texts.items() if key.startswith(f"{name}.")}


def spoken() -> Words:
    """The texts for this request: as chosen, else as the browser asks for."""
    chosen = request.cookies.get(COOKIE)
    return Words(chosen or request.accept_languages.best_match(list(languages())) or DEFAULT)
