"""One loaded model for several runs at a time. The first who needs it opens it, the last who leaves closes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from models.chat import ChatModel

__all__ = ["Lending"]

S = TypeVar("S")
_LOOK_S = 0.2


class Lending(Generic[S]):
    """Never two models at once: who needs another one waits until nobody uses the present one. Settings that compare
    equal mean the same model. While somebody waits, `check` is called several times a second, and may raise."""

    def __init__(self, load: Callable[[S], ChatModel]) -> None:
        self._load = load
        self._turn = threading.Condition()
        self._settings: S | None = None
        self._model: ChatModel | None = None
        self._users = 0
        self._is_loading = False

    @contextmanager
    def lend(self, settings: S, check: Callable[[], None]) -> Iterator[ChatModel]:
        """Raises what loading raises. Whoever gets the model does not close it."""
        model = self._enter(settings, check)
        try:
            yield model
        finally:
            self._leave()

    @contextmanager
    def alone(self, check: Callable[[], None]) -> Iterator[None]:
        """For those who load models of their own."""
        with self._turn:
            self._wait(lambda: self._users == 0, check)
            self._users, self._settings = 1, None
        try:
            yield
        finally:
            self._leave()

    def _enter(self, settings: S, check: Callable[[], None]) -> ChatModel:
        with self._turn:
            self._wait(lambda: self._users == 0 or (self._settings == settings and not self._is_loading), check)
            self._users += 1
            if self._model is not None:
                return self._model
            self._settings, self._is_loading = settings, True
        try:
            model = self._load(settings)  # without the lock, because it takes seconds
        except BaseException:
            with self._turn:
                self._is_loading = False
            self._leave()
            raise
        with self._turn:
            self._model, self._is_loading = model, False
            self._turn.notify_all()
        return model

    def _leave(self) -> None:
        with self._turn:
            self._users -= 1
            if self._users == 0:
                model, self._model, self._settings = self._model, None, None
                if model is not None:
                    model.close()
            self._turn.notify_all()

    def _wait(self, is_free: Callable[[], bool], check: Callable[[], None]) -> None:
        while not is_free():
            check()
            self._turn.wait(_LOOK_S)
