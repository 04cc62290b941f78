"""Which colours a brief asks for, and for what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from PIL import ImageColor

Rgb = tuple[int, int, int]
ColourRole = Literal["background", "components"]

# Names that briefs use although CSS has none of that spelling, and what is accepted for them.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "azuremist": ("#f0ffff",),
    "lightgoldenrod": ("#fafad2", "#eedd82"),
    "offwhite": ("#faf9f6", "#f8f8ff", "#fffaf0"),
}
_COMPONENT_WORDS = re.compile(
    r"\b(?:components?|elements?|ui|interface|controls?|buttons?|cards?|blocks?|widgets?|accents?|pieces|navigation|header)\b",
    re.IGNORECASE,
)
_BACKGROUND_WORDS = re.compile(r"\b(?:backgrounds?|canvas|backdrop|base colou?r|layout|outer)\b", re.IGNORECASE)

# Longest first, so that `seagreen` is not read as `sea`.
_NAME_PARTS = re.compile(
    r"goldenrod|turquoise|blanched|lavender|midnight|antique|chiffon|magenta|rebecca|"
    r"almond|dodger|floral|flower|forest|golden|indian|medium|navajo|orange|orchid|papaya|"
    r"powder|purple|saddle|salmon|spring|violet|yellow|alice|azure|blush|brick|brown|burly|"
    r"cadet|coral|cream|gains|ghost|green|khaki|lemon|light|misty|olive|peach|royal|sandy|"
    r"shell|slate|smoke|steel|white|blue|boro|corn|cyan|dark|deep|drab|fire|gray|grey|lace|"
    r"lawn|mint|mist|pale|pink|puff|rose|rosy|whip|wood|dim|hot|off|old|red|rod|sea|sky"
)


@dataclass(frozen=True, slots=True)
class AskedColour:
    """A colour as the brief writes it, what it is for, and the values that count as it."""

    name: str
    role: ColourRole
    accepted: tuple[Rgb, ...]


def asked_colours(brief: str) -> tuple[AskedColour, ...]:
    """Colours of the brief in their order, one per role and name; only sentences that speak of colouring count."""
    found = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n", brief):
        if _BACKGROUND_WORDS.search(sentence) or re.search(r"\bcolou?r|\btheme\b|\bstyle", sentence, re.IGNORECASE):
            found += _in_sentence(sentence)
    return tuple(dict.fromkeys(found))


@cache
def css_colours() -> dict[str, Rgb]:
    """The CSS colour names, without spaces, lower case."""
    return {name: _rgb(value) for name, value in ImageColor.colormap.items()}


def parse_colour(value: str) -> Rgb | None:
    """A CSS name or hexadecimal code; None for anything else."""
    try:
        return _rgb(value)
    except ValueError:
        return None


def _rgb(value: str | tuple[int, ...]) -> Rgb:
    red, green, blue = (ImageColor.getrgb(value) if isinstance(value, str) else value)[:3]
    return red, green, blue


def _in_sentence(sentence: str) -> list[AskedColour]:
    places = [(match.start(), match.end()) for match in _colour_pattern().finditer(sentence)]
    roles = _roles(sentence, places)
    return [
        AskedColour(name := sentence[start:end], role, _accepted(name))
        for (start, end), role in zip(places, roles, strict=True)
    ]


def _roles(sentence: str, places: list[tuple[int, int]]) -> list[ColourRole]:
    spoken = [(match.start(), "background") for match in _BACKGROUND_WORDS.finditer(sentence)]
    spoken += [(match.start(), "components") for match in _COMPONENT_WORDS.finditer(sentence)]
    if len(places) == 2 and len({role for _, role in spoken}) == 2:
        # Two colours, two uses: people name both pairs in the same order, wherever the words stand between.
        first: ColourRole = "background" if min(spoken)[1] == "background" else "components"
        return [first, "components" if first == "background" else "background"]
    return [_nearest_role(spoken, place) for place in places]


def _nearest_role(spoken: list[tuple[int, str]], place: tuple[int, int]) -> ColourRole:
    nearest = min(
        spoken, key=lambda word: min(abs(word[0] - place[0]), abs(word[0] - place[1])), default=(0, "components")
    )
    return "background" if nearest[1] == "background" else "components"


def _accepted(name: str) -> tuple[Rgb, ...]:
    key = re.sub(r"[\s-]", "", name.lower())
    if key in _OTHER_NAMES:
        return tuple(_rgb(value) for value in _OTHER_NAMES[key])
    return (_rgb(key.replace("grey", "gray")),)


@cache
def _colour_pattern() -> re.Pattern[str]:
    names = [*css_colours(), *_OTHER_NAMES]
    spaced = "|".join(_with_gaps(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"#[0-9a-f]{{6}}\b|#[0-9a-f]{{3}}\b|(?<![\w#-])(?:{spaced})(?![\w-])", re.IGNORECASE)


@cache
def _with_gaps(name: str) -> str:
    """`lightskyblue` may be written as `light sky blue` or `light-sky-blue`."""
    parts = _NAME_PARTS.findall(name)
    return r"[\s-]?".join(parts) if "".join(parts) == name else name
