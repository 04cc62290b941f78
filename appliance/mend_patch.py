"""A repair of one piece of markup: what the model is asked, or, where only one repair fits, the repair itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from appliance.steps import Artifact, Build, FileWrite
from models.chat import ChatMessage

PAGE = "index.html"
INLINE = re.compile(r"""\s+on(?:submit|click|input|change|keyup|keydown)=(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
KIT_WAYS = re.compile(
    r"""\s+data-(?:filter|find|search|put|open|details|toggle|choose|mark|report|answer|add|login|vote)(?:=(?:"[^"]*"|'[^']*'|[^\s>]+))?"""
)


@dataclass(frozen=True, slots=True)
class MarkupPatch:
    """What was asked, how the answer begins, and which piece of the page it replaces; none for a new section.

    `foreign` are words of the worked example that must not come back.
    """

    messages: tuple[ChatMessage, ...]
    scope: Literal["feature", "form", "control", "nav", "script"]
    page: str
    start: str
    old: str = ""
    foreign: tuple[str, ...] = ()
    at: int = -1
    """Where the piece stands, for one that must not be changed elsewhere too; -1 for all that read like it."""
    path: str = PAGE
    ready: Artifact | None = None
    """The repair itself, where only one fits: no model is asked."""


def replaced(patch: MarkupPatch, new: str) -> Artifact:
    """Every piece that reads exactly like the old one becomes the new one."""
    if not new or new == patch.old:
        return Artifact(Build(), problems=("the piece came back unchanged",))
    if patch.at < 0:
        return Artifact(Build(), (FileWrite(patch.path, patch.page.replace(patch.old, new)),))
    page = patch.page[: patch.at] + new + patch.page[patch.at + len(patch.old) :]
    return Artifact(Build(), (FileWrite(patch.path, page),))


def ready(
    page: str, old: str, new: str, *, at: int = -1, scope: Literal["form", "control", "script"] = "control"
) -> MarkupPatch:
    """The repair of a piece that needs no model."""
    patch = MarkupPatch((), scope, page, "", old, at=at)
    return replace(patch, ready=replaced(patch, new))
