from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.text_stream import TextStream


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    return [data[a:b] for a, b in pairwise(edges)]


@given(text=st.text(max_size=60), cuts=st.lists(st.integers(0, 500), max_size=20))
def test_whole_characters_come_out_however_the_bytes_are_cut(text: str, cuts: list[int]) -> None:
    stream = TextStream(())
    out = "".join(stream.feed(p) for p in pieces_of(text.encode(), cuts)) + stream.end()
    assert out == stream.text == text


@given(
    text=st.text(alphabet="ab<>", max_size=40),
    stop=st.lists(st.text(alphabet="ab<>", min_size=1, max_size=4), min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 500), max_size=20),
)
def test_nothing_of_a_stop_string_is_ever_shown(text: str, stop: list[str], cuts: list[int]) -> None:
    stream = TextStream(stop)
    out = ""
    for piece in pieces_of(text.encode(), cuts):
        out += stream.feed(piece)
        if stream.is_stopped:
            break
    out += stream.end()
    assert out == stream.text
    assert not any(s in out for s in stop)
    assert text.startswith(out)
    assert stream.is_stopped == any(s in text for s in stop)


def test_what_only_looked_like_a_stop_string_is_shown_in_the_end() -> None:
    stream = TextStream(("</file>",))
    assert stream.feed(b"body</fi") == "body"
    assert stream.feed(b"g>") == "</fig>"
