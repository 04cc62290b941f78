"""Blocks that arrive one by one, read as a file."""

import io
from collections.abc import Iterable


class BlockReader(io.RawIOBase):
    def __init__(self, blocks: Iterable[bytes]) -> None:
        super().__init__()
        self._blocks = iter(blocks)
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        parts, wanted = [], size
        while wanted != 0:
            if not self._left:
                self._left = next(self._blocks, b"")
                if not self._left:
                    break
            part = self._left if wanted < 0 else self._left[:wanted]
            self._left = self._left[len(part) :]
            wanted -= len(part) if wanted > 0 else 0
            parts.append(part)
        return b"".join(parts)
