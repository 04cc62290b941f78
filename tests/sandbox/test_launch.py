import json
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.container import ContainerSettings
from sandbox.host import HostFacts, cgroup_layout, limits_source, missing_walls
from sandbox.launch import MASKED, Place, exec_argv, run_argv
from sandbox.seccomp import site_profile

PLACE = Place(
    "site-1", "localhost/img:1", slot=3, limits="group", seccomp_file="/s.json", pid_file="/r/pid", labels={"app": "x"}
)
GOOD = HostFacts(
    account="appliance",
    is_root=False,
    podman_version="4.3.1",
    runtime="runc",
    runtime_found=True,
    init_found=True,
    cgroups="hybrid",
    limits="group",
    cgroup_group="appliance-7",
    user_namespaces=True,
    subordinate_ids=True,
    mapping_tools=True,
    call_filters=True,
    seccomp_file="/usr/share/containers/seccomp.json",
    chromium="/usr/bin/chromium",
    chromedriver="/usr/bin/chromedriver",
)


@pytest.mark.parametrize(
    "flag",
    [
        "--pull=never",
        "--network=none",
        "--user=1003:1003",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        "--security-opt=seccomp=/s.json",
        "--read-only",
        "--read-only-tmpfs=false",
        "--http-proxy=false",
        "--no-hosts",
        "--ulimit=nproc=256:256",
        "--timeout=7200",
        "--label=app=x",
        f"--security-opt=mask={MASKED}",
    ],
)
def test_every_wall_stands_in_the_command(flag):
    assert flag in run_argv(ContainerSettings(), PLACE)


@pytest.mark.parametrize("limits", ["group", "flags", "rlimits"])
def test_no_command_opens_the_network_mounts_a_folder_or_adds_a_right(limits):
    argv = run_argv(ContainerSettings(), replace(PLACE, limits=limits))
    opening = (
        "--privileged",
        "--volume",
        "-v",
        "--mount",
        "--cap-add",
        "--publish",
        "-p",
        "--device",
        "--pid",
        "--ipc",
    )
    assert not [word for word in argv if word.split("=")[0] in opening]
    assert [word for word in argv if word.startswith("--network")] == ["--network=none"]


def test_limits_go_where_the_host_keeps_them():
    settings = ContainerSettings(memory_mib=300, pids=70)
    assert "--memory=300m" in run_argv(settings, replace(PLACE, limits="flags"))
    assert "--pids-limit=70" in run_argv(settings, replace(PLACE, limits="flags"))
    assert "--ulimit=data=1048576000:1048576000" in run_argv(settings, replace(PLACE, limits="rlimits"))
    assert not [word for word in run_argv(settings, PLACE) if word.startswith("--memory")]


def test_only_single_page_stacks_answer_every_path():
    assert "--single-page=no" in run_argv(ContainerSettings(), PLACE)
    assert "--single-page=yes" in run_argv(ContainerSettings(stack="vite-react"), PLACE)


def test_the_time_limit_lies_inside_the_container():
    argv = exec_argv("site-1", ("node", "x.js"), 2)
    assert argv[argv.index("site-1") + 1 :] == ["timeout", "-s", "KILL", "2.000", "node", "x.js"]


def test_a_host_that_gives_everything_misses_no_wall():
    assert missing_walls(GOOD) == ()


@pytest.mark.parametrize(
    ("change", "name", "command", "is_minimum"),
    [
        (
            {"limits": "rlimits", "cgroups": "v1"},
            "real limits",
            "sudo sh -c 'mkdir -p /sys/fs/cgroup/memory/appliance-7 /sys/fs/cgroup/pids/appliance-7 "
            "/sys/fs/cgroup/cpu/appliance-7 && chown -R appliance /sys/fs/cgroup/memory/appliance-7",
            False,
        ),
        ({"limits": "rlimits", "cgroups": "v2"}, "real limits", "sudo loginctl enable-linger appliance", False),
        ({"seccomp_file": ""}, "own system call list", "sudo apt-get install golang-github", False),
        ({"call_filters": False}, "system call filter", "sudo apt-get install linux-image-amd64", True),
        ({"user_namespaces": False}, "user namespace", "sudo sysctl -w kernel.unprivileged_userns_clone=1", True),
        ({"mapping_tools": False}, "users of the namespace", "sudo apt-get install uidmap", True),
        ({"subordinate_ids": False}, "users of the namespace", "sudo usermod --add-subuids 200000-265535", True),
    ],
)
def test_a_missing_wall_is_named_with_the_one_command_that_adds_it(change, name, command, is_minimum):
    (wall,) = missing_walls(replace(GOOD, **change))
    assert (wall.name, wall.is_minimum) == (name, is_minimum)
    assert command in wall.remedy


def test_the_limits_of_recorded_hosts(tmp_path):
    hybrid, unified, plain = tmp_path / "hybrid", tmp_path / "v2", tmp_path / "v1"
    for folder in (hybrid, plain):
        for controller in ("memory", "pids", "cpu"):
            (folder / controller / "appliance").mkdir(parents=True)
    (hybrid / "unified").mkdir()
    (hybrid / "unified" / "cgroup.controllers").write_text("hugetlb")
    unified.mkdir()
    (unified / "cgroup.controllers").write_text("cpu memory pids")
    assert [cgroup_layout(folder) for folder in (hybrid, unified, plain, tmp_path / "none")] == [
        "hybrid",
        "v2",
        "v1",
        "none",
    ]
    assert limits_source("hybrid", "appliance", hybrid) == "group"
    assert limits_source("hybrid", "other", hybrid) == "rlimits"
    assert limits_source("v2", "appliance", unified) == "rlimits"


def test_the_system_call_list_only_gets_shorter():
    default = json.loads(Path("/usr/share/containers/seccomp.json").read_text())
    profile = site_profile(default)
    allowed = {
        name: rule["args"] for rule in profile["syscalls"] if "ALLOW" in rule["action"] for name in rule["names"]
    }
    before = {name for rule in default["syscalls"] if "ALLOW" in rule["action"] for name in rule["names"]}
    assert set(allowed) < before
    assert not {"ptrace", "unshare", "mount", "bpf", "io_uring_setup", "keyctl", "clone3", "userfaultfd"} & set(allowed)
    assert allowed["clone"]
    assert profile["archMap"][0]["subArchitectures"] == []
    assert "subArchitectures" in default["archMap"][0]
    assert default["archMap"][0]["subArchitectures"] != []
