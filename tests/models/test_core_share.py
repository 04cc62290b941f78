"""Threads give way to other programs, and come back when the cores are free."""

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


def test_the_kernel_tells_of_waiting_and_of_idle_cores():
    cores = LinuxCores()
    began, waited, idle = time.monotonic(), cores.waited_s(), cores.idle_s()
    time.sleep(0.3)
    passed = time.monotonic() - began
    assert 0 <= cores.waited_s() - waited < 0.1
    assert 0 <= cores.idle_s() - idle <= 1.1 * passed * len(cores.numbers)
