"""A model whose answers are written beforehand: for tests and for rehearsing a run without weights."""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from types import TracebackType
from typing import Self

from models.chat import MIN_CONTEXT_TOKENS, ChatMessage, Completion, Constraint, Engine, Finish, Sampling
from models.errors import ContextOverflow, ContextTooSmall, ScriptEnded

Reply = Callable[[Sequence[ChatMessage], Sampling], str]
_TOKEN = re.compile(r"\s*\S+|\s+")


class ScriptedModel:
    """Says the replies one after the other, or asks a function for each.

    A token is a word with the space before it. Replies obey stop strings and `max_tokens` like a real model, but no
    constraint: they are said as written. Every token has log-probability 0: nothing else was possible.
    """

    engine: Engine = "scripted"

    def __init__(self, replies: Sequence[str] | Reply, *, name: str = "scripted", context_tokens: int = 32768) -> None:
        if context_tokens < MIN_CONTEXT_TOKENS:
            raise ContextTooSmall(
                f"A context of {context_tokens} tokens is too small; use {MIN_CONTEXT_TOKENS} or more."
            )
        self.name = name
        self.context_tokens = context_tokens
        self.asked: list[tuple[ChatMessage, ...]] = []
        self._reply = replies if callable(replies) else _read_out(iter(replies))
        self._cached: list[str] = []

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return len(_prompt(messages))

    def chat(
        self,
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        *,
        constraint: Constraint | None = None,
        record: bool = False,
        prefill: str = "",
        on_text: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        started = monotonic()
        prompt = [*_prompt(messages), *_TOKEN.findall(prefill)]
        if len(prompt) + sampling.max_tokens > self.context_tokens:
            raise ContextOverflow(
                f"The prompt has {len(prompt)} tokens and {sampling.max_tokens} are kept for the answer, but the"
                f" context holds {self.context_tokens}; shorten the prompt or ask for fewer tokens."
            )
        self.asked.append(tuple(messages))
        said, finish = _say(self._reply(messages, sampling), sampling, on_text, cancelled)
        evaluated = len(prompt) - _shared_prefix(self._cached, prompt)
        self._cached = [*prompt, *said]
        return Completion(
            text="".join(said),
            finish=finish,
            prompt_tokens=len(prompt),
            evaluated_tokens=evaluated,
            completion_tokens=len(said),
            seconds=monotonic() - started,
            token_ids=_ids(said) if record else (),
            logprobs=(0.0,) * len(said) if record else (),
            prompt_token_ids=_ids(prompt) if record else (),
        )

    def drafts(
        self,
        messages: Sequence[ChatMessage],
        samplings: Sequence[Sampling],
        *,
        record: bool = False,
        prefill: str = "",
        on_text: Callable[[int, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        return [
            self.chat(
                messages,
                sampling,
                record=record,
                prefill=prefill,
                on_text=_to_draft(n, on_text),
                cancelled=cancelled,
            )
            for n, sampling in enumerate(samplings)
        ]

    def close(self) -> None:
        self._cached = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read_out(replies: Iterator[str]) -> Reply:
    def reply(messages: Sequence[ChatMessage], sampling: Sampling) -> str:
        try:
            return next(replies)
        except StopIteration:
            raise ScriptEnded("The scripted model has no reply left; give it one reply for every call.") from None

    return reply


def _to_draft(n: int, on_text: Callable[[int, str], None] | None) -> Callable[[str], None] | None:
    return None if on_text is None else lambda text: on_text(n, text)


def _prompt(messages: Sequence[ChatMessage]) -> list[str]:
    return [token for m in messages for token in (f"<{m.role}>", *_TOKEN.findall(m.content))]


def _say(
    reply: str,
    sampling: Sampling,
    on_text: Callable[[str], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[list[str], Finish]:
    said: list[str] = []
    for token in _TOKEN.findall(_until_stop(reply, sampling.stop)):
        if cancelled is not None and cancelled():
            return said, "cancelled"
        if len(said) == sampling.max_tokens:
            return said, "length"
        said.append(token)
        if on_text is not None:
            on_text(token)
    return said, "stop"


def _until_stop(reply: str, stop: Sequence[str]) -> str:
    return reply[: min((at for s in stop if (at := reply.find(s)) >= 0), default=len(reply))]


def _shared_prefix(old: Sequence[str], new: Sequence[str]) -> int:
    return next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _ids(tokens: Sequence[str]) -> tuple[int, ...]:
    return tuple(zlib.crc32(token.encode()) for token in tokens)
