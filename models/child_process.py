"""How a child of ours is started, and what its death means."""

import os
import signal
import sys
from pathlib import Path


def module_command(module: str, *arguments: str) -> list[str]:
    """-P keeps the current folder, which may be a user's, out of the child's import path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment() -> dict[str, str]:
    """Finds this package wherever the parent found it. Threads that wait must sleep: a browser shares the cores, and
    spinning ones make generation several times slower as soon as anything else runs."""
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    return {**os.environ, "PYTHONPATH": path, "OMP_WAIT_POLICY": "passive", "PYTHONUNBUFFERED": "1"}


def death_note(exit_code: int, last_words: str) -> str:
    """`exit_code` as subprocess gives it: negative for a signal."""
    said = f" Its last words: {last_words}" if last_words else ""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}.{said}"
    name = signal.Signals(-exit_code).name
    return f"was ended by {name}; {_HINTS.get(name, 'try again.')}{said}"


_HINTS = {
    "SIGKILL": "most likely the memory ran out: use a smaller context or a smaller model.",
    "SIGSEGV": "this build does not suit this machine: run python -m models.self_test, then set-up again.",
    "SIGILL": "this build uses instructions this CPU does not have: run set-up again so that it is built here.",
    "SIGBUS": "the model file was changed or cut while in use: verify the model.",
    "SIGABRT": "the engine gave up: verify the model, or use a smaller context.",
}
