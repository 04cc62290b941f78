"""What a model's turn was in tokens, packed small enough to be kept for every turn. Training reads it; text is never
tokenised a second time.

One piece for each time the model was asked: a reply that the token limit cut off has several, and each begins where the
one before it ended. `weights` names the model file (its tokenizer and chat template are part of it) and the adapters.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.chat import Completion, Sampling


@dataclass(frozen=True, slots=True)
class TokenPiece:
    """`logprobs` are raw, at temperature 1, one for each of `tokens`."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TokenRecord:
    weights: str
    temperature: float
    top_p: float
    repeat_penalty: float
    pieces: tuple[TokenPiece, ...]

    @property
    def is_on_policy(self) -> bool:
        """Whether the tokens were drawn from the model's whole distribution, nothing cut and nothing bent."""
        return self.temperature == 1.0 and self.top_p == 1.0 and self.repeat_penalty == 1.0


def packed(completions: Sequence[Completion], sampling: Sampling, weights: str) -> dict[str, Any]:
    """Empty where the engine does not know its tokens, or nobody knows its weights."""
    if not weights or not all(one.token_ids and one.prompt_token_ids for one in completions):
        return {}
    return {
        "weights": weights,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "repeat_penalty": sampling.repeat_penalty,
        "pieces": [
            [_pack(one.prompt_token_ids, np.int32), _pack(one.token_ids, np.int32), _pack(one.logprobs, np.float32)]
            for one in completions
        ],
    }


def unpacked(record: Mapping[str, Any]) -> TokenRecord | None:
    """Of a completion's `record`; None where it has no tokens. Raises ValueError for one that is damaged."""
    found = record.get("tokens")
    if not found:
        return None
    pieces = tuple(
        TokenPiece(
            tuple(_unpack(prompt, np.int32).tolist()),
            tuple(_unpack(tokens, np.int32).tolist()),
            tuple(_unpack(logprobs, np.float32).tolist()),
        )
        for prompt, tokens, logprobs in found["pieces"]
    )
    if any(len(piece.tokens) != len(piece.logprobs) for piece in pieces):
        raise ValueError("a token record has not as many log-probs as tokens")
    return TokenRecord(found["weights"], found["temperature"], found["top_p"], found["repeat_penalty"], pieces)


def _pack(numbers: Sequence[float], kind: type[np.generic]) -> str:
    return base64.b64encode(zlib.compress(np.asarray(numbers, dtype=kind).tobytes(), 6)).decode("ascii")


def _unpack(text: str, kind: type[np.generic]) -> Any:
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=kind)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"a token record cannot be read ({error})") from error
