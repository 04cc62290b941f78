"""The program itself, as a person starts it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from setup.copy import sync

CHECKOUT = Path(__file__).resolve().parent.parent.parent
NO_NETWORK = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
NO_NETWORK |= {"PIP_NO_CACHE_DIR": "1", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    sync(CHECKOUT, tmp_path / "clone")
    return tmp_path / "clone"


def start(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **NO_NETWORK, "XDG_CACHE_HOME": str(clone.parent / "cache")}
    command = [str(clone / "setup" / "run"), *words]
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_without_a_network_it_stops_with_one_sentence_and_goes_on_there_later(clone: Path) -> None:
    first, second = start(clone, "demo"), start(clone, "demo")
    for done in (first, second):
        assert done.returncode == 3
        assert "set-up: Python packages could not be installed; check the network" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert "virtual environment" in first.stderr
    assert "virtual environment" not in second.stderr


def test_an_unknown_word_is_wrong_usage(clone: Path) -> None:
    done = start(clone, "dmeo")
    assert (done.returncode, done.stderr) == (2, "usage: setup/run demo|test|container|vision|train|ray\n")


@pytest.mark.parametrize(
    ("target", "lines"), [("demo", ["setup/run demo", ".venv/bin/appliance demo"]), ("test", ["setup/run test"])]
)
def test_the_readmes_two_commands_do_just_this(target: str, lines: list[str]) -> None:
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", target], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == lines


def test_ci_runs_what_people_run() -> None:
    assert (CHECKOUT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"
