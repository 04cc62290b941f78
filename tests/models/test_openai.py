"""The client against a real HTTP server that speaks the protocol; a ScriptedModel answers behind it."""

from collections.abc import Iterator
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from models.chat import ChatMessage, ChatModel, Gbnf, JsonSchema, Sampling
from models.errors import ConstraintError, ContextOverflow, RemoteError
from models.openai import OpenAIChat
from tests.models.chat_server import Server, serving
from tests.models.contracts import GREEDY, TALK, ChatModelContract


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def client(server: Server, **options: Any) -> OpenAIChat:
    return OpenAIChat(server.url, "story", **{"context_tokens": 8192, **options})


class TestOpenAIChat(ChatModelContract):
    @pytest.fixture(autouse=True)
    def _serve(self, server: Server) -> None:
        self.server = server

    def open_model(self) -> ChatModel:
        return client(self.server)


def test_cancelling_drops_the_connection_within_a_second() -> None:
    with serving(pause_s=0.2) as server:
        started = monotonic()
        heard: list[str] = []
        limit = Sampling(max_tokens=2000)
        done = client(server).chat(TALK, limit, on_text=heard.append, cancelled=lambda: monotonic() > started + 0.5)
        assert done.finish == "cancelled"
        assert monotonic() - started < 1.5
        assert server.dropped.wait(2)


def test_drafts_run_side_by_side() -> None:
    with serving(pause_s=0.05) as server:
        turns: list[int] = []
        client(server).drafts(TALK, [GREEDY] * 3, on_text=lambda n, _: turns.append(n))
    changes = sum(a != b for a, b in pairwise(turns))
    assert changes > 3


def test_a_schema_travels_as_response_format_and_a_grammar_only_in_a_named_field(server: Server) -> None:
    client(server).chat(TALK, GREEDY, constraint=JsonSchema({"type": "object"}))
    assert server.bodies[-1]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    client(server, grammar_field="grammar").chat(TALK, GREEDY, constraint=Gbnf('root ::= "x"'))
    assert server.bodies[-1]["grammar"] == 'root ::= "x"'
    with pytest.raises(ConstraintError, match="grammar_field"):
        client(server).chat(TALK, GREEDY, constraint=Gbnf('root ::= "x"'))


def test_the_key_the_seed_and_a_picture_reach_the_server(server: Server) -> None:
    talk = [ChatMessage("user", "look", images=(b"\x89PNG....",))]
    client(server, api_key="secret").chat(talk, Sampling(seed=41, max_tokens=4))
    assert server.keys == ["Bearer secret"]
    assert server.bodies[0]["seed"] == 41
    picture, text = server.bodies[0]["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": "look"}


def test_a_server_that_cannot_tokenize_gets_an_estimate() -> None:
    with serving(tokenizes=False) as server:
        assert 0 < client(server).count_tokens(TALK) < 100


def test_a_refusal_because_of_the_context_is_a_context_overflow(server: Server) -> None:
    with pytest.raises(ContextOverflow):
        client(server).chat([ChatMessage("user", "too long")], GREEDY)


def test_an_answer_that_breaks_off_is_an_error_not_a_short_answer() -> None:
    with serving(broken_after=4) as server, pytest.raises(RemoteError, match="broke off"):
        client(server).chat(TALK, GREEDY)


def test_a_server_that_is_not_there_is_named() -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(RemoteError, match="does not answer"):
        OpenAIChat(url, "story", context_tokens=8192).chat(TALK, GREEDY)


def test_an_address_without_a_host_is_refused() -> None:
    with pytest.raises(RemoteError, match="not an address"):
        OpenAIChat("localhost:8000", "story", context_tokens=8192)
