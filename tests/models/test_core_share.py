"""Threads give way to other programs, and come back when the cores are free."""

import subprocess
import sys
import time

from models.core_share import WINDOW_S, CoreShare, LinuxCores


class Told:
    """`crowd` threads of ours wait and `free` cores lie idle all the time."""

    def __init__(self):
        self.now = self.waited = self.idle = 0.0

    def pass_by(self, seconds, crowd=0.0, free=0.0):
        self.now += seconds
        self.waited += crowd * seconds
        self.idle += free * seconds

    def waited_s(self):
        return self.waited

    def idle_s(self):
        return self.idle

    def __call__(self):
        return self.now


def share(most):
    told = Told()
    return told, CoreShare(most, told, told)


def test_a_thread_is_given_up_for_each_that_stands_in_line_but_never_the_last():
    told, cores = share(8)
    for crowd, threads in ((0.1, 8), (0.5, 7), (2.9, 4), (9.0, 1), (9.0, 1)):
        told.pass_by(1.0, crowd)
        cores.adapt()
        assert cores.threads == threads


def test_threads_come_back_as_cores_fall_idle_but_no_more_than_there_were():
    told, cores = share(4)
    told.pass_by(1.0, 3.0)
    assert cores.adapt()
    assert cores.threads == 1
    for free, threads in ((0.5, 1), (0.9, 2), (5.0, 4)):
        told.pass_by(1.0, free=free)
        cores.adapt()
        assert cores.threads == threads


def test_nothing_is_decided_within_a_moment():
    told, cores = share(2)
    told.pass_by(WINDOW_S / 2, 2.0)
    assert not cores.adapt()
    told.pass_by(WINDOW_S, 2.0)
    assert cores.adapt()


def test_threads_that_share_a_core_are_seen_to_wait():
    """Two threads that hash with the interpreter's lock released, in a process that has one core."""
    lines = (
        "import hashlib, os, threading, time",
        "from models.core_share import LinuxCores",
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
        "cores, until = LinuxCores(), time.monotonic() + 1.0",
        "def work():",
        "    while time.monotonic() < until: hashlib.sha256(bytes(1 << 20))",
        "other = threading.Thread(target=work)",
        "other.start(); work()",
        "print(cores.waited_s())",
        "other.join()",
    )
    said = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert float(said.stdout) > 0.3


def test_no_more_cores_lie_idle_than_there_are():
    cores = LinuxCores()
    began, idle = time.monotonic(), cores.idle_s()
    time.sleep(0.3)
    assert 0 <= cores.idle_s() - idle <= 1.2 * (time.monotonic() - began) * len(cores.numbers)
