"""A model behind any OpenAI-compatible address: llama-server, vLLM, or another box of ours.

Answers are streamed, each request in a thread of its own, so that drafts run side by side on the server and a cancelled
one is dropped within a tenth of a second. Log-probabilities and token ids are not asked for: servers disagree on them.
"""

import base64
import queue
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Literal, Self

from models.chat import (
    MIN_CONTEXT_TOKENS,
    ChatMessage,
    Completion,
    Constraint,
    Engine,
    JsonSchema,
    Sampling,
)
from models.errors import ConstraintError, ContextOverflow, ContextTooSmall
from models.openai_answer import Answer
from models.openai_stream import Event, Json, NotOffered, Server, ServerSettings, Stream

_POLL_S = 0.1


class OpenAIChat:
    """`url` ends before `/chat/completions`, most often in `/v1`. A cancelled completion knows no token counts.

    `grammar_field`: the request field in which this server takes a GBNF grammar (llama-server: "grammar"); a server
    that does not know a field drops it without a word, so grammars are refused until one is named.
    """

    engine: Engine = "remote"

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        *,
        context_tokens: int,
        grammar_field: str | None = None,
        timeout_s: float = 600,
    ) -> None:
        settings = ServerSettings(url, model, api_key, context_tokens, grammar_field, timeout_s)
        if settings.context_tokens < MIN_CONTEXT_TOKENS:
            raise ContextTooSmall(
                f"A context of {settings.context_tokens} tokens is too small; start the server with"
                f" {MIN_CONTEXT_TOKENS} or more."
            )
        self.settings = settings
        self.name = settings.model
        self.context_tokens = settings.context_tokens
        self._server = Server(settings)
        self._counter: Callable[[Sequence[ChatMessage]], int] | None = None

    def served(self, timeout_s: float) -> tuple[str, ...]:
        """The models that the server lists. Raises RemoteError."""
        return self._server.models(timeout_s)

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Exact where the server can tokenize (vLLM, llama-server); elsewhere a third of the bytes, rounded up."""
        if self._counter is None:
            self._counter = self._find_counter(messages)
        return self._counter(messages)

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
        self._refuse_overflow(messages, [sampling])
        body = self._body(messages, sampling, constraint, prefill)
        one = None if on_text is None else lambda _, text: on_text(text)
        return self._answers([body], one, cancelled)[0]

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
        self._refuse_overflow(messages, samplings)
        return self._answers([self._body(messages, s, None, prefill) for s in samplings], on_text, cancelled)

    def close(self) -> None:
        """Nothing stays open between calls."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answers(
        self,
        bodies: Sequence[Json],
        on_text: Callable[[int, str], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> list[Completion]:
        started = monotonic()
        answers = [Answer() for _ in bodies]
        events: queue.Queue[Event] = queue.Queue()
        streams = [Stream(self._server, n, body, events) for n, body in enumerate(bodies)]
        try:
            for stream in streams:
                stream.start()
            while any(a.finish is None for a in answers):
                if cancelled is not None and cancelled():
                    _finish_open(answers, started)
                    break
                _take_event(events, answers, started, on_text)
        finally:
            for stream in streams:
                stream.stop()
        return [answer.completion() for answer in answers]

    def _body(
        self, messages: Sequence[ChatMessage], sampling: Sampling, constraint: Constraint | None, prefill: str
    ) -> Json:
        body: Json = {
            "model": self.name,
            "messages": [_message(m) for m in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": sampling.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.repeat_penalty != 1.0:
            body |= {"repeat_penalty": sampling.repeat_penalty, "repetition_penalty": sampling.repeat_penalty}
        if prefill:
            body["messages"].append({"role": "assistant", "content": prefill})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return body | self._constraint(constraint)

    def _constraint(self, constraint: Constraint | None) -> Json:
        if constraint is None:
            return {}
        if isinstance(constraint, JsonSchema):
            schema = {"name": "answer", "schema": dict(constraint.schema), "strict": True}
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        if self.settings.grammar_field is None:
            raise ConstraintError(
                f"It is not known whether the server of '{self.name}' obeys grammars; name its field (grammar_field),"
                " or use a JSON schema."
            )
        return {self.settings.grammar_field: constraint.grammar}

    def _refuse_overflow(self, messages: Sequence[ChatMessage], samplings: Sequence[Sampling]) -> None:
        prompt, answer = self.count_tokens(messages), max(s.max_tokens for s in samplings)
        if prompt + answer > self.context_tokens:
            raise ContextOverflow(
                f"The prompt has {prompt} tokens and {answer} are kept for the answer, but the context holds"
                f" {self.context_tokens}; shorten the prompt or ask for fewer tokens."
            )

    def _find_counter(self, messages: Sequence[ChatMessage]) -> Callable[[Sequence[ChatMessage]], int]:
        for count in (self._count_by_messages, self._count_by_template):
            try:
                count(messages)
            except NotOffered:
                continue
            return count
        return _estimate

    def _count_by_messages(self, messages: Sequence[ChatMessage]) -> int:
        body = {"model": self.name, "messages": [_message(m) for m in messages], "add_generation_prompt": True}
        count = self._server.ask("/tokenize", body, "count")
        if not isinstance(count, int):
            raise NotOffered
        return count

    def _count_by_template(self, messages: Sequence[ChatMessage]) -> int:
        prompt = self._server.ask("/apply-template", {"messages": [_message(m) for m in messages]}, "prompt")
        body = {"content": prompt, "parse_special": True, "add_special": True}
        tokens = self._server.ask("/tokenize", body, "tokens")
        if not isinstance(tokens, list):
            raise NotOffered
        return len(tokens)


def _take_event(
    events: "queue.Queue[Event]",
    answers: Sequence[Answer],
    started: float,
    on_text: Callable[[int, str], None] | None,
) -> None:
    try:
        event = events.get(timeout=_POLL_S)
    except queue.Empty:
        return
    answer = answers[event.draft]
    if event.error is not None:
        if answer.finish is None:
            raise event.error
        return
    text = answer.take(event.chunk) if event.chunk else ""
    if text and on_text is not None:
        on_text(event.draft, text)
    answer.seconds = monotonic() - started


def _finish_open(answers: Sequence[Answer], started: float) -> None:
    for answer in answers:
        if answer.finish is None:
            answer.finish, answer.seconds = "cancelled", monotonic() - started


def _message(message: ChatMessage) -> Json:
    if not message.images:
        return {"role": message.role, "content": message.content}
    pictures = [{"type": "image_url", "image_url": {"url": _data_uri(image)}} for image in message.images]
    return {"role": message.role, "content": [*pictures, {"type": "text", "text": message.content}]}


def _data_uri(image: bytes) -> str:
    kind: Literal["png", "jpeg"] = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _estimate(messages: Sequence[ChatMessage]) -> int:
    return sum(8 + -(-len(m.content.encode()) // 3) for m in messages)
