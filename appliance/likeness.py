"""A picture of how a site should look: checked, made small, and its colours read for a model that cannot see."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from appliance.errors import UsageError

MOST_BYTES = 10 * 2**20
MOST_PIXELS = 40_000_000
WIDTH_PX, HEIGHT_PX = 1024, 1536
"""What a vision model gets; a longer page is cut at its end."""
_FORMATS = ("PNG", "JPEG", "WEBP")
_PALETTE = 16
_SAMPLE_PX = 200
_COLOURFUL = 0.25
"""Saturation from which a colour is one that buttons have."""

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Likeness:
    """The picture as PNG, its most frequent colour, and the most frequent one that stands out, as codes: #0b7a75."""

    png: bytes
    background: str
    component: str


def likeness_from_file(path: Path) -> Likeness:
    """Raises UsageError."""
    try:
        with path.open("rb") as file:
            return read_likeness(file.read(MOST_BYTES + 1), path.name)
    except OSError as error:
        raise UsageError(f"The picture {path} cannot be read: {error.strerror}.") from error


def read_likeness(content: bytes, name: str) -> Likeness:
    """Raises UsageError for what is no picture, or too large a one."""
    if len(content) > MOST_BYTES:
        raise UsageError(f"{name} is larger than {MOST_BYTES >> 20} MiB; make the picture smaller.")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            width, height = opened.size
            picture = opened.convert("RGB") if width * height <= MOST_PIXELS else None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"{name} is no PNG, JPEG or WebP picture; save it as one of these.") from error
    if picture is None:
        raise UsageError(f"{name} has {width} × {height} pixels; make the picture smaller.")
    if picture.width > WIDTH_PX:
        picture = picture.resize((WIDTH_PX, max(1, round(picture.height * WIDTH_PX / picture.width))))
    picture = picture.crop((0, 0, picture.width, min(picture.height, HEIGHT_PX)))
    png = io.BytesIO()
    picture.save(png, "PNG", optimize=True)
    background, component = _colours(picture)
    return Likeness(png.getvalue(), _code(background), _code(component))


def _colours(picture: Image.Image) -> tuple[Rgb, Rgb]:
    small = picture.resize((_SAMPLE_PX, _SAMPLE_PX), Image.Resampling.NEAREST)
    reduced = small.quantize(_PALETTE).convert("RGB").getcolors() or []
    by_share = [
        (pixel[0], pixel[1], pixel[2]) for _, pixel in sorted(reduced, reverse=True) if isinstance(pixel, tuple)
    ]
    return by_share[0], _standing_out(by_share)


def _standing_out(by_share: Sequence[Rgb]) -> Rgb:
    others = by_share[1:] or by_share
    return next((colour for colour in others if _saturation(colour) >= _COLOURFUL), others[0])


def _saturation(colour: Rgb) -> float:
    return colorsys.rgb_to_hsv(*(part / 255 for part in colour))[1]


def _code(colour: Rgb) -> str:
    return f"#{bytes(colour).hex()}"
