"""What this machine's process table tells of processes that are not our own children. Those that ended meanwhile, or
that shut themselves in, tell nothing."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"


def command_line(pid: int) -> bytes:
    """Words end with a zero byte, unless the process has renamed itself."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def everybody() -> Iterator[int]:
    return (int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit())


def processes_with(word: str) -> list[int]:
    """Those that have this argument, in containers or not."""
    return [pid for pid in everybody() if word.encode() in command_line(pid).split(b"\0")]


def members_of(group: int) -> list[int]:
    return [pid for pid in everybody() if group_of(pid) == group]


def group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def status_of(pid: int) -> dict[str, str]:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def listening_ports(pids: Iterable[int]) -> list[int]:
    """TCP ports, of IPv4 or IPv6, on which one of these listens."""
    sockets = {link for pid in pids for link in open_files(pid) if link.startswith("socket:[")}
    lines = [line.split() for name in ("tcp", "tcp6") for line in (PROC / "net" / name).read_text().splitlines()[1:]]
    ours = [words for words in lines if words[3] == LISTENING and f"socket:[{words[9]}]" in sockets]
    return sorted({int(words[1].rpartition(":")[2], 16) for words in ours})


def open_files(pid: int) -> Iterator[str]:
    try:
        entries = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            yield str(entry.readlink())
        except OSError:
            continue
