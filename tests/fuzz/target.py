"""What a fuzz target is, and what it promises for any bytes: a result or a documented refusal, and soon."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

LIMIT_S = 10.0
"""What one case may take. Readers need milliseconds; a search that never ends needs years."""


@dataclass(frozen=True, slots=True)
class Target:
    """`read` gets the case and an empty folder of its own kind, which it may fill. What it returns is kept by the
    product, so it must be something that the store can hold."""

    name: str
    read: Callable[[bytes, Path], object]
    seeds: tuple[bytes, ...]
    """Sound inputs; mutated, cut and mixed they make the cases."""
    words: tuple[bytes, ...] = ()
    """What the format is made of."""
    refusals: tuple[type[Exception], ...] = ()
    largest: int = 10 << 20
    """Bytes of the longest case, where whoever stands before the reader cuts earlier."""


class TooLong(Exception):
    """The reader did not come to an end."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A case that broke the promise, and how: the exception's name and the place in the project that raised it."""

    case: bytes
    what: str
    told: str


def tried(target: Target, case: bytes, folder: Path) -> Fault | None:
    try:
        with _at_most(LIMIT_S):
            _check_kept(target.read(case, folder))
    except target.refusals as refusal:
        return None if str(refusal).strip() else Fault(case, f"{type(refusal).__name__} without words", "")
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tests/" not in frame.filename]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "the target"
        return Fault(case, f"{type(error).__name__} at {place}", "".join(traceback.format_exception(error)))
    return None


def _check_kept(result: object) -> None:
    """As `store.py` writes records: UnicodeEncodeError for half a character."""
    msgspec.json.encode(result, enc_hook=str)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Works on the main thread only; Python's regular expressions ask for signals too."""

    def stop(signum: int, frame: object) -> None:
        raise TooLong(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def text_of(case: bytes) -> str:
    """As engines and files give it: whole characters."""
    return case.decode("utf-8", "replace")


def words(text: str) -> tuple[bytes, ...]:
    """Written with bars between them; escapes are those of Python."""
    return tuple(word.encode("latin-1").decode("unicode_escape").encode("latin-1") for word in text.split("|"))
