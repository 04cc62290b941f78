"""Who runs the product.

For an ordinary person: that person. For root: the system user `appliance`; a command started by root runs itself again
as that user before it reads configuration, store or model. Files that only root can read are handed over (handover.py),
and an export for a folder that the user cannot write comes back as a stream (delivery.py).

Not done here: a program of the product's account shares the terminal that root started it from.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from appliance.delivery import EXPORT_FD, run_delivering
from appliance.errors import PartMissing
from appliance.handover import hand_over_files, option_path
from appliance.privileges import Account, command_as, replace_process, unreadable_for

PRODUCT_USER = "appliance"
CARRIED_NAMES = frozenset({"LANG", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS", "LINES", "TZ"})
CARRIED_PREFIXES = ("APPLIANCE_", "LC_", "PIP_", "SSL_CERT_")
PROXIES = frozenset({"http_proxy", "https_proxy", "no_proxy", "all_proxy"})
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SET_UP_BY_ROOT = ["bundle", "install"]
"""The one command that stays root's: it starts set-up, which installs packages and makes the account."""
CGROUPS = Path("/sys/fs/cgroup")
CGROUP_CONTROLLERS = ("memory", "pids", "cpu")


def account_of(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir), Path(f"/run/user/{entry.pw_uid}"))


def product_account() -> Account:
    """The account that does all work when this person, or root, starts it."""
    if os.geteuid() != 0:
        return account_of(pwd.getpwuid(os.geteuid()))
    try:
        return account_of(pwd.getpwnam(PRODUCT_USER))
    except KeyError:
        raise PartMissing(f'The system user "{PRODUCT_USER}" is missing; run "make demo" once as root.') from None


def environment_for(account: Account, environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if _is_carried(name)}
    return kept | {
        "HOME": str(account.home),
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": "/bin/sh",
        "PATH": SYSTEM_PATH,
        "XDG_RUNTIME_DIR": str(account.runtime_dir),
    }


def _is_carried(name: str) -> bool:
    return name in CARRIED_NAMES or name.lower() in PROXIES or name.startswith(CARRIED_PREFIXES)


def prepare_host(account: Account, cgroups: Path = CGROUPS) -> None:
    """What a reboot takes away: the runtime folder, and the cgroups in which the account may limit its containers."""
    account.runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(account.runtime_dir, account.uid, account.gid)
    account.runtime_dir.chmod(0o700)
    # A host that refuses (a container, cgroup v2) gives no limits; the sandbox sees that and names the missing wall.
    with suppress(OSError):
        delegate_cgroups(account, cgroups)


def cgroup_name(account: Account) -> str:
    return PRODUCT_USER if account.name == PRODUCT_USER else f"{PRODUCT_USER}-{account.uid}"


def delegate_cgroups(account: Account, cgroups: Path) -> None:
    """Cgroup v1 only; on v2 the service manager delegates to the user's session (docs/install.md)."""
    for controller in CGROUP_CONTROLLERS:
        if not (cgroups / controller / "cgroup.procs").exists():
            continue
        group = cgroups / controller / cgroup_name(account)
        group.mkdir(exist_ok=True)
        for path in (group, group / "cgroup.procs", group / "tasks"):
            os.chown(path, account.uid, account.gid)


def export_stream() -> BinaryIO | None:
    """Where `delivery.send` puts the export when root asked for --out; None: write the folder oneself. Usable once."""
    number = os.environ.pop(EXPORT_FD, None)
    return None if number is None else os.fdopen(int(number), "wb")


def _seen_directly(program: Path) -> Path:
    """By way of the folder it really lies in: `.venv` may be a link in a closed checkout."""
    return program.parent.resolve() / program.name


def reexec_as_product(argv: Sequence[str]) -> None:
    """For root, does not return: the product's account runs the command. Others, --help and set-up just go on."""
    if EXPORT_FD in os.environ:
        os.set_inheritable(int(os.environ[EXPORT_FD]), False)
    if os.geteuid() != 0 or {"--help", "--version"} & set(argv) or argv[1:3] == SET_UP_BY_ROOT:
        return
    account = product_account()
    program = [_seen_directly(Path(sys.executable)), _seen_directly(Path(argv[0]))]
    if closed := unreadable_for(account, program):
        raise PartMissing(f'The user "{account.name}" cannot read {closed[0]}; run "make demo" once as root.')
    prepare_host(account)
    out = option_path(argv, "--out")
    command = [*map(str, program), *hand_over_files(argv[1:], account)]
    environment = environment_for(account, os.environ)
    if unreadable_for(account, [Path.cwd()]):
        os.chdir(account.home)
    if out is None:
        replace_process(command_as(account, command), environment)
    run_delivering(command_as(account, command, dies_with_parent=True), environment, out)
