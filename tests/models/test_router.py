"""Several real HTTP servers of one model; some break off, some are gone, one serves something else."""

from collections.abc import Iterator

import pytest

from models.chat import ChatMessage, ChatModel, Sampling
from models.errors import ContextOverflow, RemoteError, RemoteRefused
from models.openai import OpenAIChat
from models.router import addresses, remote_model
from tests.models.chat_server import Server, serving
from tests.models.contracts import GREEDY, TALK, ChatModelContract

BRIEF = Sampling(temperature=0, max_tokens=2)


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    with serving() as one, serving() as other:
        yield one, other


def urls(*servers: Server) -> str:
    return ", ".join(server.url for server in servers)


def routed(urls: str, session: str = "run", told: list[str] | None = None) -> ChatModel:
    return remote_model(urls, "story", session, (told if told is not None else []).append, context_tokens=8192)


def session_of(first: Server, *others: Server) -> str:
    """A session whose own server is `first`."""
    for n in range(1000):
        with routed(urls(first, *others), f"run {n}") as model:
            model.chat(TALK, GREEDY)
        if first.bodies:
            forget(first, *others)
            return f"run {n}"
        forget(first, *others)
    raise AssertionError("no session of a thousand went to the first server")


def forget(*servers: Server) -> None:
    for server in servers:
        server.bodies.clear()


class TestRoutedChat(ChatModelContract):
    @pytest.fixture(autouse=True)
    def _serve(self, pair: tuple[Server, Server]) -> None:
        self.pair = pair

    def open_model(self) -> ChatModel:
        return routed(urls(*self.pair))


def test_one_address_is_no_list_and_is_asked_for_no_list_of_models() -> None:
    with serving(served="another name") as server, routed(server.url) as model:
        assert isinstance(model, OpenAIChat)
        assert model.chat(TALK, GREEDY).text


def test_an_address_named_twice_is_one() -> None:
    assert addresses("http://a/v1, http://b/v1,http://a/v1") == ["http://a/v1", "http://b/v1"]
    with pytest.raises(RemoteError, match="'' is not an address"):
        routed("http://127.0.0.1:1/v1,")


def test_a_session_stays_on_one_server_in_every_process_and_sessions_spread(pair: tuple[Server, Server]) -> None:
    homes = []
    for n in range(24):
        for order in (pair, pair[::-1]):  # another process, whose list is written in another order
            with routed(urls(*order), f"run {n}") as model:
                model.chat(TALK, BRIEF)
                model.drafts(TALK, [BRIEF, BRIEF])
        counts = [len(server.bodies) for server in pair]
        assert sorted(counts) == [0, 6]
        homes.append(counts.index(6))
        forget(*pair)
    assert 0 < sum(homes) < 24


def test_an_answer_that_breaks_off_is_asked_for_again_whole_and_counted_once() -> None:
    with serving() as good, serving() as weak:
        session, told = session_of(weak, good), list[str]()
        with routed(urls(good, weak), session, told) as model:
            weak.broken_after = 4
            pieces: list[str] = []
            done = model.chat(TALK, GREEDY, on_text=pieces.append)
            assert (done.completion_tokens, done.finish) == (GREEDY.max_tokens, "length")
            assert "".join(pieces[4:]) == done.text
            assert (len(weak.bodies), len(good.bodies)) == (1, 1)
            assert len(told) == 1
            assert weak.url in told[0]
            weak.broken_after = None
            model.chat(TALK, GREEDY)
            assert (len(weak.bodies), len(good.bodies)) == (1, 2), "a session that moved stays where it is"


def test_drafts_that_break_off_are_all_made_on_the_other() -> None:
    with serving() as good, serving() as weak:
        session = session_of(weak, good)
        with routed(urls(good, weak), session) as model:
            weak.broken_after = 4
            done = model.drafts(TALK, [GREEDY] * 3)
        assert [one.completion_tokens for one in done] == [GREEDY.max_tokens] * 3
        assert len(good.bodies) == 3


def test_a_busy_server_is_left_out_and_comes_back(pair: tuple[Server, Server]) -> None:
    own, other = pair
    session, told = session_of(own, other), list[str]()
    with routed(urls(*pair), session, told) as model:
        own.status = 503
        assert model.chat(TALK, GREEDY).text
        own.status, other.status = 200, 503
        assert model.chat(TALK, GREEDY).text
    assert [("left out" in text, "again" in text) for text in told] == [(True, False), (True, False), (False, True)]
    assert [own.url in text for text in told] == [True, False, True]


def test_a_dead_address_is_named_and_the_others_work() -> None:
    with serving() as gone:
        dead = gone.url
    with serving() as alive:
        told: list[str] = []
        with routed(f"{dead}, {alive.url}", told=told) as model:
            assert model.chat(TALK, GREEDY).text
            assert model.chat(TALK, GREEDY).text
    assert len(told) == 1
    assert dead in told[0]


def test_where_all_are_dead_each_is_named_before_and_in_the_middle(pair: tuple[Server, Server]) -> None:
    with routed(urls(*pair)) as model:
        for server in pair:
            server.status = 500
        with pytest.raises(RemoteError, match="start one of them") as met:
            model.chat(TALK, GREEDY)
    assert all(server.url in str(met.value) for server in pair)
    with pytest.raises(RemoteError, match="None of the model servers"), routed(urls(*pair)):
        pass


def test_a_server_of_another_model_is_refused_by_name(pair: tuple[Server, Server]) -> None:
    pair[1].served = "poems"
    with pytest.raises(RemoteRefused, match=r"serves poems, not 'story'") as met, routed(urls(*pair)):
        pass
    assert pair[1].url in str(met.value)


def test_a_request_that_is_at_fault_itself_blames_no_server(pair: tuple[Server, Server]) -> None:
    told: list[str] = []
    with routed(urls(*pair), told=told) as model:
        with pytest.raises(ContextOverflow):
            model.chat([ChatMessage("user", "too long")], GREEDY)
        model.chat(TALK, GREEDY)
        for server in pair:
            server.status = 422
        with pytest.raises(RemoteRefused, match="422"):
            model.chat(TALK, GREEDY)
    assert told == []
    assert sorted(len(server.bodies) for server in pair) == [0, 3]
