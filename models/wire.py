"""Framed messages between the appliance and its model child: a JSON object and the raw bytes of any pictures.

No pickle: the child runs native code on files from strangers, and nothing it sends may become code here.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import IO, Any

_HEAD = struct.Struct("!II")
_MAX_BYTES = 1 << 29

Frame = dict[str, Any]


def write_frame(stream: IO[bytes], frame: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
    body = json.dumps({**frame, "blob_sizes": [len(b) for b in blobs]}).encode()
    stream.write(_HEAD.pack(len(body), sum(map(len, blobs))) + body + b"".join(blobs))
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[Frame, list[bytes]] | None:
    """None at the end of the stream, also in the middle of a frame: the other side is gone."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    body_bytes, blob_bytes = frame_sizes(head)
    rest = stream.read(body_bytes + blob_bytes)
    return None if len(rest) < body_bytes + blob_bytes else unpack_frame(rest, body_bytes)


def frame_sizes(head: bytes) -> tuple[int, int]:
    body_bytes, blob_bytes = _HEAD.unpack(head)
    if body_bytes + blob_bytes > _MAX_BYTES:
        raise ValueError(f"A frame of {body_bytes + blob_bytes} bytes is not one of ours.")
    return body_bytes, blob_bytes


def unpack_frame(rest: bytes, body_bytes: int) -> tuple[Frame, list[bytes]]:
    frame: Frame = json.loads(rest[:body_bytes])
    blobs, at = [], body_bytes
    for size in frame.pop("blob_sizes"):
        blobs.append(rest[at : at + size])
        at += size
    return frame, blobs


class FrameBuffer:
    """Puts frames together from whatever pieces arrive."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> list[Frame]:
        self._bytes += piece
        frames = []
        while (end := self._frame_end()) is not None:
            body_bytes, _ = frame_sizes(bytes(self._bytes[: _HEAD.size]))
            frames.append(unpack_frame(bytes(self._bytes[_HEAD.size : end]), body_bytes)[0])
            del self._bytes[:end]
        return frames

    def _frame_end(self) -> int | None:
        if len(self._bytes) < _HEAD.size:
            return None
        end = _HEAD.size + sum(frame_sizes(bytes(self._bytes[: _HEAD.size])))
        return end if len(self._bytes) >= end else None
