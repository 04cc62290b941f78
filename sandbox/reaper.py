"""Removes what killed processes left behind: containers, their folders and groups, browsers and half-built images."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.browser import PROFILE_PREFIX, BrowserSettings
from sandbox.cgroups import SiteGroup
from sandbox.errors import PodmanFailed
from sandbox.folders import remove_folder
from sandbox.host import CGROUP_ROOT
from sandbox.image import SCRATCH_PREFIX
from sandbox.owners import Owner, OwnerAlive, is_alive
from sandbox.podman import APP, APP_LABEL, OWNER_LABEL
from sandbox.podman_engine import API_PREFIX, Podman, PodmanSettings

RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Reaped:
    containers: tuple[str, ...]
    browsers: tuple[str, ...]


def reap(settings: PodmanSettings, browser: BrowserSettings, owner_alive: OwnerAlive = is_alive) -> Reaped:
    """Only what an owner that is dead by `owner_alive` held; what is in use stays untouched."""
    browsers = tuple(reap_browsers(browser.profiles_in, owner_alive))
    if not settings.run_folder.exists():
        return Reaped((), browsers)  # nothing ever ran here
    with Podman.on_this_host(settings) as podman:
        containers = tuple(reap_containers(podman, owner_alive))
    for folder in orphan_folders(settings.run_folder / "sites", owner_alive):
        SiteGroup(settings.cgroup_group, folder.name, CGROUP_ROOT).remove()
        remove_folder(folder)
    for process in services_of_dead(settings.run_folder, owner_alive):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    for stray in named_after_dead(settings.run_folder, API_PREFIX, owner_alive):
        stray.unlink(missing_ok=True)
    for stray in named_after_dead(settings.home, SCRATCH_PREFIX, owner_alive):
        remove_folder(stray)
    return Reaped(containers, browsers)


def reap_containers(podman: Podman, owner_alive: OwnerAlive) -> Iterator[str]:
    # One string: podman-py turns a list of labels into text that matches nothing.
    for container in podman.client().containers.list(all=True, filters={"label": f"{APP_LABEL}={APP}"}):
        owner = Owner.parse(container.labels.get(OWNER_LABEL, ""))
        if owner is None or not owner_alive(owner):
            remove(podman, container.name)
            yield container.name


def remove(podman: Podman, name: str, tries: int = 3) -> None:
    """A container that is ending by itself right now refuses the signal; a moment later it can be removed."""
    for attempt in range(tries):
        try:
            podman.run(["podman", "rm", "--force", "--ignore", "--time=0", name])
            return
        except PodmanFailed:
            if attempt == tries - 1:
                raise
            time.sleep(RETRY_AFTER_S)


def orphan_folders(sites: Path, owner_alive: OwnerAlive) -> Iterator[Path]:
    for folder in sites.iterdir() if sites.exists() else ():
        with suppress(FileNotFoundError, NotADirectoryError):  # half made, or removed by another process right now
            owner = Owner.parse((folder / "owner").read_text())
            if owner is not None and not owner_alive(owner):
                yield folder


def services_of_dead(run_folder: Path, owner_alive: OwnerAlive) -> Iterator[int]:
    """Podman's API services, which know nothing of who began them."""
    served = re.compile(re.escape(f"unix://{run_folder}/{API_PREFIX}").encode() + rb"([\d.]+)-")
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                found = served.search((process / "cmdline").read_bytes())
                owner = Owner.parse(found[1].decode()) if found else None
                if owner is not None and not owner_alive(owner):
                    yield int(process.name)


def named_after_dead(parent: Path, prefix: str, owner_alive: OwnerAlive) -> Iterator[Path]:
    """Entries of ours named PREFIX + owner + "-…"."""
    for entry in parent.glob(f"{prefix}*"):
        owner = Owner.parse(entry.name.removeprefix(prefix).split("-")[0])
        if owner is not None and not owner_alive(owner) and is_own(entry):
            yield entry


def is_own(entry: Path) -> bool:
    try:
        return entry.lstat().st_uid == os.geteuid()
    except FileNotFoundError:  # another process removes what is its own right now
        return False


def reap_browsers(profiles_in: Path, owner_alive: OwnerAlive) -> Iterator[str]:
    for folder in named_after_dead(profiles_in, PROFILE_PREFIX, owner_alive):
        at_home = set(processes_at_home_in(folder))
        for process in at_home:
            with suppress(ProcessLookupError):
                group = os.getpgid(process)
                # The driver leads a group with all of the browser: one that lived on would make the folder anew.
                os.killpg(group, signal.SIGKILL) if group in at_home else os.kill(process, signal.SIGKILL)
        remove_folder(folder)
        yield folder.name


def processes_at_home_in(folder: Path) -> Iterator[int]:
    """Chromium and its driver, which may be alone: both have the profile as their HOME. Children of Chromium that
    cannot be read end with it."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if f"HOME={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    yield int(process.name)
