"""Every named attempt fails on the real sandbox, and succeeds where there are no walls: else it would prove nothing."""

import pytest

from sandbox.browser import BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.local import LocalContainer
from sandbox.podman import PodmanContainer
from sandbox.probes import PROBES, Room, run_probe
from sandbox.system_call import program

pytestmark = [pytest.mark.podman, pytest.mark.browser]

# Harmless where nothing holds them. The others would do harm, or this account lacks the right anyway.
SHOWN_OPEN = ("host-loopback", "host-files", "host-processes", "host-identity", "setuid-programs")


@pytest.fixture(scope="module")
def room(static_image, podman_settings):
    with PodmanContainer(ContainerSettings(), podman_settings) as container:
        yield Room(container, podman_settings, BrowserSettings())


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_it_is_blocked(probe, room):
    result = run_probe(probe, room)
    assert result.blocked, result.how


@pytest.mark.parametrize("name", SHOWN_OPEN)
def test_it_notices_a_missing_wall(name, podman_settings):
    probe = next(probe for probe in PROBES if probe.name == name)
    with LocalContainer(ContainerSettings()) as container:
        result = run_probe(probe, Room(container, podman_settings, BrowserSettings()))
    assert not result.blocked, result.how


def test_a_system_call_that_is_allowed_goes_through(room):
    getpid, no_such_call = 39, 999
    room.container.replace({"getpid": program(getpid), "none": program(no_such_call)})
    told = room.container.exec(["sh", "-c", "chmod +x *; ./getpid; echo $?; ./none; echo $?"], timeout_s=10)
    assert told.stdout.split() == ["0", "38"]


def test_a_probe_that_cannot_finish_counts_as_open(podman_settings):
    with LocalContainer(ContainerSettings()) as closed:
        pass
    result = run_probe(
        next(probe for probe in PROBES if probe.name == "link-out"), Room(closed, podman_settings, BrowserSettings())
    )
    assert not result.blocked
