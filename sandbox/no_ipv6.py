"""A program without IPv6, and all it starts: the kernel says that it knows no such address family.

For Chromium, which asks for a route to a public IPv6 address each time it looks a name up, a number alone included; no
switch of its own stops that. Nothing is sent, but an offline box tries nothing either. Sites are served by IPv4.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Callable

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
AF_INET6 = 10
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
# The kernel's name of the architecture, and the number of socket() on it.
SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def filter_code(architecture: int, socket_call: int) -> bytes:
    """Refuses socket(AF_INET6, …), allows all else."""
    steps = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_IF_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 3, socket_call),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (JUMP_IF_EQUAL, 0, 1, AF_INET6),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def without_ipv6() -> Callable[[], None] | None:
    """What a child does before it becomes the program; None where this processor's calls are not known here.

    Everything is made ready beforehand: between fork and exec a child of a program with threads may do little.
    """
    known = SOCKET_CALLS.get(platform.machine())
    if known is None:
        return None
    code = filter_code(*known)
    program = _Program(len(code) // 8, code)
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def give_up() -> None:
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "IPv6 could not be taken from the browser")

    return give_up
