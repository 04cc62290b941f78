"""`make test`: every check of the project, each run by the product's account, pytest last so that its line closes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.account import environment_for
from appliance.privileges import command_as
from setup.places import Places
from setup.steps import say


def checks(tools: Path, cache: Path) -> dict[str, list[str]]:
    """The tree may belong to somebody else: whatever a tool wants to remember goes to the account's cache."""
    return {
        "ruff check": [f"{tools}/ruff", "check", "--quiet", "--cache-dir", f"{cache}/ruff", "."],
        "ruff format": [f"{tools}/ruff", "format", "--quiet", "--check", "--cache-dir", f"{cache}/ruff", "."],
        "mypy": [f"{tools}/mypy", "--cache-dir", f"{cache}/mypy"],
        "lint-imports": [f"{tools}/lint-imports", "--cache-dir", f"{cache}/import-linter"],
        "pytest": [f"{tools}/python", "-m", "pytest", "-o", f"cache_dir={cache}/pytest"],
    }


def environment_of_checks(places: Places, environ: Mapping[str, str], cache: Path) -> dict[str, str]:
    base = environment_for(places.account, environ) if os.geteuid() == 0 else dict(environ)
    path = f"{places.venv}/bin:{base['PATH']}"
    return base | {"PATH": path, "HYPOTHESIS_STORAGE_DIRECTORY": f"{cache}/hypothesis", "PYTHONDONTWRITEBYTECODE": "1"}


def run_checks(places: Places) -> int:
    """1 when any failed. All are run: one red line should not hide another."""
    cache = places.account.home / ".cache" / "webgen-appliance" / "checks"
    failed = []
    for name, command in checks(places.venv / "bin", cache).items():
        say(name)
        if run_in_tree(places, command, cache) != 0:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run_as_account(places: Places, python_words: list[str]) -> int:
    """The environment's Python, with its output in view."""
    return run_in_tree(places, [str(places.venv / "bin" / "python"), *python_words], places.account.home / ".cache")


def run_in_tree(places: Places, command: list[str], cache: Path) -> int:
    words = command_as(places.account, command, dies_with_parent=True) if os.geteuid() == 0 else command
    environment = environment_of_checks(places, os.environ, cache)
    return subprocess.run(words, cwd=places.tree, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
