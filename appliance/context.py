"""The context ledger of the stepwise conversation: what is sent, counted before it is sent.

Turns are only ever appended, so the engine's cache of the prompt stays good. When they no longer fit, everything before
the newest turn that fits is replaced by the site's files as they stood then: shown to the user, never silent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.steps import Files
from models.chat import ChatMessage

Count = Callable[[Sequence[ChatMessage]], int]


@dataclass(frozen=True, slots=True)
class Turn:
    """One finished step of the conversation: the reply, what was said about it, and the files after it."""

    reply: str
    feedback: str
    files: Files


@dataclass(frozen=True, slots=True)
class Conversation:
    messages: tuple[ChatMessage, ...]
    tokens: int
    compacted_turns: int


class ContextFull(Exception):
    """Even the site's files alone do not fit beside the reply."""


def conversation(
    opening: Sequence[ChatMessage], turns: Sequence[Turn], count: Count, budget_tokens: int
) -> Conversation:
    """Raises ContextFull. The same turns always give the same cut, so a resumed run sends the same prompt."""
    start = 0
    messages = tuple(opening)
    tokens = count(messages)
    for end in range(1, len(turns) + 1):
        messages = _render(opening, turns, start, end)
        tokens = count(messages)
        if tokens > budget_tokens:
            start = end
            messages = _render(opening, turns, start, end)
            tokens = count(messages)
    if tokens > budget_tokens:
        raise ContextFull(f"the brief and the site's files take {tokens} tokens, {budget_tokens} are free for them")
    return Conversation(messages, tokens, start)


def _render(opening: Sequence[ChatMessage], turns: Sequence[Turn], start: int, end: int) -> tuple[ChatMessage, ...]:
    messages = list(opening)
    if start:
        base = turns[start - 1]
        messages[-1] = ChatMessage("user", f"{opening[-1].content}\n\n{listing(base.files)}\n\n{base.feedback}")
    for turn in turns[start:end]:
        messages += [ChatMessage("assistant", turn.reply), ChatMessage("user", turn.feedback)]
    return tuple(messages)


def listing(files: Files) -> str:
    """The site as it stands, text files in full."""
    parts = ["The site's files as they stand:"]
    for path, content in sorted(files.items()):
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = ""
        if path.startswith(("kit/", "public/kit/")) or not text:
            parts.append(f"{path} ({len(content)} bytes)")
        else:
            parts.append(f'<file path="{path}">\n{text.rstrip()}\n</file>')
    return "\n".join(parts)
