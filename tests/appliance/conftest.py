from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from appliance.store import Store


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "home") as opened:
        yield opened
