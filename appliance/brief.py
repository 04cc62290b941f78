"""A brief as it comes from outside: checked once, before anything is stored or loaded."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from appliance.errors import BriefRefused

MAX_CHARS = 20_000
"""Longer texts are no briefs: they would push the site out of a small model's context."""
DEMO_BRIEF = "000071"


@dataclass(frozen=True, slots=True)
class BenchCase:
    """One site of WebGen-Bench."""

    id: str
    instruction: str


def read_brief(argument: str) -> str:
    """BRIEF, `-` for standard input, or `@file`. Raises BriefRefused."""
    if argument == "-":
        raw = sys.stdin.buffer.read(4 * MAX_CHARS + 1)
    elif argument.startswith("@"):
        raw = _file(Path(argument[1:]))
    else:
        raw = argument.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BriefRefused("The brief is not UTF-8 text; save it as UTF-8 and try again.") from error
    return check_brief(text)


def check_brief(text: str) -> str:
    """Any language will do; what the model makes of it is the model's matter."""
    text = text.strip()
    if not text:
        raise BriefRefused("The brief is empty; describe the website in a sentence or more.")
    if "\0" in text:
        raise BriefRefused("The brief holds NUL characters, so it is no text; pass plain UTF-8 text.")
    if len(text) > MAX_CHARS:
        raise BriefRefused(f"The brief has {len(text)} characters, {MAX_CHARS} are the limit; shorten it.")
    if not any(character.isalpha() for character in text):
        raise BriefRefused("The brief holds no words; describe the website in a sentence or more.")
    return text


def bench_cases() -> dict[str, BenchCase]:
    """The WebGen-Bench briefs that are shipped, by id."""
    lines = files("appliance").joinpath("data", "webgen-bench-dev.jsonl").read_text("utf-8").splitlines()
    cases = (json.loads(line) for line in lines)
    return {case["id"]: BenchCase(case["id"], case["instruction"]) for case in cases}


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4 * MAX_CHARS + 1)
    except OSError as error:
        raise BriefRefused(f"The brief file {path} cannot be read: {error.strerror}.") from error
