"""A program of a few bytes that makes one system call and exits with its error number: 0 means it went through.

For probes alone: the image holds no tool that could ask the kernel for what is forbidden.
"""

import errno
import platform
import signal
import struct

from sandbox.errors import SandboxError

LOAD_ADDRESS = 0x400000
HEADER_BYTES = 64 + 56
# movabs into rax (the call's number), then rdi, rsi, rdx, r10, r8, r9
MOVES = (b"\x48\xb8", b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba", b"\x49\xb8", b"\x49\xb9")
CALL = bytes.fromhex("0f05")
LEGACY_CALL = bytes.fromhex("cd80")
"""The 32-bit way into the kernel, which counts its calls differently."""
# xor edi,edi; test rax,rax; jns +5; neg rax; mov edi,eax; mov eax,60; syscall
EXIT = bytes.fromhex("31ff4885c0790548f7d889c7b83c0000000f05")
REFUSALS = frozenset({errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT})
KILLED_BY_FILTER = 128 + signal.SIGSYS
"""What a shell says of a program that the filter ended."""


def program(*words: int | str, call: bytes = CALL) -> bytes:
    """A static x86-64 ELF file. First the call's number, then its arguments; a text, at most one, goes by address."""
    if platform.machine() != "x86_64":
        raise SandboxError(f"System call probes know x86-64 only, not {platform.machine()}; nothing is shown here.")
    text = b"".join(argument.encode() + b"\0" for argument in words if isinstance(argument, str))
    text_address = LOAD_ADDRESS + HEADER_BYTES
    values = [text_address if isinstance(argument, str) else argument for argument in words]
    moves = b"".join(
        move + struct.pack("<Q", value)
        for move, value in zip(MOVES, values + [0] * (len(MOVES) - len(values)), strict=True)
    )
    code = moves + call + EXIT
    size = HEADER_BYTES + len(text) + len(code)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, text_address + len(text), 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, 4096)
    return identity + header + segment + text + code
