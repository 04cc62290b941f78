"""What an OpenAI-compatible server streams, read strictly: it may be anybody's, and may break.

Of each line only what this project uses is looked at.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from models.chat import Completion, Finish
from models.errors import RemoteError
from models.json_answer import read_json

MOST_CHARS = 1 << 20
"""Of one answer, or of one line. No model of ours writes as much."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0
    prompt_tokens_details: _Details | None = None


class _Timings(msgspec.Struct):
    prompt_n: _Count | None = None


class Chunk(msgspec.Struct):
    """One line of the stream; `is_last` is the line that ends it."""

    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: Any = None
    is_last: bool = False


def chunks(lines: Iterable[bytes]) -> Iterator[Chunk]:
    """Raises RemoteError for a line that is none, and for a stream that breaks off."""
    for line in lines:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            yield Chunk(is_last=True)
            return
        try:
            yield msgspec.convert(read_json(data.decode()), Chunk)
        except (ValueError, msgspec.ValidationError) as error:
            raise RemoteError(f"The model server's answer cannot be read ({error}); is it a chat server?") from error
    raise RemoteError("The model server broke off its answer; try again.")


@dataclass(slots=True)
class Answer:
    """One streamed reply while it comes in."""

    text: str = ""
    finish: Finish | None = None
    prompt_tokens: int = 0
    evaluated_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    is_cut: bool = False

    def take(self, chunk: Chunk) -> str:
        """The new text. An answer is finished at its last line, because the token counts come after the last word."""
        if chunk.error is not None:
            raise RemoteError(f"The model server gave up: {str(chunk.error)[:300]}")
        if chunk.usage:
            self._count(chunk.usage, chunk.timings)
        text = ""
        for choice in chunk.choices or ():
            text += (choice.delta and choice.delta.content) or ""
            if choice.finish_reason:
                self.is_cut = choice.finish_reason == "length"
        self.text += text
        if len(self.text) > MOST_CHARS:
            raise RemoteError(f"The model server's answer is longer than {MOST_CHARS} characters; it was left.")
        if chunk.is_last:
            self.finish = "length" if self.is_cut else "stop"
        return text

    def _count(self, usage: _Usage, timings: _Timings | None) -> None:
        self.prompt_tokens, self.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        cached = (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
        told = timings.prompt_n if timings else None
        self.evaluated_tokens = max(0, self.prompt_tokens - cached) if told is None else told

    def completion(self) -> Completion:
        return Completion(
            self.text,
            self.finish or "cancelled",
            self.prompt_tokens,
            self.evaluated_tokens,
            self.completion_tokens,
            self.seconds,
        )
