"""A machine on which tests are root: a user namespace with its own root folder, users and processes; nobody outside."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
STDLIB_ONLY = ("appliance/__init__.py", "appliance/account.py", "appliance/delivery.py", "appliance/errors.py")
STDLIB_ONLY += ("appliance/handover.py", "appliance/privileges.py", "models/__init__.py", "models/errors.py")
STDLIB_ONLY += ("models/hardware.py", "sandbox/__init__.py", "sandbox/errors.py", "sandbox/workspace.py")
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:2000:2000::/open/alice:/bin/sh\n",
    "group": "root:x:0:\nshadow:x:42:\nalice:x:2000:\n",
    "shadow": "root:*:1:0:99999:7:::\n",
    "gshadow": "root:*::\n",
    "subuid": "alice:100000:65536\n",
    "subgid": "alice:100000:65536\n",
}
# What the real machine's root owns would belong to nobody here, so the tree above the tests is a new one.
START = """
mount -t tmpfs -o mode=755 root "$0" && cd "$0" && mkdir -p usr proc dev etc run tmp root open closed var/lib
chmod 1777 tmp && chmod 700 root && for name in bin sbin lib lib64; do ln -s usr/$name $name; done
mount --rbind /usr usr && mount --rbind /dev dev && mount -t proc proc proc
mount --bind "$1" open && mount --bind "$2" closed && mount --bind "$1/etc" etc
shift 2 && exec chroot . "$@"
"""


@dataclass(frozen=True)
class Machine:
    """`open` and `closed` are its /open, which all its users can read, and /closed, which only its root can."""

    open: Path
    closed: Path

    def add_product_user(self) -> None:
        for name, line in (
            ("passwd", "appliance:x:999:999::/open/home:/usr/sbin/nologin"),
            ("group", "appliance:x:999:"),
        ):
            with (self.open / "etc" / name).open("a") as table:
                table.write(f"{line}\n")

    def command(self, *command: str) -> list[str]:
        shell = ["sh", "-e", "-c", START, str(self.open / "root"), str(self.open), str(self.closed), *command]
        return ["unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--pid", "--fork", *shell]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*command), capture_output=True, text=True, timeout=60, check=False)

    def python(self, code: str, *words: str) -> subprocess.CompletedProcess[str]:
        self.write_program(code)
        return self.run("/usr/bin/python3", "-B", "/open/program.py", *words)

    def write_program(self, code: str) -> None:
        (self.open / "program.py").write_text(f"import sys\nsys.path.insert(0, '/open/code')\n{code}")


def prepare(open_folder: Path, closed: Path) -> Machine:
    open_folder.chmod(0o755)
    closed.chmod(0o700)
    (open_folder / "root").mkdir()
    (open_folder / "etc").mkdir()
    for name, text in ETC.items():
        (open_folder / "etc" / name).write_text(text)
    for name in ("login.defs", "ld.so.cache", "nsswitch.conf"):
        shutil.copy(Path("/etc") / name, open_folder / "etc")
    code = open_folder / "code"
    shutil.copytree(CHECKOUT / "setup", code / "setup", ignore=shutil.ignore_patterns("__pycache__"))
    for relative in STDLIB_ONLY:
        (code / relative).parent.mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / relative, code / relative)
    machine = Machine(open_folder, closed)
    machine.run("install", "-d", "-o", "999", "-g", "999", "-m", "700", "/open/home")
    machine.run("install", "-d", "-o", "2000", "-g", "2000", "-m", "755", "/open/alice")
    return machine
