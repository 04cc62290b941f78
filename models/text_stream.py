"""Bytes of tokens in, text out: whole characters only, and nothing of a stop string."""

import codecs
from collections.abc import Sequence


def whole_text(text: str) -> str:
    """Halves of characters, which JSON can escape and no file can hold, as �; two that belong together become one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class TextStream:
    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = [s for s in stop if s]
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""
        self.text = ""
        self.is_stopped = False

    def feed(self, piece: bytes) -> str:
        """The text that is certain now; what may be the beginning of a stop string waits."""
        return self._release(self._decode(piece), final=False)

    def end(self) -> str:
        return self._release(self._decode(b"", final=True), final=True)

    def _release(self, more: str, *, final: bool) -> str:
        if self.is_stopped:
            return ""
        self._held += more
        at = min((i for s in self._stop if (i := self._held.find(s)) >= 0), default=-1)
        if at >= 0:
            self.is_stopped = True
            certain, self._held = self._held[:at], ""
        else:
            keep = 0 if final else max((_overlap(self._held, s) for s in self._stop), default=0)
            certain, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        self.text += certain
        return certain


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` are the beginning of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
