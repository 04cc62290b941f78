import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from sandbox.image import build_image
from sandbox.podman_engine import PodmanSettings

# The checkout may belong to another account than the one that runs the tests.
settings.register_profile("without a database", database=None)
settings.load_profile("without a database")


@pytest.fixture(scope="session")
def podman_settings():
    """One home for all test runs of an account, so that images are built once."""
    home = Path(os.environ.get("WEBGEN_TEST_HOME", Path.home() / ".cache" / "webgen-appliance-tests")) / "podman"
    home.mkdir(parents=True, exist_ok=True)
    return PodmanSettings(home=home)


@pytest.fixture(scope="session")
def static_image(podman_settings):
    return build_image("static", podman_settings, print).name


WEAK_PODMAN = """#!/bin/sh
# A machine whose podman leaves a wall out: as asked for, but with one more word, or one in place of another.
if [ "$1" = run ]; then
  shift
  for word; do
    shift
    case "$word" in {kind}=*|{kind}) ;; *) set -- "$@" "$word" ;; esac
  done
  set -- run {words} "$@"
fi
exec {podman} "$@"
"""


@pytest.fixture
def weaken(tmp_path, monkeypatch):
    """Makes every room that is opened afterwards one without the wall that a flag of `podman run` stands for."""

    def weaken(flag):
        kind = flag.rpartition("=")[0] if flag.startswith("--security-opt=") else flag.partition("=")[0]
        kind = {"--cap-add": "--cap-drop", "--ulimit": "--ulimit=nproc", "--volume": "--volume"}.get(kind, kind)
        folder = tmp_path / "weak"
        folder.mkdir()
        program = folder / "podman"
        program.write_text(WEAK_PODMAN.format(kind=kind, words=flag, podman=shutil.which("podman")))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return weaken
