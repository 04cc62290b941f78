"""What this host offers a sandbox, gathered once, and which walls it therefore lacks."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox.container import Wall

Cgroups = Literal["v1", "hybrid", "v2", "none"]
Limits = Literal["group", "flags", "rlimits"]
"""Where real memory, process and CPU limits come from: a delegated v1 group, podman's own flags, or nowhere."""

SECCOMP_FILES = ("usr/share/containers/seccomp.json", "etc/containers/seccomp.json")
CONTROLLERS = ("memory", "pids", "cpu")
CGROUP_ROOT = Path("/sys/fs/cgroup")
MINIMUM_SETTING = "run_untrusted_code_without_minimum_walls"
NEEDED_BY_PODMAN = frozenset({"user namespace", "users of the namespace"})
"""Walls that cannot be given up: without them no container starts."""
GIVEN_UP = Wall(
    "minimum given up",
    f"{MINIMUM_SETTING} is set: what a model wrote runs here even where walls are missing that every site must have.",
    "Take it out of config.toml.",
)


@dataclass(frozen=True, slots=True)
class HostFacts:
    account: str
    is_root: bool
    podman_version: str
    """Empty when podman is not installed."""
    runtime: str
    """OCI runtime to name in the configuration; empty leaves the choice to podman."""
    runtime_found: bool
    init_found: bool
    cgroups: Cgroups
    limits: Limits
    cgroup_group: str
    """The control group that set-up hands to this account."""
    user_namespaces: bool
    subordinate_ids: bool
    mapping_tools: bool
    call_filters: bool
    """Whether the kernel can filter system calls."""
    seccomp_file: str
    chromium: str
    chromedriver: str


def gather_facts(cgroup_group: str = "appliance", root: Path = Path("/")) -> HostFacts:
    cgroups = cgroup_layout(root / "sys/fs/cgroup")
    runtime = "" if cgroups == "v2" else "runc"
    account = account_name()
    return HostFacts(
        account=account,
        is_root=os.geteuid() == 0,
        podman_version=podman_version(),
        runtime=runtime,
        runtime_found=any(shutil.which(name) for name in ([runtime] if runtime else ["crun", "runc"])),
        init_found=find_init() is not None,
        cgroups=cgroups,
        limits=limits_source(cgroups, cgroup_group, root / "sys/fs/cgroup"),
        cgroup_group=cgroup_group,
        user_namespaces=namespaces_allowed(root / "proc/sys"),
        subordinate_ids=all(has_range(root / "etc" / name, account) for name in ("subuid", "subgid")),
        mapping_tools=all(shutil.which(name) for name in ("newuidmap", "newgidmap")),
        call_filters=(root / "proc/sys/kernel/seccomp/actions_avail").exists(),
        seccomp_file=next((str(root / name) for name in SECCOMP_FILES if (root / name).exists()), ""),
        chromium=shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or "",
        chromedriver=shutil.which("chromedriver") or "",
    )


def find_init() -> str | None:
    return shutil.which("catatonit", path="/usr/libexec/podman:/usr/bin:/usr/lib/podman")


def account_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def podman_version() -> str:
    """Empty where there is none. Without a run folder podman joins no namespace first, which can fail."""
    kept = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    try:
        told = subprocess.run(["podman", "--version"], capture_output=True, text=True, check=False, cwd="/", env=kept)
    except FileNotFoundError:
        return ""
    return told.stdout.strip().rpartition(" ")[2] or "of unknown version"


def cgroup_layout(folder: Path) -> Cgroups:
    if (folder / "cgroup.controllers").exists():
        return "v2"
    if not (folder / "memory").is_dir():
        return "none"
    return "hybrid" if (folder / "unified" / "cgroup.controllers").exists() else "v1"


def limits_source(cgroups: Cgroups, group: str, folder: Path) -> Limits:
    if cgroups == "v2":
        user = os.geteuid()
        service = folder / f"user.slice/user-{user}.slice/user@{user}.service/cgroup.controllers"
        given = service.read_text().split() if service.exists() else []
        return "flags" if {"memory", "pids"} <= set(given) else "rlimits"
    delegated = all(os.access(folder / controller / group, os.W_OK) for controller in CONTROLLERS)
    return "group" if delegated else "rlimits"


def namespaces_allowed(sysctl: Path) -> bool:
    def number(name: str, absent: int) -> int:
        try:
            return int((sysctl / name).read_text())
        except FileNotFoundError:
            return absent

    return number("kernel/unprivileged_userns_clone", 1) != 0 and number("user/max_user_namespaces", 1) > 0


def has_range(file: Path, account: str) -> bool:
    return first_subordinate_id(file, account) is not None


def first_subordinate_id(file: Path, account: str) -> int | None:
    """The host id that stands for id 1 inside this account's containers."""
    lines = file.read_text().splitlines() if file.exists() else []
    ranges = [line.split(":") for line in lines if line.count(":") == 2]
    wide = [fields for fields in ranges if fields[0] in (account, str(os.geteuid())) and int(fields[2]) >= 65536]
    return int(wide[0][1]) if wide else None


def missing_walls(facts: HostFacts) -> tuple[Wall, ...]:
    """What this host cannot give a site, the least first. Without a wall of the minimum nothing untrusted runs."""
    return (*missing_minimum_walls(facts), *weaker_walls(facts))


def missing_minimum_walls(facts: HostFacts) -> Iterator[Wall]:
    meaning = "There is no sandbox: a site would run with all rights of this account, so none is run."
    if not facts.user_namespaces:
        remedy = "Run: sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"
        yield Wall("user namespace", meaning, remedy, is_minimum=True)
    if not facts.mapping_tools:
        remedy = "Run: sudo apt-get install uidmap"
        yield Wall("users of the namespace", f"newuidmap or newgidmap is missing. {meaning}", remedy, is_minimum=True)
    if not facts.subordinate_ids:
        remedy = f"Run: {more_ids(facts.account)}"
        yield Wall("users of the namespace", f"The account has no subordinate ids. {meaning}", remedy, is_minimum=True)
    if not facts.call_filters:
        yield Wall(
            "system call filter",
            "This kernel cannot filter system calls: a fault in any part of it is a way out, so no site is run.",
            "Run, and restart the machine: sudo apt-get install linux-image-amd64",
            is_minimum=True,
        )


def weaker_walls(facts: HostFacts) -> Iterator[Wall]:
    if facts.limits == "rlimits":
        yield Wall(
            "real limits",
            "Memory, processes and CPU of a site are held by per-process limits and a watchdog that looks twice a "
            "second, not by the kernel for the whole site.",
            f"Run: {more_limits(facts)}",
        )
    if facts.call_filters and not facts.seccomp_file:
        yield Wall(
            "own system call list",
            "Podman's list of allowed system calls is absent, so sites run with the runtime's weaker default.",
            "Run: sudo apt-get install golang-github-containers-common",
        )


def more_ids(account: str) -> str:
    return f"sudo usermod --add-subuids 200000-265535 --add-subgids 200000-265535 {account}"


def more_limits(facts: HostFacts) -> str:
    """Cgroup v1 forgets with a restart of the machine; v2 gives limits to users who have a session of their own."""
    if facts.cgroups == "v2":
        return f"sudo loginctl enable-linger {facts.account} (and log in again)"
    groups = " ".join(f"/sys/fs/cgroup/{controller}/{facts.cgroup_group}" for controller in CONTROLLERS)
    make = f"mkdir -p {groups} && chown -R {facts.account} {groups}"
    return f"sudo sh -c '{make}' (again after each restart of the machine)"
