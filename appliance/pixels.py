"""What a screenshot is made of, in shares of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO

from PIL import Image

from appliance.colours import Rgb

SAMPLED_EVERY_PX = 4
"""Every fourth pixel in both directions: thin text still leaves thousands of marks."""
TOLERANCE = 4


def ink_share(png: bytes) -> float:
    """The share of pixels that differ visibly from the most frequent colour: 0 for an empty page."""
    counts = _colour_counts(png)
    ground = max(counts, key=lambda item: item[0])[1]
    return 1 - _share(counts, ground, tolerance=8)


def colour_share(png: bytes, colour: Rgb) -> float:
    """The share of pixels that have the colour, rounding apart."""
    return _share(_colour_counts(png), colour, tolerance=TOLERANCE)


def _share(counts: Sequence[tuple[int, Rgb]], colour: Rgb, *, tolerance: int) -> float:
    total = sum(count for count, _ in counts)
    near = sum(
        count for count, seen in counts if all(abs(a - b) <= tolerance for a, b in zip(seen, colour, strict=True))
    )
    return near / total


@lru_cache(maxsize=2)
def _colour_counts(png: bytes) -> tuple[tuple[int, Rgb], ...]:
    with Image.open(BytesIO(png)) as image:
        size = (max(1, image.width // SAMPLED_EVERY_PX), max(1, image.height // SAMPLED_EVERY_PX))
        sampled = image.convert("RGB").resize(size, Image.Resampling.NEAREST)
    counts = sampled.getcolors(maxcolors=size[0] * size[1]) or []
    return tuple((count, (pixel[0], pixel[1], pixel[2])) for count, pixel in counts if isinstance(pixel, tuple))
