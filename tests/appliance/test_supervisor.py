"""Children that are kept alive, and never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from appliance.supervisor import Child, supervise

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")
FAILS = (sys.executable, "-c", "raise SystemExit(7)")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def until(claim, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if claim():
            return
        time.sleep(0.05)
    raise AssertionError("never came true")


@pytest.fixture
def supervised():
    started = []

    def start(*children):
        stop, said = threading.Event(), []
        thread = threading.Thread(target=supervise, args=(children, stop, said.append))
        thread.start()
        started.append((stop, thread))
        return stop, said

    yield start
    for stop, thread in started:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_killed_child_is_started_again_and_said_to_be(supervised):
    child = Child("the worker", SLEEPS, os.environ)
    _, said = supervised(child)
    until(lambda: child.lives)
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: child.starts == 2 and child.lives)
    assert said == ["the worker ended with exit code -9; starting it again in 1 s"]
    assert not alive(first)


def test_one_that_fails_at_once_is_started_ever_later():
    child, said = Child("it", FAILS, os.environ), []
    for _ in range(7):
        child.start()
        child.process.wait()
        child.keep_alive(said.append)
        assert not child.lives
    pauses = [line.rsplit(" in ", 1)[1] for line in said]
    assert pauses == ["1 s", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s"]
    assert "exit code 7" in said[-1]


def test_all_end_when_told_to(supervised):
    children = [Child(name, SLEEPS, os.environ) for name in ("a", "b")]
    stop, _ = supervised(*children)
    until(lambda: all(child.lives for child in children))
    stop.set()
    until(lambda: not any(child.lives for child in children))


def test_one_that_is_not_needed_is_not_started(supervised):
    needed = threading.Event()
    child = Child("the worker", SLEEPS, os.environ, needed.is_set)
    supervised(child)
    time.sleep(0.5)
    assert child.starts == 0
    needed.set()
    until(lambda: child.lives)


def test_a_child_dies_with_a_parent_that_is_killed():
    script = (
        "import os, sys, threading; from appliance.supervisor import Child, supervise;"
        f"child = Child('x', {SLEEPS!r}, os.environ); child.start(); print(child.process.pid, flush=True);"
        "threading.Event().wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with parent:
        pid = int(parent.stdout.readline())
        # The leash is on once the program itself runs; a parent that dies in those milliseconds is not what is meant.
        until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(SLEEPS[0].encode()))
        parent.kill()
    until(lambda: not alive(pid))
