"""`python -m models.self_test [MODEL.gguf]`: does the engine work on this machine? Exit code 0 or 1, one line.

Decodes a prompt and two tokens in a child; without a file, with a tiny random model made for it. A build that does not
suit the CPU dies with a signal here, and nowhere else.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.chat import MIN_CONTEXT_TOKENS, ChatMessage, Engine, Sampling
from models.errors import ModelError
from models.hardware import installed_variant
from models.llama import LlamaChild, LlamaSettings
from models.tiny import write_tiny_gguf

_ALL_LAYERS = 999
_TOKENS = 2


@dataclass(frozen=True, slots=True)
class SelfTest:
    engine: Engine
    tokens_decoded: int
    seconds: float


def self_test(path: Path | None = None) -> SelfTest:
    """Raises what the engine raises: EngineCrashed, EngineRefused, EngineMissing."""
    if path is not None:
        return _decode(path)
    with tempfile.TemporaryDirectory(prefix="self-test-") as folder:
        return _decode(write_tiny_gguf(Path(folder) / "tiny.gguf"))


def _decode(path: Path) -> SelfTest:
    # Long enough that the matrix kernels for batches run too: those are the ones that differ from CPU to CPU.
    message = ChatMessage("user", "Decode this, please. " * 8)
    # A tiny model fits any GPU; asking the memory plan would fail on one that does not tell its size.
    layers = 0 if installed_variant() == "cpu" else _ALL_LAYERS
    settings = LlamaSettings(path, context_tokens=MIN_CONTEXT_TOKENS, parallel=1, gpu_layers=layers)
    with LlamaChild(settings) as model:
        done = model.chat([message], Sampling(temperature=0, max_tokens=_TOKENS))
        return SelfTest(model.engine, done.completion_tokens, done.seconds)


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
