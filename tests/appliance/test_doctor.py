"""What the doctor says of walls, on made-up hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.assembly import RealRooms
from appliance.config import load_config
from appliance.doctor import wall_checks
from sandbox.host import gather_facts

SETTING = "run_untrusted_code_without_minimum_walls"
GOOD = replace(
    gather_facts(),
    limits="group",
    user_namespaces=True,
    subordinate_ids=True,
    mapping_tools=True,
    call_filters=True,
    seccomp_file="/usr/share/containers/seccomp.json",
)


def told(change, minimum_given_up=False):
    return {check.name: check for check in wall_checks(replace(GOOD, **change), minimum_given_up)}


def test_a_host_with_all_walls_is_not_spoken_of():
    assert told({}) == {}


@pytest.mark.parametrize(
    ("change", "name", "state", "command"),
    [
        ({"limits": "rlimits", "cgroups": "v1"}, "wall: real limits", "warning", "sudo sh -c 'mkdir -p "),
        ({"call_filters": False}, "wall: system call filter", "missing", "sudo apt-get install linux-image"),
        ({"user_namespaces": False}, "wall: user namespace", "missing", "sudo sysctl -w "),
    ],
)
def test_a_wall_of_the_minimum_is_missing_and_a_weaker_one_a_warning(change, name, state, command):
    check = told(change)[name]
    assert check.state == state
    assert command in check.remedy


def test_giving_the_minimum_up_is_always_told_and_lets_what_can_run():
    assert [(check.name, check.state) for check in told({}, True).values()] == [("minimum given up", "warning")]
    assert SETTING in told({}, True)["minimum given up"].said
    assert told({"call_filters": False}, True)["wall: system call filter"].state == "warning"
    assert told({"user_namespaces": False}, True)["wall: user namespace"].state == "missing"


@pytest.mark.parametrize("value", ["true", "false"])
def test_only_the_setting_in_so_many_words_reaches_a_site(tmp_path, value):
    config, _ = load_config({"APPLIANCE_HOME": str(tmp_path), f"APPLIANCE_SANDBOX__{SETTING.upper()}": value})
    container = RealRooms(config).container("static")
    assert container.settings.without_minimum_walls == (value == "true")
    assert ("minimum given up" in [wall.name for wall in container.missing_walls]) == (value == "true")
