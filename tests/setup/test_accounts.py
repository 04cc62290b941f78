"""Making the account, on a machine where the test is root."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.privileges import Account
from setup.accounts import free_range, has_range
from tests.setup.machine import Machine

CREATE = """
from pathlib import Path
from setup import accounts
from setup.commands import Commands

commands = Commands(Path("/tmp/log"), Path("/"))
account = accounts.find_account() or accounts.create_product_user(commands)
print("ready before:", accounts.is_ready(account))
print(accounts.make_ready(account, commands))
print("ready after:", accounts.is_ready(account))
"""


@pytest.mark.podman
def test_the_account_is_made_once_with_ids_that_nobody_else_has(machine: Machine) -> None:
    machine.write_program(CREATE)
    twice = "/usr/bin/python3 -B /open/program.py && /usr/bin/python3 -B /open/program.py && stat -c '%a %U' "
    done = machine.run("sh", "-c", f"{twice} /var/lib/appliance /run/user/*; tail -n 1 /etc/subuid /etc/subgid")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("ready")] == [
        "ready before: False",
        "ready after: True",
        "ready before: True",
        "ready after: True",
    ], done.stderr
    assert lines.count("700 appliance") == 2
    assert lines.count("appliance:165536:65536") == 2


def test_a_free_range_lies_behind_all_that_were_given_away() -> None:
    assert free_range(["a:100000:65536\nb:300000:10\n", "a:100000:65536\n"]) == 300010
    assert free_range(["", ""]) == 100000


def test_a_range_may_be_given_by_name_or_by_number() -> None:
    account = Account("alice", 2000, 2000, Path("/home"), Path("/run"))
    assert has_range("2000:100000:65536\n", account)
    assert has_range("alice:100000:65536\n", account)
    assert not has_range("alicent:100000:65536\n", account)
