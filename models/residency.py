"""Who is loaded: the coder, the eyes, or both. Never both when the memory plan says that they do not fit.

Where they do not, a model is closed (which ends its process, and only that gives GPU memory back) before the other is
opened. A swap is the eyes coming in for the coder; within one step there is at most one, so whoever wants to look at
several things looks at them together. The coder may always come back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from models.chat import ChatMessage, ChatModel, Completion, Constraint, Engine, Sampling
from models.errors import SwapRefused
from models.memory import MemoryPlan

Arrangement = Literal["together", "swap"]
Load = Callable[[], ChatModel]


@dataclass(frozen=True, slots=True)
class ResidencySettings:
    """`picture_mib`: what the picture encoder needs while it works, which the memory plan leaves out."""

    keep_apart: bool = False
    picture_mib: int = 1024


def arrange(coder: MemoryPlan, eyes: MemoryPlan, settings: ResidencySettings) -> Arrangement:
    """Both plans must have been made for the same memory, with nothing of ours loaded."""
    needed = coder.needed_bytes + eyes.needed_bytes + (settings.picture_mib << 20)
    room = min(coder.available_bytes, eyes.available_bytes)
    return "swap" if settings.keep_apart or needed > room else "together"


class Residency:
    """`coder` and `eyes` load a model; it is closed here. A model that does both jobs needs no residency."""

    def __init__(self, arrangement: Arrangement, coder: Load, eyes: Load) -> None:
        self.arrangement = arrangement
        self.swaps = 0
        self._load_coder, self._load_eyes = coder, eyes
        self._coder: ChatModel | None = None
        self._eyes: ChatModel | None = None
        self._eyes_came_in = False

    def begin_step(self) -> None:
        self._eyes_came_in = False

    def coder(self) -> ChatModel:
        if self._coder is None:
            if self.arrangement == "swap":
                self._close_eyes()
            self._coder = self._load_coder()
        return self._coder

    def eyes(self) -> ChatModel:
        """Raises SwapRefused when they were here already in this step and had to leave."""
        if self._eyes is None:
            if self.arrangement == "swap":
                self._make_way()
            self._eyes = self._load_eyes()
        return self._eyes

    def close(self) -> None:
        self._close_coder()
        self._close_eyes()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make_way(self) -> None:
        if self._eyes_came_in:
            raise SwapRefused(
                "The vision model was loaded once in this step and had to make way; it is not loaded a second time."
            )
        self._eyes_came_in = True
        self.swaps += 1
        self._close_coder()

    def _close_coder(self) -> None:
        model, self._coder = self._coder, None
        if model is not None:
            model.close()

    def _close_eyes(self) -> None:
        model, self._eyes = self._eyes, None
        if model is not None:
            model.close()


class LentModel:
    """A ChatModel that is fetched for every call, so that its holder need not know whether it is loaded.

    Closing it changes nothing: whoever lends it closes it.
    """

    def __init__(self, fetch: Load) -> None:
        model = fetch()
        self.name, self.context_tokens = model.name, model.context_tokens
        self.engine: Engine = model.engine
        self._fetch = fetch

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return self._fetch().count_tokens(messages)

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
        return self._fetch().chat(
            messages,
            sampling,
            constraint=constraint,
            record=record,
            prefill=prefill,
            on_text=on_text,
            cancelled=cancelled,
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
        return self._fetch().drafts(
            messages, samplings, record=record, prefill=prefill, on_text=on_text, cancelled=cancelled
        )

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
