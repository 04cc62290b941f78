"""A real HTTP server that speaks the OpenAI-compatible protocol; a ScriptedModel answers behind it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any

from models.chat import ChatMessage, Sampling
from models.scripted import ScriptedModel

STORY = "Once a keeper lit the lamp each night, and each night the sea answered with a longer story than before. " * 40


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        *,
        tokenizes: bool = True,
        broken_after: int | None = None,
        pause_s: float = 0.001,
        served: str = "story",
        port: int = 0,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.model = ScriptedModel(lambda messages, sampling: STORY)
        self.tokenizes, self.broken_after, self.pause_s = tokenizes, broken_after, pause_s
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.served, self.status = served, 200
        self.dropped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            return self._json(404, {"error": "no such path"})
        return self._json(self.server.status, {"object": "list", "data": [{"id": self.server.served}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize" and self.server.tokenizes:
            return self._json(200, {"count": self.server.model.count_tokens(messages_of(body))})
        if self.path != "/v1/chat/completions":
            return self._json(404, {"error": "no such path"})
        self.server.bodies.append(body)
        self.server.keys.append(self.headers["Authorization"])
        if self.server.status != 200:
            return self._json(self.server.status, {"error": "not now"})
        if body["messages"][-1]["content"] == "too long":
            return self._json(400, {"error": "this exceeds the context of the model"})
        return self._stream(body)

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        messages = messages_of(body)
        sampling = Sampling(max_tokens=body["max_tokens"], stop=tuple(body.get("stop", ())))
        said = 0

        def on_text(text: str) -> None:
            nonlocal said
            said += 1
            sleep(self.server.pause_s)
            self._event({"choices": [{"delta": {"content": text}}]})

        try:
            broken = self.server.broken_after
            done = self.server.model.chat(
                messages, sampling, on_text=on_text, cancelled=lambda: broken is not None and said >= broken
            )
            if done.finish == "cancelled":
                return
            self._event({"choices": [{"delta": {}, "finish_reason": done.finish}]})
            usage = {"prompt_tokens": done.prompt_tokens, "completion_tokens": done.completion_tokens}
            self._event({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            self.server.dropped.set()

    def _event(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def messages_of(body: dict[str, Any]) -> list[ChatMessage]:
    return [ChatMessage(m["role"], str(m["content"])) for m in body["messages"]]


@contextmanager
def serving(**options: Any) -> Iterator[Server]:
    with Server(**options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
