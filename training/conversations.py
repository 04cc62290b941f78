"""Conversations of a bigger model from a file: a JSON object with `messages` on each line, the paper's own format.

What else stands in a line is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from appliance.errors import UsageError
from models.chat import ChatMessage

LARGEST_LINE = 8 << 20
_ROLES = ("system", "user", "assistant")


class _Message(msgspec.Struct):
    role: str
    content: str


class _Line(msgspec.Struct):
    messages: list[_Message]


def read_conversations(path: Path) -> Iterator[list[ChatMessage]]:
    """Raises UsageError with the line that is not one."""
    with path.open("rb") as lines:
        number = 0
        while line := lines.readline(LARGEST_LINE + 1):
            number += 1
            if line.strip():
                yield _conversation(line, f"{path.name}, line {number}")


def _conversation(line: bytes, where: str) -> list[ChatMessage]:
    if len(line) > LARGEST_LINE:
        raise UsageError(f"{where} is longer than {LARGEST_LINE >> 20} MiB; a conversation is not.")
    try:
        messages = msgspec.json.decode(line, type=_Line).messages
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{where} is no conversation ({error}); each line is a JSON object with `messages`."
        ) from error
    if wrong := next((one.role for one in messages if one.role not in _ROLES), None):
        raise UsageError(f"{where} has the role “{wrong[:40]}”; known are {', '.join(_ROLES)}.")
    if not _has_answers(one.role for one in messages):
        raise UsageError(f"{where} has no answer of an assistant after a user's message, so there is nothing to learn.")
    return [ChatMessage(one.role, one.content) for one in messages]  # type: ignore[arg-type]


def _has_answers(roles: Iterable[str]) -> bool:
    asked = False
    for role in roles:
        if role == "assistant" and asked:
            return True
        asked = asked or role == "user"
    return False
