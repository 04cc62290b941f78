from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_night_that_is_killed_at_its_points_ends_as_if_it_had_not_been(tmp_path):
    command = (sys.executable, "-m", "tests.training.night_kills", str(tmp_path), "--points", "8")
    told = json.loads(subprocess.check_output(command, text=True, timeout=600))
    assert told["wrong"] == []
    assert told["kills"] == told["points"] == 8
