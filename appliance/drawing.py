"""A small vocabulary for SVG pictures: shapes as text, and palettes out of a hue."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

from appliance.colours import Rgb

WIDTH, HEIGHT = 1200, 800
"""Every scene is drawn on this canvas; other sizes crop it around the centre."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours that go together. All are hexadecimal codes."""

    sky: str
    """The lightest: backgrounds."""
    haze: str
    soft: str
    main: str
    deep: str
    """The darkest."""
    accent: str
    """The complement, for one thing that shall be seen first."""
    warm: str
    """A second, quieter accent."""


def palette(hue: float, saturation: float = 0.55, accent: float = 0.45) -> Palette:
    """`hue` and `accent` in turns of the colour circle, the accent counted from the hue."""
    return Palette(
        sky=hsl(hue, saturation * 0.75, 0.94),
        haze=hsl(hue, saturation * 0.7, 0.86),
        soft=hsl(hue, saturation * 0.75, 0.72),
        main=hsl(hue, saturation, 0.5),
        deep=hsl(hue + 0.03, saturation * 0.9, 0.25),
        accent=hsl(hue + accent, 0.66, 0.58),
        warm=hsl(hue + accent + 0.08, 0.62, 0.74),
    )


def hue_of(colour: Rgb) -> float | None:
    """None for greys: they say nothing about a hue."""
    hue, _, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    return hue if saturation > 0.12 and max(colour) - min(colour) > 24 else None


def hsl(hue: float, saturation: float, lightness: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, min(max(lightness, 0), 1), min(max(saturation, 0), 1))
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def rect(x: float, y: float, width: float, height: float, fill: str, radius: float = 0, more: str = "") -> str:
    corner = f' rx="{radius:g}"' if radius else ""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{corner} fill="{fill}"{_more(more)}/>'


def circle(x: float, y: float, radius: float, fill: str, more: str = "") -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}"{_more(more)}/>'


def ellipse(x: float, y: float, across: float, down: float, fill: str, more: str = "") -> str:
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{across:g}" ry="{down:g}" fill="{fill}"{_more(more)}/>'


def path(way: str, fill: str, more: str = "") -> str:
    return f'<path d="{way}" fill="{fill}"{_more(more)}/>'


def stroke(way: str, colour: str, width: float, more: str = "") -> str:
    """A line with round ends along a path."""
    return (
        f'<path d="{way}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round"'
        f' stroke-linejoin="round"{_more(more)}/>'
    )


def polygon(points: list[tuple[float, float]], fill: str, more: str = "") -> str:
    return f'<polygon points="{" ".join(f"{x:g},{y:g}" for x, y in points)}" fill="{fill}"{_more(more)}/>'


def group(content: str, transform: str, more: str = "") -> str:
    return f'<g transform="{transform}"{_more(more)}>{content}</g>'


def faint(opacity: float) -> str:
    return f'opacity="{opacity:g}"'


def _more(more: str) -> str:
    return f" {more}" if more else ""


def backdrop(colours: Palette, disc: float = 300) -> str:
    """A light ground with one soft disc behind the subject."""
    return (
        rect(0, 0, WIDTH, HEIGHT, colours.sky)
        + circle(600, 400, disc, colours.haze)
        + circle(230, 170, 70, colours.haze, faint(0.8))
        + circle(1010, 610, 100, colours.haze, faint(0.8))
        + circle(1040, 180, 26, colours.warm)
        + circle(180, 590, 18, colours.accent)
    )


def shadow(x: float, y: float, across: float, colours: Palette) -> str:
    """What a thing standing on the ground leaves below it."""
    return ellipse(x, y, across, across * 0.09, colours.deep, faint(0.16))


def ridge(points: list[tuple[float, float]], fill: str, more: str = "") -> str:
    """A silhouette through the points, filled down to the lower edge."""
    return polygon([(0, HEIGHT), *points, (WIDTH, HEIGHT)], fill, more)
