"""Talking to a model: what goes in, what comes out, and the port every engine fills."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "cancelled"]
Engine = Literal["cpu", "cuda", "vulkan", "remote", "scripted"]

MIN_CONTEXT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """`images` are PNG or JPEG bytes; an address is never fetched."""

    role: Role
    content: str
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """`temperature=0` takes the likeliest token; the same seed on the same engine gives the same text."""

    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 2048
    seed: int = 0
    stop: tuple[str, ...] = ()
    repeat_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """Bounds on integers are not enforced by the engines: write `"enum": [1, 2, 3]`, and give strings a `maxLength`."""

    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Gbnf:
    """A grammar in llama.cpp's notation; its start rule is `root`."""

    grammar: str


Constraint = JsonSchema | Gbnf


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` leaves out the prefill and the stop string.

    `evaluated_tokens` counts the prompt tokens that were really computed; the others came from the KV cache. Where
    several drafts share a prompt, the first one carries that count and the others say 0.
    `token_ids`, `logprobs` (raw, at temperature 1) and `prompt_token_ids` are filled only with `record=True`, and only
    by engines that know them; `token_ids` holds every sampled token, the one that ended the text included.
    """

    text: str
    finish: Finish
    prompt_tokens: int
    evaluated_tokens: int
    completion_tokens: int
    seconds: float
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    prompt_token_ids: tuple[int, ...] = ()


class ChatModel(Protocol):
    """One loaded model. Calls come one after the other; whoever opens it closes it.

    Every call raises ContextOverflow when prompt + `max_tokens` is over `context_tokens`: nothing is ever cut.
    `on_text` gets the text in pieces that add up to `Completion.text`; `cancelled` is asked at least once a second,
    and a cancelled call returns what it has with finish "cancelled".
    """

    @property
    def name(self) -> str: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def context_tokens(self) -> int: ...

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Prompt tokens of these messages as the engine would see them, template included."""

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
        """`prefill` is the beginning of the assistant's answer; the model goes on from there."""

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
        """One completion per sampling, in that order, all from the same prompt and the same beginning of the answer."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
