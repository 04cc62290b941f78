"""The minimum: seen on a room as it stands, on made-up machines and on a real one that was weakened."""

import os
from dataclasses import replace

import pytest

from sandbox.container import ContainerSettings
from sandbox.errors import WallMissing
from sandbox.podman import PodmanContainer
from sandbox.walls import RoomFacts, folder_sizes, look_at, missing_minimum, process_limit, require_minimum

SETTINGS = ContainerSettings()
NO_RIGHTS = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000000")
GOOD = RoomFacts(
    status={"Seccomp": "2", "NoNewPrivs": "1", **NO_RIGHTS},
    apart=frozenset({"user", "net", "pid", "mnt", "ipc"}),
    routes=0,
    most_processes=256,
    sizes_mib={"/srv/site": 128.0, "/tmp": 64.0, "/dev/shm": 16.0},
)


def names(facts, settings=SETTINGS):
    return [wall.name for wall in missing_minimum(facts, settings)]


def test_a_room_as_it_should_be_misses_nothing():
    assert names(GOOD) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"apart": GOOD.apart - {"user"}}, "user namespace"),
        ({"apart": GOOD.apart - {"net"}}, "no network"),
        ({"routes": 1}, "no network"),
        ({"status": {**GOOD.status, "Seccomp": "0"}}, "system call filter"),
        ({"status": {**GOOD.status, "NoNewPrivs": "0"}}, "no new privileges"),
        ({"status": {**GOOD.status, "CapBnd": "00000000000000ff"}}, "no capabilities"),
        ({"most_processes": None}, "process limit"),
        ({"most_processes": 4096}, "process limit"),
        ({"sizes_mib": {"/srv/site": 128.0}}, "size limits"),
        ({"sizes_mib": {"/tmp": 64.0}}, "size limits"),
        ({"sizes_mib": {"/srv/site": 6000.0, "/tmp": 64.0}}, "size limits"),
    ],
)
def test_each_wall_that_does_not_stand_is_named(change, name):
    assert names(replace(GOOD, **change)) == [name]


def test_what_cannot_be_seen_does_not_stand():
    assert names(None) == ["sight"]
    nothing = RoomFacts(status={}, apart=frozenset(), routes=0, most_processes=None, sizes_mib={})
    assert len(names(nothing)) == 7


def test_nothing_runs_below_the_minimum_unless_it_is_said_in_so_many_words():
    missing = missing_minimum(replace(GOOD, routes=1), SETTINGS)
    with pytest.raises(WallMissing, match=r"no network.*Run: sudo .*run_untrusted_code_without_minimum_walls = true"):
        require_minimum(missing, SETTINGS)
    require_minimum(missing, replace(SETTINGS, without_minimum_walls=True))
    require_minimum((), SETTINGS)


def test_limits_are_read_as_the_kernel_tells_them():
    assert process_limit("Max data size  unlimited  unlimited  bytes\nMax processes    256    256   processes") == 256
    assert process_limit("Max processes             unlimited            unlimited            processes") is None
    assert process_limit("") is None
    table = "tmpfs /tmp tmpfs rw,nosuid,size=65536k 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/x /a ext4 rw,size=1k 0 0"
    assert folder_sizes(table) == {"/tmp": 64.0}


def test_this_very_process_is_no_room(tmp_path):
    assert look_at(2**31 - 2) is None
    assert look_at(1, tmp_path) is None
    assert {"user namespace", "no network"} <= set(names(look_at(os.getpid())))


@pytest.mark.podman
def test_a_real_room_has_all_of_the_minimum(static_image, podman_settings):
    with PodmanContainer(SETTINGS, podman_settings) as container:
        assert not [wall for wall in container.missing_walls if wall.is_minimum]


@pytest.mark.podman
@pytest.mark.parametrize(
    ("weakness", "name"),
    [
        ("--security-opt=seccomp=unconfined", "system call filter"),
        ("--network=host", "no network"),
        ("--cap-add=net_admin", "no capabilities"),
        ("--ulimit=nproc=9999:9999", "process limit"),
    ],
)
def test_a_machine_that_leaves_a_wall_out_runs_nothing(static_image, podman_settings, weaken, weakness, name):
    weaken(weakness)
    with pytest.raises(WallMissing, match=name):
        PodmanContainer(SETTINGS, podman_settings).__enter__()
    with PodmanContainer(replace(SETTINGS, without_minimum_walls=True), podman_settings) as container:
        told = [wall.name for wall in container.missing_walls if wall.is_minimum]
        assert told == [name]
        assert "minimum given up" in [wall.name for wall in container.missing_walls]
