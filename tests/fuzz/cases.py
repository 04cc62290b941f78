"""Cases made of a target's seeds and words: small random changes, and the few shapes that break readers most often."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.fuzz.target import Target, words

MOST_BYTES = 4096
"""Of a random case, seeds of a longer kind excepted."""
LONG = 1 << 16
"""Bytes of what is repeated: more than a model says in one reply."""
_ODD = (
    *words(r"|\0|\xff|\xef\xbb\xbf|\r\n|\xed\xa0\x80|\xf0\x9f\x98\x80|\xc3|\x1b[2J|%s|-1|0|1e999|NaN|\\u0000|\\ud800"),
    *words(r"\xe2\x80\xae|\xc2\x85|<|&#0;| |\x7f\xff\xff\xff|\x80\0\0\0|\t|\n|\"|'|`|{|["),
    *(b"9" * 30, b"\xff" * 8, b"\0" * 8, b"\0" * 512),
)
_REPEATED = words(r" |\n|\n |{|[|{\"a\":|<|a|9|{}|`")


def mutated(target: Target, random: Random) -> bytes:
    """One to six changes of a seed, or words thrown together."""
    if random.random() < 0.2:
        words = (*target.words, *_ODD)
        return b"".join(random.choices(words, k=random.randrange(1, 24)))
    case = bytearray(random.choice(target.seeds))
    for _ in range(random.randrange(1, 7)):
        _change(case, target, random)
    return bytes(case)


def _change(case: bytearray, target: Target, random: Random) -> None:
    at = random.randrange(len(case) + 1)
    stretch = slice(at, at + random.choice((1, 2, 8, 64, 512)))
    match random.randrange(8):
        case 0 if at < len(case):
            case[at] = random.randrange(256)
        case 1 if at < len(case):
            case[at] ^= 1 << random.randrange(8)
        case 2:
            del case[stretch]
        case 3:
            case[at:at] = random.choice((*target.words, *_ODD))
        case 4:
            case[stretch] = random.choice((*target.words, *_ODD))
        case 5:
            case[at:at] = case[stretch] * random.choice((1, 2, 16)) if len(case) < MOST_BYTES else b""
        case 6:
            other = random.choice(target.seeds)
            begin = random.randrange(len(other) + 1)
            case[stretch] = other[begin : begin + random.choice((8, 64, 512))]
        case _:
            del case[at:]


def hard(target: Target, long: int = LONG) -> Iterator[tuple[str, bytes]]:
    """Named shapes: every word repeated and never ended, depth, length, and each seed cut or spoiled in every part."""
    for word in dict.fromkeys(
        (*target.words, b" ", b"\n", b"\n ", b"{", b"[", b'{"a":', b"<", b"a", b"9", b"{}", b"`")
    ):
        if word:
            many = word * (min(long, target.largest) // len(word))
            yield f"{word[:20]!r} repeated", many
            yield f"{word[:20]!r} repeated inside", _inside(target.seeds[0], many)
            yield (
                f"{word[:20]!r} repeated after {target.words[0][:20] if target.words else b''!r}",
                b"".join((*target.words[:1], many, b"x")),
            )
    yield "one long line", b"x" * target.largest
    yield "one long JSON text", b'{"a": "' + b"x" * target.largest + b'"}'
    for n, seed in enumerate(target.seeds):
        for part in range(1, 16):
            yield f"seed {n} cut at {part}/16", seed[: len(seed) * part // 16]
        for odd in _ODD:
            yield f"seed {n} after {odd[:12]!r}", odd + seed
            yield f"seed {n} around {odd[:12]!r}", _inside(seed, odd)


def _inside(seed: bytes, what: bytes) -> bytes:
    return seed[: len(seed) // 2] + what + seed[len(seed) // 2 :]
