"""How each subject of a picture is drawn."""

from __future__ import annotations

import random
from collections.abc import Callable

from appliance.drawing import HEIGHT, WIDTH, Palette, circle, faint, path, rect

Scene = Callable[[Palette, random.Random], str]


def abstract(colours: Palette, chance: random.Random) -> str:
    """Overlapping soft waves and discs."""
    shapes = [rect(0, 0, WIDTH, HEIGHT, colours.sky)]
    for fill in (colours.haze, colours.soft, colours.main):
        x, y, radius = 1200 * chance.random(), 700 * chance.random(), 120 + 180 * chance.random()
        shapes.append(circle(x, y, radius, fill, faint(0.55)))
    shapes.append(
        circle(300 + 600 * chance.random(), 200 + 300 * chance.random(), 60 + 60 * chance.random(), colours.accent)
    )
    for i, fill in enumerate((colours.soft, colours.main, colours.deep)):
        y = 520 + 90 * i + 40 * chance.random()
        bend = 60 + 80 * chance.random()
        shapes.append(
            path(f"M0 {y:g}C400 {y - bend:g} 700 {y + bend:g} 1200 {y - bend / 2:g}V800H0Z", fill, faint(0.85))
        )
    return "".join(shapes)


SCENES: dict[str, Scene] = {"abstract": abstract}
