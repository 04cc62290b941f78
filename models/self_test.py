"""`python -m models.self_test [MODEL.gguf]`: does the engine work on this machine? Exit code 0 or 1, one line.

Decodes a prompt and a few tokens in a child, alone and as parallel drafts; without a file, with a tiny random model
made for it, whose answers must be those of the same numbers unquantized. A build that does not suit the CPU dies with a
signal or computes wrong numbers here, and nowhere else.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.chat import MIN_CONTEXT_TOKENS, ChatMessage, Completion, Engine, Sampling
from models.errors import EngineRefused, ModelError
from models.hardware import installed_variant
from models.llama import LlamaChild, LlamaSettings
from models.tiny import write_tiny_gguf

_ALL_LAYERS = 999
_TOKENS = 2
_DRAFTS = 7
_TOLERANCE = 0.1
"""Of a log-probability. Quantized activations cost some hundredths; a wrong kernel is off by several."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    engine: Engine
    tokens_decoded: int
    seconds: float


def self_test(path: Path | None = None) -> SelfTest:
    """Raises what the engine raises (EngineCrashed, EngineRefused, EngineMissing), EngineRefused for wrong numbers."""
    if path is not None:
        return _result(_decode(path))
    with tempfile.TemporaryDirectory(prefix="self-test-") as folder:
        quantized = _decode(write_tiny_gguf(Path(folder) / "tiny.gguf"))
        exact = _decode(write_tiny_gguf(Path(folder) / "exact.gguf", quantized=False))
    _refuse_wrong_numbers(quantized, exact)
    return _result(quantized)


def _decode(path: Path) -> tuple[Engine, list[Completion]]:
    """One alone, then several at once: one row and several rows are multiplied by different kernels."""
    # Long enough that the matrix kernels for batches run too: those are the ones that differ from CPU to CPU.
    messages = [ChatMessage("user", "Decode this, please. " * 8)]
    # A tiny model fits any GPU; asking the memory plan would fail on one that does not tell its size.
    layers = 0 if installed_variant() == "cpu" else _ALL_LAYERS
    settings = LlamaSettings(path, context_tokens=MIN_CONTEXT_TOKENS, parallel=_DRAFTS, gpu_layers=layers)
    greedy = Sampling(temperature=0, max_tokens=_TOKENS)
    with LlamaChild(settings) as model:
        alone = model.chat(messages, greedy, record=True)
        return model.engine, [alone, *model.drafts(messages, [greedy] * _DRAFTS, record=True)]


def _refuse_wrong_numbers(quantized: tuple[Engine, list[Completion]], exact: tuple[Engine, list[Completion]]) -> None:
    for ours, reference in zip(quantized[1], exact[1], strict=True):
        for token, other, value, expected in zip(
            ours.token_ids, reference.token_ids, ours.logprobs, reference.logprobs, strict=True
        ):
            if token != other or abs(value - expected) > _TOLERANCE:
                raise EngineRefused(
                    f"The engine computes wrong numbers on this processor: token {token} with {value:.2f} where"
                    f" {other} with {expected:.2f} is right; run set-up again, it takes another build."
                )


def _result(decoded: tuple[Engine, list[Completion]]) -> SelfTest:
    engine, completions = decoded
    return SelfTest(engine, completions[0].completion_tokens, completions[0].seconds)


def main(arguments: Sequence[str]) -> int:
    try:
        result = self_test(Path(arguments[0]) if arguments else None)
    except ModelError as error:
        print(f"engine does not work: {error}")
        return 1
    print(f"engine {result.engine} works: {result.tokens_decoded} tokens decoded in {result.seconds:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
