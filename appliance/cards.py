"""A model's card: what was measured of its file on this machine, and for which roles that is enough.

A role is given by the thresholds of the catalog alone. Cards lie beside the models, in `cards/`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import msgspec

from models.catalog import Thresholds

VERSION = 1
CARDS = "cards"
Role = Literal["coder", "agent", "function-judge", "appearance-judge"]
ROLES: tuple[Role, ...] = get_args(Role)


_INSTEAD: Mapping[Role, str] = {
    "coder": "choose another model with --model; this one's pages often cannot be read",
    "agent": "the explorer tests the page instead, without a model",
    "function-judge": "explorer@1 judges instead, by what it sees happen",
    "appearance-judge": "rules@1 judges instead, by the audit",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of what came out right, with how many were asked; 0 asked means that this part was left out."""

    json_answers: int = 0
    json_asked: int = 0
    pages: int = 0
    pages_asked: int = 0
    picture_answers: int = 0
    pictures_asked: int = 0
    gui_tests: int = 0
    gui_asked: int = 0
    judge_cases: int = 0
    judge_asked: int = 0
    judge_false_yes: int = 0
    judge_unjudged: int = 0
    prompt_tokens_s: float = 0.0
    generated_tokens_s: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RoleResult:
    role: Role
    qualified: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Card:
    """What was measured of one model file. `left_out` names parts that could not be tried, with the reason."""

    model: str
    sha256: str
    engine: str
    checked_at: str
    version: int
    figures: Figures
    roles: tuple[RoleResult, ...]
    judge_answers: Mapping[str, int] = field(default_factory=dict)
    """`expected → answer` and how often."""
    left_out: tuple[str, ...] = ()


def roles_of(figures: Figures, thresholds: Thresholds, *, sees: bool) -> tuple[RoleResult, ...]:
    """Which roles these figures give. The reason names the first figure that falls short, or those that reach."""
    json_part = ("answers in JSON", figures.json_answers, figures.json_asked, thresholds.json_answers)
    parts: Mapping[Role, Sequence[tuple[str, int, int, int]]] = {
        "coder": (("pages whole", figures.pages, figures.pages_asked, thresholds.pages),),
        "agent": (json_part, ("tests done", figures.gui_tests, figures.gui_asked, thresholds.gui_tests)),
        "function-judge": (
            json_part,
            ("judge cases right", figures.judge_cases, figures.judge_asked, thresholds.judge_cases),
        ),
        "appearance-judge": (
            json_part,
            (
                "answers about the picture right",
                figures.picture_answers,
                figures.pictures_asked,
                thresholds.picture_answers,
            ),
        ),
    }
    return tuple(_role(role, parts[role], figures, thresholds, sees) for role in ROLES)


def _role(
    role: Role, parts: Sequence[tuple[str, int, int, int]], figures: Figures, thresholds: Thresholds, sees: bool
) -> RoleResult:
    if role == "appearance-judge" and not sees:
        return RoleResult(role, False, "it cannot see pictures")
    for what, reached, asked, needed in parts:
        if asked == 0:
            return RoleResult(role, False, f"{what}: not tried")
        if reached < needed:
            return RoleResult(role, False, f"{reached} of {asked} {what}, {needed} are needed")
    if role == "function-judge" and figures.judge_false_yes > thresholds.judge_false_yes:
        return RoleResult(role, False, f"{figures.judge_false_yes} times a NO was called YES")
    return RoleResult(role, True, ", ".join(f"{reached} of {asked} {what}" for what, reached, asked, _ in parts))


def qualified(card: Card | None, role: Role) -> tuple[bool, str]:
    """Whether the model may be used for the role, and the sentence that tells the user who does it instead."""
    if card is None:
        return False, f"no model was checked for this role; {_INSTEAD[role]}"
    result = next(one for one in card.roles if one.role == role)
    name = role.replace("-", " ")
    if result.qualified:
        return True, f"{card.model} is qualified as {name}: {result.reason}"
    return False, f"{card.model} is not qualified as {name} ({result.reason}); {_INSTEAD[role]}"


# -- cards on the shelf ----------------------------------------------------------------------------------------------


def store_card(shelf_root: Path, card: Card) -> Path:
    """Whole or not at all; an older card of the model is replaced."""
    folder = shelf_root / CARDS
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{card.model}.json"
    draft = folder / f".{card.model}.{hashlib.sha256(card.checked_at.encode()).hexdigest()[:8]}.part"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    draft.replace(target)
    return target


def load_card(shelf_root: Path, name: str, sha256: str) -> Card | None:
    """None where the model was never checked, or its file or the qualification changed since."""
    try:
        card = msgspec.json.decode((shelf_root / CARDS / f"{name}.json").read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError):
        return None
    return card if (card.sha256, card.version) == (sha256, VERSION) else None
