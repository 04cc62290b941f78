"""Real limits without root: a control group per site below one that set-up handed to this account (cgroup v1)."""

import errno
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.container import ContainerSettings
from sandbox.errors import FolderRefused
from sandbox.host import CGROUP_ROOT, CONTROLLERS

CPU_PERIOD_US = 100_000
REMOVAL_S = 20.0
PODMAN_PIDS = 24
PODMAN_MIB = 48
"""Podman's client starts inside the group and its conmon stays; the site's own share comes on top."""


@dataclass(frozen=True, slots=True)
class SiteGroup:
    group: str
    site: str
    root: Path = CGROUP_ROOT

    def folder(self, controller: str) -> Path:
        return self.root / controller / self.group / self.site

    def create(self, settings: ContainerSettings) -> None:
        """Raises FolderRefused where the group that set-up handed over is somebody else's now."""
        try:
            for controller in CONTROLLERS:
                self.folder(controller).mkdir()
        except PermissionError as error:
            raise FolderRefused(
                f"The control group {error.filename} cannot be made: the one above it is not this account's any more;"
                " `appliance doctor` names the line that gives it back."
            ) from error
        limit_bytes = (settings.memory_mib + PODMAN_MIB) * 1024**2
        (self.folder("memory") / "memory.limit_in_bytes").write_text(str(limit_bytes))
        (self.folder("pids") / "pids.max").write_text(str(settings.pids + PODMAN_PIDS))
        (self.folder("cpu") / "cpu.cfs_quota_us").write_text(str(int(settings.cpus * CPU_PERIOD_US)))

    def joining_script(self) -> str:
        """Shell lines that put the shell itself, and so whatever it becomes, into the group."""
        return " && ".join(f"echo $$ > '{self.folder(controller)}/cgroup.procs'" for controller in CONTROLLERS)

    def out_of_memory_kills(self) -> int:
        reports = self.folder("memory").rglob("memory.oom_control")
        lines = [line.split() for report in reports for line in report.read_text().splitlines()]
        return sum(int(words[1]) for words in lines if words[0] == "oom_kill")

    def remove(self) -> None:
        """Waits for the last process to leave; children are removed before their parents."""
        for controller in CONTROLLERS:
            top = self.folder(controller)
            for folder in [*_groups_below(top), top]:
                remove_empty(folder)


def _groups_below(top: Path) -> list[Path]:
    """The deepest first. None where another process removes them right now."""
    try:
        return sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True)
    except FileNotFoundError:
        return []


def remove_empty(folder: Path) -> None:
    until = time.monotonic() + REMOVAL_S
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
