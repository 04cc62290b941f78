"""The distribution's packages: what is needed, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.account import SYSTEM_PATH
from setup.commands import Commands
from setup.errors import PackagesMissing
from setup.steps import say


@dataclass(frozen=True, slots=True)
class Package:
    """There when any of these programs, or files below /, is: people may have them from elsewhere."""

    name: str
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def is_there(self) -> bool:
        return any(shutil.which(program, path=SYSTEM_PATH) for program in self.programs) or any(
            any(Path("/").glob(pattern)) for pattern in self.files
        )


CORE = (
    Package("python3-venv", files=("usr/lib/python3*/ensurepip/__init__.py",)),
    Package("podman", ("podman",)),
    Package("runc", ("runc",)),
    Package("uidmap", ("newuidmap",)),
    Package("catatonit", ("catatonit",), ("usr/libexec/podman/catatonit", "usr/libexec/catatonit/catatonit")),
    Package("chromium", ("chromium",)),
    Package("chromium-driver", ("chromedriver",)),
    Package("fonts-liberation", files=("usr/share/fonts/truetype/liberation*/*.ttf",)),
    Package("clang", ("clang",)),
    Package("libomp-dev", files=("usr/lib/llvm-*/lib/libomp.so",)),
    Package("git", ("git",)),
)
FOR_TESTS = (Package("mmdebstrap", ("mmdebstrap",)),)
BROWSER = frozenset({"chromium", "chromium-driver"})


def missing(packages: Iterable[Package]) -> list[str]:
    return [package.name for package in packages if not package.is_there()]


def has_packaged_browser(os_release: str) -> bool:
    """Ubuntu's chromium package only fetches a snap, which other accounts and our fence cannot use."""
    return os_release != "ubuntu"


def install_command(names: Iterable[str]) -> list[str]:
    return ["apt-get", "install", "-y", "--no-install-recommends", *names]


def root_prefix() -> list[str] | None:
    """How to become root without being asked anything; None where that is not possible."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    answer = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ["sudo", "-n"] if answer.returncode == 0 else None


def distribution() -> str:
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return "unknown"


def install(packages: Iterable[Package], commands: Commands) -> str:
    packages = tuple(packages)
    names = missing(packages)
    if BROWSER & set(names) and not has_packaged_browser(distribution()):
        raise PackagesMissing(
            "Chromium and its driver are missing, and this distribution has them as a snap only, which does not work "
            'here; docs/install.md, "Ubuntu", has the lines to run.'
        )
    line = shlex.join(["sudo", *install_command(names)])
    prefix = root_prefix()
    if prefix is None or shutil.which("apt-get") is None:
        raise PackagesMissing(
            f"System packages are missing; run this line (or your system's like) and try again: {line}"
        )
    say(f"installing {', '.join(names)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    advice = f"System packages could not be installed; look at the reason, then run: {line}"
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    waiting = ["-o", "DPkg::Lock::Timeout=300"]
    commands.run([*apt, "apt-get", "update"], "The package lists could not be read; check the network and try again.")
    commands.run([*apt, *install_command(names), *waiting], advice, environment)
    if still := missing(packages):
        raise PackagesMissing(f"{', '.join(still)} cannot be found although installed; see docs/install.md.")
    return ", ".join(names)
