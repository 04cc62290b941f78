"""Run one host process to its end with bounded output, however much it prints."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox.container import OUTPUT_CHARS

KEPT_BYTES = OUTPUT_CHARS * 2
READER_GRACE_S = 5.0
"""How long to wait for the end of a pipe that a process of another session may still hold."""


class HeadAndTail:
    """Keeps the first and the last bytes of a stream; the middle is counted and dropped."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._half = kept_bytes // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def feed(self, block: bytes) -> None:
        room = self._half - len(self._head)
        self._head += block[:room]
        self._tail += block[room:]
        extra = len(self._tail) - self._half
        if extra > 0:
            del self._tail[:extra]
            self._dropped += extra

    def value(self) -> bytes:
        if not self._dropped:
            return bytes(self._head + self._tail)
        return bytes(self._head) + f"\n[{self._dropped} bytes left out]\n".encode() + bytes(self._tail)


@dataclass(frozen=True, slots=True)
class Ended:
    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool


def run_bounded(
    argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"", env: Mapping[str, str], cwd: Path | str = "/"
) -> Ended:
    """At the timeout the process group is killed; `FileNotFoundError` if there is no such program."""
    started = time.monotonic()
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
        bufsize=0,
    ) as process:
        assert process.stdin is not None  # all three are pipes
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = HeadAndTail(), HeadAndTail()
        threads = [
            threading.Thread(target=drain, args=(process.stdout, out), daemon=True),
            threading.Thread(target=drain, args=(process.stderr, err), daemon=True),
            threading.Thread(target=feed, args=(process.stdin, stdin), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            timed_out = not ends_within(process, timeout_s)
        finally:
            # Children may outlive their leader and hold the pipes open.
            kill_group(process.pid)
        process.wait()
        for thread in threads:
            thread.join(READER_GRACE_S)
    return Ended(process.returncode, out.value(), err.value(), time.monotonic() - started, timed_out)


def ends_within(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def runs(pid: str) -> bool:
    """A process that has ended may stay listed until its parent asks for it."""
    try:
        state = Path("/proc", pid or "0", "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def name_of(pid: str) -> str:
    """The kernel's name for its program; empty where it does not run."""
    try:
        return Path("/proc", pid or "0", "comm").read_text().strip()
    except OSError:
        return ""


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def drain(stream: IO[bytes], kept: HeadAndTail) -> None:
    while block := os.read(stream.fileno(), 65536):
        kept.feed(block)


def feed(stream: IO[bytes], content: bytes) -> None:
    left = memoryview(content)
    try:
        while left:
            left = left[stream.write(left) :]
    except BrokenPipeError:
        return  # the process did not want all of it
    finally:
        stream.close()
