"""The least that must hold a site before anything of a model's runs: seen from outside, on the room as it stands.

What a command line asks for is not what a machine gives: a runtime without seccomp, or a podman with settings of its
own, leaves a wall out without a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.container import ContainerSettings, Wall
from sandbox.errors import WallMissing
from sandbox.host import GIVEN_UP, MINIMUM_SETTING

PROC = Path("/proc")
NAMESPACES = ("user", "net", "pid", "mnt", "ipc")
CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
AGAIN = "Run: sudo apt-get install --reinstall podman runc"
SITE, TMP = "/srv/site", "/tmp"


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """A room's first process as this machine sees it."""

    status: Mapping[str, str]
    apart: frozenset[str]
    """Kinds of namespaces that it does not share with us."""
    routes: int
    most_processes: int | None
    """None: as many as it likes."""
    sizes_mib: Mapping[str, float]
    """What fits into each folder that is memory of a limited size."""


def look_at(pid: int, proc: Path = PROC) -> RoomFacts | None:
    """None when this process is not to be seen."""
    first = proc / str(pid)
    status = fields_of(first / "status")
    if not status:
        return None
    return RoomFacts(
        status=status,
        apart=frozenset(kind for kind in NAMESPACES if is_apart(first / "ns" / kind, proc / "self" / "ns" / kind)),
        routes=len(read(first / "net" / "route").splitlines()[1:]),
        most_processes=process_limit(read(first / "limits")),
        sizes_mib=folder_sizes(read(first / "mounts")),
    )


def fields_of(file: Path) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in read(file).splitlines())}


def read(file: Path) -> str:
    """Empty for what has ended or may not be seen: no wall counts as standing that was not seen."""
    try:
        return file.read_text()
    except OSError:
        return ""


def is_apart(theirs: Path, ours: Path) -> bool:
    try:
        return theirs.readlink() != ours.readlink()
    except OSError:
        return False


def process_limit(limits: str) -> int | None:
    line = next((line for line in limits.splitlines() if line.startswith("Max processes")), "")
    soft = line.removeprefix("Max processes").split()[:1]
    return int(soft[0]) if soft and soft[0].isdigit() else None


def folder_sizes(mounts: str) -> dict[str, float]:
    sizes = {}
    for words in map(str.split, mounts.splitlines()):
        size = next((option for option in words[3].split(",") if option.startswith("size=")), "")
        if words[2] == "tmpfs" and size.endswith("k"):
            sizes[words[1]] = int(size[len("size=") : -1]) / 1024
    return sizes


def missing_minimum(facts: RoomFacts | None, settings: ContainerSettings) -> tuple[Wall, ...]:
    """In the order in which they matter."""
    if facts is None:
        meaning = "The room's processes are not to be seen from outside, so nothing shows that its walls stand."
        return (Wall("sight", meaning, "Run: sudo mount -o remount,hidepid=0 /proc", is_minimum=True),)
    status = facts.status
    sizes = facts.sizes_mib
    fits = sizes.get(SITE, settings.workspace_mib + 1) <= settings.workspace_mib and TMP in sizes
    stands = {
        "user namespace": {"user", "pid", "mnt", "ipc"} <= facts.apart,
        "no network": "net" in facts.apart and not facts.routes,
        "system call filter": status.get("Seccomp") == "2",
        "no new privileges": status.get("NoNewPrivs") == "1",
        "no capabilities": all(int(status.get(name, "1"), 16) == 0 for name in CAPABILITY_SETS),
        "process limit": facts.most_processes is not None and facts.most_processes <= settings.pids,
        "size limits": fits and sizes[TMP] <= settings.tmp_mib,
    }
    return tuple(
        Wall(name, MEANINGS[name], AGAIN, is_minimum=True) for name, is_there in stands.items() if not is_there
    )


MEANINGS: Mapping[str, str] = {
    "user namespace": "A site shares users, processes or files with this account.",
    "no network": "A site can reach this machine's services or the network.",
    "system call filter": "A site may make every system call, so a fault in any part of the kernel is a way out.",
    "no new privileges": "A site can gain rights by a program that gives some.",
    "no capabilities": "A site holds rights of an administrator in its room.",
    "process limit": "A site can start processes until this machine stands still.",
    "size limits": "A site can fill this machine's memory or disk with files.",
}


def require_minimum(missing: tuple[Wall, ...], settings: ContainerSettings) -> None:
    """Raises `WallMissing` unless the user has said in so many words that sites may run without them."""
    if missing and not settings.without_minimum_walls:
        told = " ".join(f"{wall.name}: {wall.meaning} {wall.remedy}." for wall in missing)
        raise WallMissing(
            f"Nothing is run, because this machine leaves out walls that a site must have. {told} "
            f"Only `{MINIMUM_SETTING} = true` under [sandbox] in config.toml runs sites without them."
        )


def given_up(settings: ContainerSettings) -> tuple[Wall, ...]:
    return (GIVEN_UP,) if settings.without_minimum_walls else ()
