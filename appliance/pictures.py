"""Pictures made of words: the same words always give the same bytes.

A subject is chosen by the words, its colours by their hash or by the page. What words do not name gets an
abstract composition. Nothing is text, nothing is loaded, every picture is one SVG of a few kilobytes.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable

from appliance.asset_words import asset_words
from appliance.colours import Rgb
from appliance.drawing import HEIGHT, WIDTH, Palette, hue_of, palette
from appliance.scenes import SCENES

Scene = Callable[[Palette, random.Random], str]


def picture(topic: str, width: int = 1200, height: int = 800, *, colours: tuple[Rgb, ...] = ()) -> bytes:
    """An SVG of the given size that fits the words; `colours` of the page tint it where the subject leaves room."""
    words = " ".join(_words(topic))
    chance = random.Random(hashlib.sha256(words.encode()).digest())
    subject = known_subject(words) or "abstract"
    body = SCENES[subject](_palette_for(colours, chance), chance)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' preserveAspectRatio="xMidYMid slice">{body}</svg>\n'
    ).encode()


def known_subject(words: str) -> str:
    """The subject that most words name, the earlier word winning a tie; empty if none does."""
    votes: dict[str, int] = {}
    subjects = asset_words().subjects
    for word in _words(words):
        for form in _forms(word):
            if form in subjects:
                votes[subjects[form]] = votes.get(subjects[form], 0) + 1
                break
    return max(votes, key=lambda subject: votes[subject]) if votes else ""


def _forms(word: str) -> tuple[str, ...]:
    """The word, then its likely singular and stem."""
    singular = word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")
    return word, singular, word.removesuffix("es"), word.removesuffix("ing"), word.removesuffix("er")


def _words(topic: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", topic.lower())


def _palette_for(colours: tuple[Rgb, ...], chance: random.Random) -> Palette:
    hues = [hue for colour in colours if (hue := hue_of(colour)) is not None]
    hue = hues[-1] + (chance.random() - 0.5) * 0.06 if hues else chance.random()
    return palette(hue, 0.4 + 0.25 * chance.random(), (0.45, 0.55, 0.33, 0.08)[int(chance.random() * 4)])
