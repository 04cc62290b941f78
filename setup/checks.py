"""`make test`: every check of the project, each run by the product's account, pytest last so that its line closes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.account import environment_for
from appliance.privileges import Account, command_as
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


def environment_of_checks(places: Places, cache: Path, environ: Mapping[str, str], is_root: bool) -> dict[str, str]:
    base = environment_for(places.account, environ) if is_root else dict(environ)
    path = f"{places.venv}/bin:{base['PATH']}"
    return base | {"PATH": path, "HYPOTHESIS_STORAGE_DIRECTORY": f"{cache}/hypothesis", "PYTHONDONTWRITEBYTECODE": "1"}


def run_checks(places: Places, environ: Mapping[str, str]) -> int:
    """1 when any failed. All are run: one red line should not hide another."""
    is_root = os.geteuid() == 0
    cache = account_cache(places.account)
    environment = environment_of_checks(places, cache, environ, is_root)
    failed = []
    for name, command in checks(places.venv / "bin", cache).items():
        say(name)
        words = command_as(places.account, command) if is_root else command
        if subprocess.run(words, cwd=places.tree, env=environment, stdin=subprocess.DEVNULL, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def account_cache(account: Account) -> Path:
    return account.home / ".cache" / "webgen-appliance" / "checks"
