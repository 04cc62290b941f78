from __future__ import annotations

import pytest

from setup.packages import CORE, Package, has_packaged_browser, install_command, missing
from tests.setup.machine import Machine

ABSENT = Package("no-such-package", ("no-such-program",))
NO_ONE_ASKED = """
from pathlib import Path
from setup.commands import Commands
from setup.packages import Package, install

try:
    install([Package("no-such-package", ("no-such-program",))], Commands(Path("/tmp/log"), Path("/")))
except Exception as error:
    print(type(error).__name__, error.exit_code, error)
"""


def test_nothing_is_missing_where_these_tests_run() -> None:
    assert missing(CORE) == []


def test_a_program_or_a_file_shows_that_a_package_is_there() -> None:
    assert Package("dash", ("sh",)).is_there()
    assert Package("base-files", files=("etc/os-releas*",)).is_there()
    assert missing([ABSENT, Package("dash", ("sh",))]) == ["no-such-package"]


@pytest.mark.podman
def test_a_person_who_may_not_install_gets_the_line_to_run(machine: Machine) -> None:
    machine.write_program(NO_ONE_ASKED)
    as_alice = ["setpriv", "--reuid=2000", "--regid=2000", "--clear-groups"]
    done = machine.run(*as_alice, "/usr/bin/python3", "-B", "/open/program.py")
    assert done.stdout == (
        "PackagesMissing 3 System packages are missing; run this line (or your system's like) and try again: "
        "sudo apt-get install -y --no-install-recommends no-such-package\n"
    )


def test_ubuntus_chromium_is_a_snap_that_set_up_does_not_install() -> None:
    assert has_packaged_browser("debian")
    assert not has_packaged_browser("ubuntu")


def test_packages_are_installed_without_what_they_only_recommend() -> None:
    assert install_command(["podman"]) == ["apt-get", "install", "-y", "--no-install-recommends", "podman"]
