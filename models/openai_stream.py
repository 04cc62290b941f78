"""The wire of an OpenAI-compatible server: one request, one stream of events, each in a thread of its own."""

import json
import queue
import socket
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec

from models.errors import ContextOverflow, ModelError, RemoteError, RemoteRefused
from models.json_answer import read_json
from models.openai_answer import MOST_CHARS, Chunk, chunks

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    url: str
    model: str
    api_key: str | None
    context_tokens: int
    grammar_field: str | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Event:
    draft: int
    chunk: Chunk | None = None
    error: ModelError | None = None


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class NotOffered(Exception):
    """The server does not have this part of the interface."""


class Server:
    def __init__(self, settings: ServerSettings) -> None:
        refusal = RemoteError(f"'{settings.url}' is not an address of a model server; write http://HOST:PORT/v1.")
        try:
            self.address = urlsplit(settings.url.rstrip("/"))
            is_one = self.address.scheme in ("http", "https") and self.address.hostname and self.address.port != 0
        except ValueError as error:
            raise refusal from error
        if not is_one:
            raise refusal
        self._settings = settings

    def open(self, timeout_s: float | None = None) -> HTTPConnection:
        kind = HTTPSConnection if self.address.scheme == "https" else HTTPConnection
        timeout_s = self._settings.timeout_s if timeout_s is None else timeout_s
        connection = kind(self.address.hostname or "", self.address.port, timeout=timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise self.unreachable(error) from error
        return connection

    def send(self, connection: HTTPConnection, path: str, body: Json) -> HTTPResponse:
        headers = {"Content-Type": "application/json", **self._key()}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            return connection.getresponse()
        except (OSError, HTTPException) as error:
            raise self.unreachable(error) from error

    def models(self, timeout_s: float) -> tuple[str, ...]:
        """The names it serves. Raises RemoteError where no such list comes; `timeout_s` is for each of its packets."""
        try:
            with closing(self.open(timeout_s)) as connection:
                connection.request("GET", self.address.path + "/models", headers=self._key())
                with connection.getresponse() as response:
                    if response.status != 200:
                        raise HTTPException(f"its list of models is {response.status} {response.reason}")
                    found = msgspec.convert(read_json(response.read(MOST_CHARS).decode()), _Models)
        except (OSError, HTTPException, ValueError) as error:
            raise error if isinstance(error, RemoteError) else self.unreachable(error) from error
        return tuple(model.id for model in found.data)

    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._settings.api_key}"} if self._settings.api_key else {}

    def ask(self, path: str, body: Json, key: str) -> Any:
        """Paths beside `/v1`, which llama-server and vLLM have and others do not."""
        path = self.address.path.removesuffix("/v1") + path
        with closing(self.open()) as connection, self.send(connection, path, body) as response:
            try:
                answer = read_json(response.read(MOST_CHARS).decode())
            except ValueError:
                raise NotOffered from None
            if response.status != 200 or not isinstance(answer, dict) or key not in answer:
                raise NotOffered
            return answer[key]

    def unreachable(self, error: Exception) -> RemoteError:
        where = f"{self.address.scheme}://{self.address.netloc}"
        return RemoteError(f"The model server at {where} does not answer ({error}); start it or correct its address.")


class Stream:
    """One request in its own thread; `stop` closes the socket under it."""

    def __init__(self, server: "Server", draft: int, body: Json, events: "queue.Queue[Event]") -> None:
        self._server, self._draft, self._body, self._events = server, draft, body, events
        # The connection itself forgets its socket as soon as the answer begins.
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # the server may have been quicker
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=1)

    def _run(self) -> None:
        try:
            with closing(self._server.open()) as connection:
                self._socket = connection.sock
                self._read(self._server.send(connection, self._server.address.path + "/chat/completions", self._body))
        except ModelError as error:
            self._events.put(Event(self._draft, error=error))
        except (OSError, HTTPException, ValueError) as error:
            self._events.put(Event(self._draft, error=self._server.unreachable(error)))

    def _read(self, response: HTTPResponse) -> None:
        with response:
            if response.status != 200:
                raise _refusal(response, self._body["model"])
            for chunk in chunks(iter(lambda: response.readline(MOST_CHARS), b"")):
                self._events.put(Event(self._draft, chunk=chunk))


def _refusal(response: HTTPResponse, model: str) -> ModelError:
    said = response.read(2000).decode("utf-8", errors="replace").strip()
    if response.status == 400 and "context" in said.lower():
        return ContextOverflow(f"The server of '{model}' says the prompt is too long: {said}")
    # Too many requests and a timeout pass; whatever else it has against the request, another server would have too.
    is_final = 400 <= response.status < 500 and response.status not in (408, 429)
    kind = RemoteRefused if is_final else RemoteError
    return kind(f"The server of '{model}' answered {response.status} {response.reason}: {said}")
