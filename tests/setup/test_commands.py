from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from setup.commands import Commands, last_words
from setup.errors import CommandFailed, NoRoom

CHECKOUT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "setup.log", tmp_path)


def test_a_failure_gives_advice_the_reason_and_the_log(commands: Commands) -> None:
    with pytest.raises(
        CommandFailed, match=r"Check the network\. \(sh, code 4: ERROR: no route; all of it in .*setup\.log\)"
    ):
        commands.run(["sh", "-c", "echo 'ERROR: no route'; echo trailing words; exit 4"], "Check the network.")
    assert "trailing words" in commands.log.read_text()


def test_a_full_disk_is_named_whatever_program_met_it(commands: Commands) -> None:
    with pytest.raises(NoRoom, match="The disk is full; free at least"):
        commands.run(["sh", "-c", "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1"], "Try again.")


def test_the_reason_of_an_earlier_command_is_not_repeated(commands: Commands) -> None:
    commands.run(["sh", "-c", "echo error: old"], "")
    with pytest.raises(CommandFailed, match="error: new"):
        commands.run(["sh", "-c", "echo error: new; exit 1"], "")


def test_last_words_without_output() -> None:
    assert last_words("\n \n") == "no output"


PROGRAM = """
import signal, sys
from pathlib import Path
from setup.commands import Commands

signal.signal(signal.SIGTERM, signal.default_int_handler)
folder = Path(sys.argv[1])
Commands(folder / "log", folder).run(["sh", "-c", "sleep 77 & echo $! > pid; wait"], "")
"""


def test_ending_set_up_ends_what_its_program_started(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, tmp_path], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    grandchild = int((tmp_path / "pid").read_text())
    wait_for(lambda: not is_running(grandchild))


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
