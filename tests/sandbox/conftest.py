import os
from pathlib import Path

import pytest

from sandbox.image import build_image
from sandbox.podman_engine import PodmanSettings


@pytest.fixture(scope="session")
def podman_settings():
    """One home for all test runs of an account, so that images are built once."""
    home = Path(os.environ.get("WEBGEN_TEST_HOME", Path.home() / ".cache" / "webgen-appliance-tests")) / "podman"
    home.mkdir(parents=True, exist_ok=True)
    return PodmanSettings(home=home)


@pytest.fixture(scope="session")
def static_image(podman_settings):
    return build_image("static", podman_settings, print).name
