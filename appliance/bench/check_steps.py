"""The closed set of things an executable check may do to a page and expect of it. Plain data, read from TOML.

Patterns are regular expressions without regard to case, matched at the beginning of a word. `{name}` in a text stands
for a word of `WORDS` or for what a `remember` step kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

__all__ = ["ACTS", "WORDS", "Step", "patterns", "render"]

WORDS: Mapping[str, str] = {
    "nonce": "Quillon Verrick",
    "nonce2": "Marrowby Tansel",
    "word": "zephyrine",
    "absent": "xyz123",
}
"""Words that no page has of itself."""
Pattern = Annotated[str, msgspec.Meta(min_length=1)]
PATTERN_FIELDS = frozenset(
    {"to", "what", "field", "having", "opener", "submit", "option", "on", "off", "skip", "like", "words"}
    | {"unless", "without", "buttons", "all", "fields", "apply"}
)


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="do"):
    partial: bool = False
    """Once this step has passed the answer is at least PARTIAL."""
    optional: bool = False
    """The way goes on when this step fails."""


class Follow(Base, frozen=True, tag="follow"):
    """Press a link, tab or button that leads somewhere; it must lead somewhere."""

    to: Pattern


class Press(Base, frozen=True, tag="press"):
    what: Pattern
    beside: str = ""
    """Only in the item that shows this text."""
    kind: str = "button"
    box: bool = False
    """A checkbox of the item will do, whatever its name."""


class OpenItem(Base, frozen=True, tag="open-item"):
    """Press the item that shows the text, or its own control for details."""

    text: str


class Fill(Base, frozen=True, tag="fill"):
    field: Pattern
    value: str
    submit: str = ""
    """Pattern of the button to press then; Enter where there is none."""
    beside: str = ""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: Pattern
    text: str


class Form(Base, frozen=True, tag="form"):
    """Fill every field of the form that has the field `having`, and send it."""

    having: Pattern
    submit: Pattern
    values: tuple[Value, ...] = ()
    opener: str = ""
    """Pattern of a button that shows the form, if it is not there."""
    skip: str = ""
    beside: str = ""
    empty: bool = False
    any_kind: bool = False


class Choose(Base, frozen=True, tag="choose"):
    field: Pattern
    option: str = ""
    """Empty: any other than the chosen one."""
    keep: str = ""
    """Name to keep the chosen text under."""


class Tick(Base, frozen=True, tag="tick"):
    on: Pattern
    off: Pattern


class Remember(Base, frozen=True, tag="remember"):
    """Keep the title of one item of the page's main list."""

    name: str
    like: str = ""
    second: bool = False


class Filter(Base, frozen=True, tag="filter"):
    """Some choice leaves a true part of a list."""

    field: Pattern
    buttons: str = ""
    boxes: bool = False
    apply: str = ""


class Sort(Base, frozen=True, tag="sort"):
    """Some choice brings a list into another order, by something that shows."""

    field: Pattern
    buttons: str = ""
    apply: str = ""


class Tour(Base, frozen=True, tag="tour"):
    """Press the navigation one by one (or all buttons): each must do something and throw nothing."""

    need: int = 2
    most: int = 6
    all_buttons: bool = False


class Move(Base, frozen=True, tag="move"):
    """Move a chess piece by press or drag."""


class Retype(Base, frozen=True, tag="retype"):
    """Where a field holds the old text, write the new one and save; passes when none does, as after a prompt."""

    old: str
    value: str
    submit: Pattern


class AddShape(Base, frozen=True, tag="add-shape"):
    pass


class PickShape(Base, frozen=True, tag="pick-shape"):
    key: str = ""


class DropShape(Base, frozen=True, tag="drop-shape"):
    pass


class DragShape(Base, frozen=True, tag="drag-shape"):
    pass


class EditShape(Base, frozen=True, tag="edit-shape"):
    text: str


class StyleShape(Base, frozen=True, tag="style-shape"):
    pass


class Reload(Base, frozen=True, tag="reload"):
    pass


class Mark(Base, frozen=True, tag="mark"):
    """What later expectations compare with is the page as it is now."""


class Text(Base, frozen=True, tag="text"):
    all: tuple[Pattern, ...]
    need: int = 0
    """How many of `all` must be seen; 0 means each."""
    part: int = 0
    """How many are a stated part; 0 means none."""
    new: bool = False
    """Only text that was not there before the last acts."""
    beside: str = ""
    spoken: bool = False
    """An alert counts as text too."""
    without: str = ""
    """Pattern that must not be there."""


class Gone(Base, frozen=True, tag="gone"):
    text: str


class Items(Base, frozen=True, tag="items"):
    """A list of things, in which most have something for each of `fields`."""

    fields: tuple[Pattern, ...]
    least: int = 2
    part: int = 0
    new: bool = False


class Only(Base, frozen=True, tag="only"):
    """The list shows what holds the term and nothing else, or results for it have come."""

    term: str


class Changed(Base, frozen=True, tag="changed"):
    ignored: tuple[str, ...] = msgspec.field(default=(), name="not")


class Chart(Base, frozen=True, tag="chart"):
    new: bool = False


class Colours(Base, frozen=True, tag="colours"):
    background: tuple[Pattern, ...]
    component: tuple[Pattern, ...]


class Fields(Base, frozen=True, tag="fields"):
    all: tuple[Pattern, ...]
    need: int
    part: int = 0


class Marked(Base, frozen=True, tag="marked"):
    text: str


class Refused(Base, frozen=True, tag="refused"):
    """The page, or the browser for it, says what is wrong."""

    words: Pattern
    unless: str = ""


class Keyboard(Base, frozen=True, tag="keyboard"):
    pass


class Board(Base, frozen=True, tag="board"):
    state: str


class Diagram(Base, frozen=True, tag="diagram"):
    change: str
    text: str = ""


Act = (
    Follow
    | Press
    | OpenItem
    | Fill
    | Form
    | Choose
    | Tick
    | Filter
    | Sort
    | Tour
    | Move
    | Retype
    | AddShape
    | PickShape
    | DropShape
    | DragShape
    | EditShape
    | StyleShape
    | Reload
)
Expectation = (
    Text | Gone | Items | Only | Changed | Chart | Colours | Fields | Marked | Refused | Keyboard | Board | Diagram
)
Step = Act | Expectation | Remember | Mark
ACTS = Act.__args__


def render(step: Step, words: Mapping[str, str]) -> dict[str, object]:
    """The step as the page's script takes it, with `{name}` filled in; quoted where the field is a pattern."""
    plain: dict[str, object] = msgspec.to_builtins(step)
    return {key: filled(value, words, key in PATTERN_FIELDS) for key, value in plain.items()}


def filled(value: object, words: Mapping[str, str], is_pattern: bool) -> object:
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace(f"{{{name}}}", quoted(word) if is_pattern else word)
        return value
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], dict):
            return [[entry["field"], filled(entry["text"], words, False)] for entry in value]
        return [filled(part, words, is_pattern) for part in value]
    return value


def quoted(word: str) -> str:
    """For a JavaScript pattern with the u flag, which refuses needless escapes."""
    return re.sub(r"[\\^$.*+?()\[\]{}|/]", r"\\\g<0>", word)


def patterns(step: Step) -> Iterator[str]:
    plain = msgspec.to_builtins(step)
    for key in PATTERN_FIELDS & plain.keys():
        value = plain[key]
        yield from [value] if isinstance(value, str) else value
