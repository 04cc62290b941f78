import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.wire import FrameBuffer, read_frame, write_frame

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
frames = st.dictionaries(st.text(max_size=8).filter(lambda key: key != "blob_sizes"), json_values, max_size=4)


@given(frame=frames, blobs=st.lists(st.binary(max_size=200), max_size=4))
def test_a_frame_comes_out_as_it_went_in(frame: dict[str, object], blobs: list[bytes]) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, frame, blobs)
    pipe.seek(0)
    assert read_frame(pipe) == (frame, blobs)
    assert read_frame(pipe) is None


@given(sent=st.lists(frames, max_size=5), cut=st.integers(1, 30))
def test_frames_are_put_together_from_any_pieces(sent: list[dict[str, object]], cut: int) -> None:
    pipe = io.BytesIO()
    for frame in sent:
        write_frame(pipe, frame)
    data, buffer = pipe.getvalue(), FrameBuffer()
    received = [f for at in range(0, len(data), cut) for f in buffer.feed(data[at : at + cut])]
    assert received == sent


def test_a_stream_that_ends_inside_a_frame_is_an_end_not_an_error() -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {"op": "count"}, [b"x" * 100])
    assert read_frame(io.BytesIO(pipe.getvalue()[:-1])) is None


def test_nonsense_on_the_pipe_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of ours"):
        FrameBuffer().feed(b"\xff" * 16)
