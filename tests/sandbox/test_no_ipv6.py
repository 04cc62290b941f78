"""The browser cannot ask for a way to anywhere by IPv6."""

import subprocess
import sys

from sandbox.no_ipv6 import without_ipv6

TRY = """
import socket, subprocess, sys
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
        print(family.name, "made")
    except OSError as error:
        print(family.name, error.strerror)
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "child"], check=True)
"""


def test_a_program_and_its_children_have_no_ipv6_and_all_else(tmp_path):
    program = tmp_path / "try.py"
    program.write_text(TRY)
    done = subprocess.run(
        [sys.executable, program], preexec_fn=without_ipv6(), capture_output=True, text=True, check=True
    )
    refused = "AF_INET6 Address family not supported by protocol"
    assert done.stdout.splitlines() == ["AF_INET made", refused, "AF_UNIX made"] * 2
