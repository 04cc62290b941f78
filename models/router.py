"""One model on several OpenAI-compatible servers: a session stays with one of them, and moves when that one is lost."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from models.chat import ChatMessage, ChatModel, Completion, Constraint, Engine, Sampling
from models.errors import RemoteError, RemoteRefused
from models.openai import OpenAIChat

HEALTH_TIMEOUT_S = 2.0

_T = TypeVar("_T")


def addresses(text: str) -> list[str]:
    """URLs separated by commas, each once."""
    return list(dict.fromkeys(url.strip() for url in text.split(",")))


def remote_model(urls: str, model: str, session: str, warn: Callable[[str], None], *, context_tokens: int) -> ChatModel:
    """The model behind one URL, or behind several separated by commas. Raises RemoteError for what is no URL."""
    servers = [OpenAIChat(url, model, context_tokens=context_tokens) for url in addresses(urls)]
    return servers[0] if len(servers) == 1 else RoutedChat(servers, session, warn)


class RoutedChat:
    """`warn` is told of every server that is lost, refused or back, in one sentence.

    Opening it (`with`) asks every server for its list of models. Raises RemoteRefused where one serves another model,
    and RemoteError where none answers.

    An answer that breaks off is asked for again, whole, from the next server: the half is nowhere counted. What was
    streamed of it is void; `warn` is called, then the new answer is streamed from its beginning.
    """

    engine: Engine = "remote"

    def __init__(self, servers: Sequence[OpenAIChat], session: str, warn: Callable[[str], None]) -> None:
        self.name = servers[0].name
        self.context_tokens = servers[0].context_tokens
        self._warn = warn
        # Rendezvous hashing: every process, on whichever box, sends a session to the same server without asking the
        # others, and a lost server moves only its own sessions. Least-loaded would need somebody who knows all loads.
        self._servers = sorted(servers, key=lambda server: _weight(session, server.settings.url))
        self._lost: set[str] = set()
        self._own: OpenAIChat | None = None

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return self._ask(lambda server: server.count_tokens(messages))

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
        return self._ask(
            lambda server: server.chat(
                messages,
                sampling,
                constraint=constraint,
                record=record,
                prefill=prefill,
                on_text=on_text,
                cancelled=cancelled,
            )
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
        """All on one server, which holds their common prompt once."""
        return self._ask(
            lambda server: server.drafts(
                messages, samplings, record=record, prefill=prefill, on_text=on_text, cancelled=cancelled
            )
        )

    def close(self) -> None:
        """Nothing stays open between calls."""

    def __enter__(self) -> Self:
        with ThreadPoolExecutor(len(self._servers)) as pool:
            asked = dict(zip(self._servers, pool.map(self._missing, self._servers), strict=True))
        for server, missing in asked.items():
            if isinstance(missing, RemoteRefused):
                raise missing
            if missing is not None:
                self._lose(server, missing)
        if not any(missing is None for missing in asked.values()):
            raise self._nobody()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, question: Callable[[OpenAIChat], _T]) -> _T:
        """Each server at most once. Raises RemoteError that names them all where none could answer."""
        for server in self._candidates():
            try:
                answer = question(server)
            except RemoteRefused:
                raise
            except RemoteError as error:
                self._lose(server, error)
                continue
            self._own = server
            return answer
        raise self._nobody()

    def _candidates(self) -> Iterator[OpenAIChat]:
        """The session's own server first. It stays there even when the one it came from is back: that one has
        forgotten the prefix. Every other is asked how it is before a whole prompt is sent."""
        own = self._own
        if own is not None:
            yield own
        for server in self._servers:
            if server is own:
                continue
            missing = self._missing(server)
            if missing is not None:
                self._lose(server, missing)
                continue
            if server.settings.url in self._lost:
                self._lost.discard(server.settings.url)
                self._warn(f"The model server at {server.settings.url} answers again.")
            yield server

    def _missing(self, server: OpenAIChat) -> RemoteError | None:
        """What keeps it from serving this model."""
        try:
            served = server.served(HEALTH_TIMEOUT_S)
        except RemoteError as error:
            return error
        if self.name in served:
            return None
        return RemoteRefused(
            f"The model server at {server.settings.url} serves {', '.join(served)[:200] or 'nothing'}, not"
            f" '{self.name}': give all servers of engine.base_url the same model under the same name, or take it out."
        )

    def _lose(self, server: OpenAIChat, error: RemoteError) -> None:
        if server is self._own:
            self._own = None
        url = server.settings.url
        if url not in self._lost:
            self._lost.add(url)
            self._warn(f"The model server at {url} is left out: {error}")

    def _nobody(self) -> RemoteError:
        urls = ", ".join(sorted(server.settings.url for server in self._servers))
        return RemoteError(
            f"None of the model servers answers with '{self.name}' ({urls}); start one of them, or correct"
            " engine.base_url, then resume the run."
        )


def _weight(session: str, url: str) -> bytes:
    return hashlib.sha256(f"{session}\n{url}".encode()).digest()
