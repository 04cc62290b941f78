"""The account the product runs under, ready for rootless containers."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from appliance.account import (
    CGROUP_CONTROLLERS,
    CGROUPS,
    PRODUCT_USER,
    account_of,
    cgroup_name,
    prepare_host,
    product_account,
)
from appliance.errors import PartMissing
from appliance.privileges import Account
from setup.commands import Commands
from setup.errors import AccountRefused
from setup.packages import root_prefix

HOME = Path("/var/lib/appliance")
SUB_IDS = (Path("/etc/subuid"), Path("/etc/subgid"))
IDS_PER_ACCOUNT = 65536
FIRST_ID = 100000


def find_account() -> Account | None:
    """None: root, on a machine where set-up has not made the product's user yet."""
    try:
        return product_account()
    except PartMissing:
        return None


def create_product_user(commands: Commands) -> Account:
    advice = f'The system user "{PRODUCT_USER}" could not be made; make it by hand (docs/install.md) and try again.'
    words = ["--system", "--user-group", "--create-home", "--home-dir", str(HOME), "--shell", "/usr/sbin/nologin"]
    commands.run(["useradd", *words, PRODUCT_USER], advice)
    account = account_of(pwd.getpwnam(PRODUCT_USER))
    account.home.chmod(0o700)
    return account


def taken_ranges(table: str) -> list[tuple[int, int]]:
    """First id and count of each line of /etc/subuid or /etc/subgid."""
    fields = [line.split(":") for line in table.splitlines() if line.count(":") == 2]
    return [(int(first), int(count)) for _, first, count in fields]


def has_range(table: str, account: Account) -> bool:
    owners = {line.split(":")[0] for line in table.splitlines()}
    return bool(owners & {account.name, str(account.uid)})


def free_range(tables: list[str]) -> int:
    """The first id of a range that overlaps none of those given away."""
    ends = [first + count for table in tables for first, count in taken_ranges(table)]
    return max([FIRST_ID, *ends])


def read_tables() -> list[str]:
    return [path.read_text() if path.exists() else "" for path in SUB_IDS]


def has_sub_ids(account: Account) -> bool:
    return all(has_range(table, account) for table in read_tables())


def is_ready(account: Account) -> bool:
    return (
        has_sub_ids(account)
        and has_runtime_folder(account)
        and not (to_delegate(account) and root_prefix() is not None)
    )


def has_runtime_folder(account: Account) -> bool:
    """Ordinary people get theirs from the system when they log in."""
    return os.geteuid() != 0 or account.runtime_dir.is_dir()


def to_delegate(account: Account, cgroups: Path = CGROUPS) -> list[Path]:
    """The cgroups that root has yet to give to the account; none on cgroup v2, or where nobody may make any."""
    folders = [cgroups / name for name in CGROUP_CONTROLLERS if (cgroups / name / "cgroup.procs").exists()]
    may_be_made = [folder for folder in folders if os.statvfs(folder).f_flag & os.ST_RDONLY == 0]
    return [group for folder in may_be_made if not (group := folder / cgroup_name(account)).is_dir()]


def make_ready(account: Account, commands: Commands) -> str:
    if not has_sub_ids(account):
        give_sub_ids(account, commands)
    if os.geteuid() == 0:
        prepare_host(account)
        keep_user_manager(account, commands)
    elif (prefix := root_prefix()) is not None:
        delegate_by_sudo(account, prefix, commands)
    return f"{account.name} (uid {account.uid})"


def delegate_by_sudo(account: Account, prefix: list[str], commands: Commands) -> None:
    advice = "The memory and process limits of containers could not be delegated; see docs/install.md."
    for group in to_delegate(account):
        commands.run([*prefix, "mkdir", "-p", group], advice)
        commands.run([*prefix, "chown", f"{account.uid}:{account.gid}", group, group / "cgroup.procs"], advice)


def give_sub_ids(account: Account, commands: Commands) -> None:
    first = free_range(read_tables())
    last = first + IDS_PER_ACCOUNT - 1
    usermod = ["usermod", "--add-subuids", f"{first}-{last}", "--add-subgids", f"{first}-{last}", account.name]
    prefix = root_prefix()
    advice = f"The account {account.name} has no ids to give to containers; run: sudo {' '.join(usermod)}"
    if prefix is None:
        raise AccountRefused(advice)
    commands.run([*prefix, *usermod], advice)


def keep_user_manager(account: Account, commands: Commands) -> None:
    """On cgroup v2 systemd delegates limits to user managers; the product's user gets one that is always there."""
    if Path("/run/systemd/system").is_dir() and shutil.which("loginctl"):
        advice = f"No user manager for {account.name}; run: loginctl enable-linger {account.name}"
        commands.run(["loginctl", "enable-linger", account.name], advice)
