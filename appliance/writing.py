"""What the model says for a step, whole and kept: stored before it is acted upon, gone on with where it was cut off.

A killed run finds the replies that were finished in the store and asks for the others only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from appliance import prompts, token_record
from appliance.artifact import looks_looped
from appliance.profiles import Profile
from appliance.steps import Usage
from appliance.store import CompletionRecord, Run, Store
from models.chat import ChatMessage, ChatModel, Completion, Sampling
from models.errors import ContextOverflow

MAX_CONTINUATIONS = 2
_TEXT_EVENT_EVERY_S = 0.5


class Cancelled(Exception):
    """The user asked to stop; finished steps are kept."""


@dataclass(frozen=True, slots=True)
class Writer:
    """`cancelled` is asked for every token; a reply that it ended raises Cancelled."""

    run: Run
    store: Store
    model: ChatModel
    profile: Profile
    cancelled: Callable[[], bool]
    tell: Callable[[str, Mapping[str, Any]], None]
    weights: str = ""
    """Names what writes, for the token records of training; empty where none are kept."""

    def drafts(self, ns: Sequence[int], messages: Sequence[ChatMessage], start: str) -> None:
        """Replies of steps `ns` to the same messages, decoded together."""
        todo = [n for n in ns if self.store.completion(self.run.id, n) is None]
        if not todo:
            return
        self.tell("stage", {"stage": "thinking", "n": ns[0], "drafts": len(todo)})
        completions = self.model.drafts(
            messages,
            [self._sampling(n) for n in todo],
            record=bool(self.weights),
            prefill=start,
            on_text=_Progress(self.tell, todo),
            cancelled=self.cancelled,
        )
        _stop_if_cancelled(completions[0])
        ended = any(completion.finish == "stop" for completion in completions)
        for n, completion in zip(todo, completions, strict=True):
            # A draft that finds no end is no loss beside others that did; going on with it alone costs minutes.
            pieces = [completion] if ended else self._continued(messages, start, completion, n)
            self._keep(n, messages, start, pieces)

    def _sampling(self, n: int) -> Sampling:
        profile = self.profile
        return Sampling(
            temperature=profile.temperature,
            top_p=profile.top_p,
            max_tokens=profile.max_tokens,
            seed=self.run.request.seed * 1000 + n,
            repeat_penalty=profile.repeat_penalty,
        )

    def reply(self, n: int, messages: Sequence[ChatMessage], start: str = "", most_tokens: int = 0) -> CompletionRecord:
        """The model's reply for step `n`, from the store if a killed attempt got that far."""
        if record := self.store.completion(self.run.id, n):
            return record
        self.tell("stage", {"stage": "thinking", "n": n})
        progress = _Progress(self.tell, [n])
        sampling = self._sampling(n)
        if most_tokens:
            sampling = replace(sampling, max_tokens=min(most_tokens, sampling.max_tokens))
        completion = self.model.chat(
            messages,
            sampling,
            record=bool(self.weights),
            prefill=start,
            on_text=lambda text: progress(0, text),
            cancelled=self.cancelled,
        )
        _stop_if_cancelled(completion)
        pieces = [completion] if most_tokens else self._continued(messages, start, completion, n)
        return self._keep(n, messages, start, pieces)

    def _continued(
        self, messages: Sequence[ChatMessage], start: str, completion: Completion, n: int
    ) -> list[Completion]:
        """The reply, piece by piece: one that the token limit cut off goes on, unless it only repeats itself."""
        pieces, text = [completion], start + completion.text
        for _ in range(MAX_CONTINUATIONS):
            if pieces[-1].finish != "length" or looks_looped(text):
                break
            self.tell("stage", {"stage": "continuing", "n": n})
            try:
                more = self.model.chat(
                    messages,
                    self._sampling(n),
                    record=bool(self.weights),
                    prefill=text,
                    cancelled=self.cancelled,
                )
            except ContextOverflow:
                break
            _stop_if_cancelled(more)
            pieces.append(more)
            text += more.text
        return pieces

    def _keep(
        self, n: int, messages: Sequence[ChatMessage], start: str, pieces: Sequence[Completion]
    ) -> CompletionRecord:
        """`start` is the beginning of the reply that the model was given."""
        usage = Usage(
            pieces[0].prompt_tokens,
            sum(piece.evaluated_tokens for piece in pieces),
            sum(piece.completion_tokens for piece in pieces),
            sum(piece.seconds for piece in pieces),
        )
        text = start + "".join(piece.text for piece in pieces)
        tokens = token_record.packed(pieces, self._sampling(n), self.weights)
        known = {"usage": asdict(usage), **({"tokens": tokens} if tokens else {})}
        record = CompletionRecord(prompts.as_pairs(messages), text, pieces[-1].finish, known)
        self.store.add_completion(self.run.id, n, record)
        return record

    def record(self, n: int) -> CompletionRecord | None:
        """None for a step that the model did not write."""
        return self.store.completion(self.run.id, n)

    def written(self, n: int) -> CompletionRecord:
        """Of a step that was just written."""
        record = self.record(n)
        assert record is not None
        return record


def _stop_if_cancelled(completion: Completion) -> None:
    if completion.finish == "cancelled":
        raise Cancelled


def usage_of(record: CompletionRecord) -> Usage:
    return Usage(**record.record["usage"])


class _Progress:
    """Text as it comes, told at most twice a second."""

    def __init__(self, tell: Callable[[str, Mapping[str, Any]], None], ns: Sequence[int]) -> None:
        self._tell, self._ns = tell, ns
        self._held: dict[int, list[str]] = {n: [] for n in ns}
        self._told = time.monotonic()

    def __call__(self, slot: int, text: str) -> None:
        self._held[self._ns[slot]].append(text)
        if time.monotonic() - self._told < _TEXT_EVENT_EVERY_S:
            return
        self._told = time.monotonic()
        self._tell("text", {str(n): "".join(held) for n, held in self._held.items() if held})
        for held in self._held.values():
            held.clear()
