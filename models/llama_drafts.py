"""What is being written: requests, the drafts of each, and which of them are written at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from llama_cpp.llama_grammar import json_schema_to_gbnf

from models.chat import Completion, Constraint, Finish, Gbnf, Sampling
from models.child_loop import OnText, Request
from models.errors import ConstraintError
from models.grammar import bounded_integers_as_enums
from models.llama_native import GrammarGuard
from models.llama_pictures import Album
from models.llama_prompt import Prompt
from models.sampler import Logits, TokenDrawer
from models.text_stream import TextStream


@dataclass(slots=True)
class Writing:
    """One request at work. `drafts` are those of the present turn; empty while it waits for room."""

    request: Request
    on_text: OnText
    album: Album
    prompt: Prompt
    grammar: str | None
    turns: list[list[Sampling]]
    drafts: list[Draft] = field(default_factory=list)
    cells: int = 0
    """What the present turn may need of the cache."""
    started: float = 0.0
    evaluated: int = 0
    cancelled: bool = False
    completions: list[Completion] = field(default_factory=list)


@dataclass(slots=True)
class Draft:
    """One sequence while it is being written; `sequence` is -1 before that."""

    writing: Writing
    number: int
    sampling: Sampling
    drawer: TokenDrawer
    guard: GrammarGuard | None
    text: TextStream
    sequence: int = -1
    tokens: list[int] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish | None = None
    ended_at: float = 0.0

    def emit(self, text: str) -> None:
        if text:
            self.writing.on_text(self.number, text)

    def draw(self, logits: Logits) -> int:
        token = self.drawer.draw(logits)
        if self.guard is not None:
            if not self.guard.allows(token):
                token = self.drawer.draw(self.guard.masked(logits))
            self.guard.accept(token)
        self.drawer.accept(token)
        return token


def lengths(samplings: Sequence[Sampling]) -> int:
    return sum(sampling.max_tokens for sampling in samplings)


def in_turns(samplings: Sequence[Sampling], room: int, parallel: int) -> list[list[Sampling]]:
    """In order, as many at once as the cache can hold in full length."""
    turns: list[list[Sampling]] = []
    left = 0
    for sampling in samplings:
        if not turns or sampling.max_tokens > left or len(turns[-1]) == parallel:
            turns.append([])
            left = room
        turns[-1].append(sampling)
        left -= sampling.max_tokens
    return turns


def grammar_text(constraint: Constraint | None) -> str | None:
    match constraint:
        case None:
            return None
        case Gbnf():
            return constraint.grammar
    try:
        return str(json_schema_to_gbnf(json.dumps(bounded_integers_as_enums(constraint.schema))))
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, NotImplementedError) as error:
        if isinstance(error, ConstraintError):
            raise
        raise ConstraintError(f"The engine cannot follow this JSON schema ({error}); use a simpler one.") from error
