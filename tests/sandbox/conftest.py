import os
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
