"""The picture of the floors, drawn from the import-linter contract that keeps them."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from html import escape

CONTRACT = "importlinter:contract:floors"
WIDTH, MARGIN, LINE, PAD, GAP = 420, 12, 20, 7, 3
"""In units of the picture; it is narrow so that its letters can be read on a phone."""
CHARACTER = 7.3
_INK, _QUIET, _PAPER, _FLOOR, _LEAF = "#17191c", "#5c6470", "#ffffff", "#eef1f5", "#e3edfb"


def floors(contract: str) -> list[list[str]]:
    """The rooms of each floor, uppermost first, as `.importlinter` names them."""
    parser = configparser.ConfigParser()
    parser.read_string(contract)
    lines = parser[CONTRACT]["layers"].strip().splitlines()
    return [[room.strip() for room in line.split("|")] for line in lines]


def draw(levels: Sequence[Sequence[str]]) -> str:
    """An SVG without style sheet or script: one band a floor, its rooms in the order of the contract."""
    parts, y = [], 46.0
    for n, rooms in enumerate(levels):
        lines = _lines([_shown(room) for room in rooms])
        height = len(lines) * LINE + 2 * PAD - 4
        colour = _FLOOR if all(room.startswith("appliance.") for room in rooms) else _LEAF
        parts.append(f'<g data-floor="{n}">')
        parts.append(
            f'<rect x="{MARGIN}" y="{y:g}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="4" fill="{colour}"/>'
        )
        for i, words in enumerate(lines):
            below = y + PAD + (i + 1) * LINE - 7
            parts.append(f'<text x="{MARGIN + 10}" y="{below:g}" fill="{_INK}">{escape(words)}</text>')
        parts.append("</g>")
        y += height + GAP
    title = "The floors of the program, uppermost first. Each floor imports only from floors below it."
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 9:g}" width="{WIDTH}" height="{y + 9:g}"'
        ' font-family="ui-monospace, DejaVu Sans Mono, monospace" font-size="12" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{y + 9:g}" fill="{_PAPER}"/>',
        f'<text x="{MARGIN}" y="20" fill="{_INK}" font-size="13" font-weight="bold">Imports point down only</text>',
        f'<text x="{MARGIN}" y="37" fill="{_QUIET}">grey: modules of appliance; blue: other packages</text>',
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _shown(room: str) -> str:
    return room.removeprefix("appliance.")


def _lines(rooms: Sequence[str]) -> list[str]:
    """Rooms with ` | ` between them, as many on a line as fit."""
    most = int((WIDTH - 2 * MARGIN - 20) / CHARACTER)
    lines = [rooms[0]]
    for room in rooms[1:]:
        longer = f"{lines[-1]} | {room}"
        if len(longer) <= most:
            lines[-1] = longer
        else:
            lines[-1] += " |"
            lines.append(room)
    return lines
