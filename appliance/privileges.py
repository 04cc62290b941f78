"""Acting as another account. Needs root, or ids of one's own user namespace."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from appliance.errors import ApplianceError, PartMissing


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int
    home: Path
    runtime_dir: Path


def command_as(account: Account, command: Sequence[str], *, dies_with_parent: bool = False) -> list[str]:
    leash = ["--pdeathsig", "TERM"] if dies_with_parent else []
    ids = ["--reuid", str(account.uid), "--regid", str(account.gid), "--init-groups", "--inh-caps", "-all"]
    return ["setpriv", *ids, *leash, "--", *command]


def replace_process(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    try:
        os.execvpe(command[0], list(command), dict(environment))
    except FileNotFoundError:
        raise PartMissing(f"{command[0]} is missing; install the package util-linux.") from None


def become(uid: int, gid: int) -> None:
    """For this process and for good."""
    os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def in_child(work: Callable[[], None]) -> int:
    """The pid of a forked child that does this and ends; its exit code tells how it went, its stderr why."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except ApplianceError as error:
        print(error, file=sys.stderr)
        code = error.exit_code
    except OSError as error:
        print(f"{error.strerror}: {error.filename}", file=sys.stderr)
    finally:
        os._exit(code)


def exit_code_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def unreadable_for(account: Account, paths: Sequence[Path]) -> list[Path]:
    """Those the account cannot read. A child that became the account tries: folders on the way and ACLs count too."""
    reader, writer = os.pipe()

    def answer() -> None:
        become(account.uid, account.gid)
        os.write(writer, bytes(_is_readable(path) for path in paths))

    child = in_child(answer)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        readable = answers.read()
    if exit_code_of(child) != 0:
        raise PartMissing(f'Root may not act as the user "{account.name}" here; run the command as an ordinary person.')
    return [path for path, is_readable in zip(paths, readable, strict=True) if not is_readable]


def _is_readable(path: Path) -> bool:
    is_folder = os.path.isdir(path)  # noqa: PTH112 (Path.is_dir raises where a folder on the way is closed)
    return os.access(path, os.R_OK | os.X_OK if is_folder else os.R_OK)
