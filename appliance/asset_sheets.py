"""Style sheets made for one site: the fonts it names and the icon classes it uses, out of the kit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from appliance.asset_words import asset_words
from sandbox.kit import FontFamily, FontKind, font_families, font_sheet, icon_words, kit_files

SHEET_MARK = "/* made by the offline kit */\n"
"""First line of a sheet that may be made anew; one without it was written by the coder and is left alone."""

_KIND_BY_NAME: tuple[tuple[str, FontKind], ...] = (
    (r"mono|code|courier|console|typewriter", "mono"),
    (r"playfair|abril|bodoni|cinzel|didot|cormorant|prata|fraunces|dm serif|yeseva", "display-serif"),
    (
        r"serif(?<!sans serif)(?<!sans-serif)|slab|lora|merriweather|garamond|baskerville|crimson|bitter|cardo",
        "serif",
    ),
    (
        r"poppins|montserrat|raleway|oswald|bebas|outfit|quicksand|nunito|comfortaa|lexend|urbanist|sora|manrope|jost|josefin"
        r"|righteous|fredoka|pacifico|dancing|caveat|lobster|satisfy|orbitron|grotesk|display|anton|archivo|kanit|rubik",
        "display",
    ),
)

_FONT_FAMILY = re.compile(r"font(?:-family|Family|-sans|-serif|-mono|-heading|-body|-display)\s*:\s*([^;{}<>\n]+)")
_FONT_SHORTHAND = re.compile(r"\bfont\s*:[^;{}<>\n]*?\d(?:px|r?em|pt|%|vw)(?:\s*+/\s*+\S++)?\s+([^;{}<>\n]+)")
_QUOTED_OR_WORD = re.compile(r"\"([^\"]+)\"|'([^']+)'|([A-Za-z][\w -]*)")
_DECLARED = re.compile(r"@font-face\s*\{[^{}]*font-family\s*:\s*[\"']?([^\"';}]+)", re.IGNORECASE)
_ICON_CLASS = re.compile(r"(?<![\w/.-])(?:fa|bi|kit-icon)-[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_ICON_STYLING = re.compile(
    r"^(?:fa|bi)-(?:\d*x[slg]|xs|sm|lg|xl|\d+x|fw|ul|li|spin|pulse|beat|fade|bounce|flip|shake|border|inverse|stack(?:-\dx)?"
    r"|pull-\w+|rotate-\d+|flip-\w+|solid|regular|light|thin|duotone|brands|sharp)$"
)


def site_font_sheet(texts: Iterable[str]) -> str:
    """`kit/fonts.css` for these files: the families they name, unknown web fonts answered by the nearest of the kit."""
    return SHEET_MARK + font_sheet(wanted_families(texts))


def wanted_families(texts: Iterable[str], *, default: bool = True) -> Mapping[str, FontFamily]:
    """Every loadable family that the texts name → the kit's family that stands for it; by default Inter if none is."""
    everything = [text for text in texts if not text.startswith(SHEET_MARK)]
    declared = {name.strip().lower() for text in everything for name in _DECLARED.findall(text)}
    own = {family.name.lower(): family for family in font_families()}
    wanted = {}
    for name in sorted({name for text in everything for name in _named_families(text)}):
        if name.lower() not in declared and name.lower() not in asset_words().system_fonts:
            wanted[name] = own.get(name.lower()) or nearest_family(name)
    return wanted or ({"Inter": own["inter"]} if default else {})


def nearest_family(name: str) -> FontFamily:
    kind = next((kind for pattern, kind in _KIND_BY_NAME if re.search(pattern, name.lower())), "sans")
    return next(family for family in font_families() if family.kind == kind)


def _named_families(text: str) -> Iterable[str]:
    for declaration in (*_FONT_FAMILY.findall(text), *_FONT_SHORTHAND.findall(text)):
        for part in declaration.split(","):
            found = None if "(" in part else _QUOTED_OR_WORD.search(part)
            name = next((group for group in found.groups() if group), "").strip() if found else ""
            if (
                2 < len(name) <= 40
                and re.fullmatch(r"[A-Za-z][A-Za-z0-9 -]*", name)
                and ("-" not in name or name[0].isupper())
            ):
                yield name


def find_icon(name: str) -> str:
    """The kit's icon for a name: exact, else by a word it is known by, else the most similar, else a plain circle."""
    known = icon_words()
    wanted = re.sub(r"-(?:o|outline|outlined|fill|filled|alt|solid|\d+)$", "", name.lower().replace("_", "-"))
    for candidate in (
        name,
        wanted,
        f"{wanted}-2",
        asset_words().icons.get(name, ""),
        asset_words().icons.get(wanted, ""),
    ):
        if candidate in known:
            return candidate
    spoken = wanted.replace("-", " ")
    if by_word := [icon for icon, words in known.items() if spoken in words]:
        return min(by_word, key=lambda icon: (len(icon), icon))
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.75)
    if near:
        return near[0]
    parts = [part for part in wanted.split("-") if part in known or part in asset_words().icons]
    return asset_words().icons.get(parts[0], parts[0]) if parts else "circle"


def icon_svg(name: str, colour: str = "") -> bytes:
    """One icon of the kit, drawn in a CSS colour, or in the text colour where the page inlines it."""
    svg = kit_files()[f"icons/{find_icon(name)}.svg"]
    return svg.replace(b"currentColor", colour.encode()) if colour else svg


def used_icon_classes(texts: Iterable[str]) -> tuple[str, ...]:
    """Class names such as `fa-house` or `bi-cart` that ask an icon font for a glyph."""
    found = {name for text in texts if not text.startswith(SHEET_MARK) for name in _ICON_CLASS.findall(text)}
    return tuple(sorted(name for name in found if not _ICON_STYLING.match(name)))


def site_icon_sheet(texts: Iterable[str]) -> str:
    """`kit/icons.css` for these files: each icon class as a mask, so that it takes the text's size and colour."""
    rules = [
        f'.{name}::before{{content:"";display:inline-block;width:1em;height:1em;vertical-align:-.125em;'
        f"background:currentColor;-webkit-mask:{_as_data(name)} center/contain no-repeat;"
        f"mask:{_as_data(name)} center/contain no-repeat}}\n"
        for name in used_icon_classes(texts)
    ]
    return SHEET_MARK + "".join(rules)


def _as_data(icon_class: str) -> str:
    # A mask from another file is refused where the export is opened without a server, a data address is not.
    svg = icon_svg(re.sub(r"^(?:fa|bi|kit-icon)-", "", icon_class), "black").decode()
    return f'url("data:image/svg+xml,{quote(svg, safe=" =:/")}")'.replace("'", "%27")
