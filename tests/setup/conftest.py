from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.setup.machine import Machine, prepare


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="machine-") as folder:
        machine = prepare(Path(folder), tmp_path)
        yield machine
        # What its other users made, only its root can remove.
        machine.run("rm", "-rf", "/open/home", "/open/alice")
