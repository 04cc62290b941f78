from __future__ import annotations

import json
import subprocess
import sys


def test_a_request_of_a_killed_interface_was_carried_out_whole_or_not_at_all(home, run, tmp_path):
    command = (sys.executable, "-m", "tests.web_ui.desk_kills", str(tmp_path), run.id)
    told = json.loads(subprocess.check_output(command, text=True, timeout=600))
    assert told["wrong"] == []
    assert told["kills"] >= told["points"] > 20
