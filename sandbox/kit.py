"""The offline asset kit: fonts and icons that lie under `/kit/` of every site, read from the package's own files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

FontKind = Literal["sans", "display", "serif", "display-serif", "mono"]


@dataclass(frozen=True, slots=True)
class FontFace:
    file: str
    """Name of the woff2 file beside the others in `fonts/`."""
    style: str
    weight: str
    """A range such as `100 900`: all faces are variable."""
    unicode_range: str


@dataclass(frozen=True, slots=True)
class FontFamily:
    slug: str
    name: str
    kind: FontKind
    faces: tuple[FontFace, ...]


def kit_files() -> Mapping[str, bytes]:
    """Everything at `/kit/`: `site.css`, `site.js`, `fonts.css`, `fonts/*.woff2`, `icons/NAME.svg` and the licences."""
    return _kit_files()


def font_families() -> tuple[FontFamily, ...]:
    """The kit's families, sorted by slug."""
    return tuple(_family(path) for path in sorted((_folder() / "fonts").glob("*.json")))


def icon_words() -> Mapping[str, tuple[str, ...]]:
    """Icon name → other words it is known by."""
    return _icon_words()


def font_sheet(families: Mapping[str, FontFamily]) -> str:
    """A style sheet that offers each family under the given name; file addresses are relative to `/kit/`."""
    return "".join(_face_rule(name, face) for name, family in families.items() for face in family.faces)


@cache
def _kit_files() -> Mapping[str, bytes]:
    folder = _folder()
    shipped = (
        path
        for pattern in ("site.css", "site.js", "fonts/*.woff2", "icons/*.svg", "*/*LICENSE.txt")
        for path in folder.glob(pattern)
    )
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in shipped}
    files["fonts.css"] = font_sheet({family.name: family for family in font_families()}).encode()
    return MappingProxyType(dict(sorted(files.items())))


@cache
def _icon_words() -> Mapping[str, tuple[str, ...]]:
    words = json.loads((_folder() / "icons" / "words.json").read_text(encoding="utf-8"))
    return MappingProxyType({name: tuple(known) for name, known in words.items()})


def _folder() -> Path:
    return Path(__file__).resolve().with_suffix("")


def _family(path: Path) -> FontFamily:
    description = json.loads(path.read_text(encoding="utf-8"))
    faces = tuple(FontFace(f["file"], f["style"], f["weight"], f["range"]) for f in description["faces"])
    return FontFamily(path.stem, description["family"], description["kind"], faces)


def _face_rule(name: str, face: FontFace) -> str:
    return (
        f'@font-face{{font-family:"{name}";font-style:{face.style};font-weight:{face.weight};font-display:swap;'
        f'src:url("fonts/{face.file}") format("woff2");unicode-range:{face.unicode_range}}}\n'
    )
