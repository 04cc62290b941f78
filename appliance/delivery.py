"""An export on its way from the product's account to a folder that only somebody else may write.

The sender packs the finished folder as a tar stream. The receiver, who has become the owner of the target folder, takes
plain files and folders only: no links, devices, absolute names or `..`, and writes over nothing.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import stat
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn

from appliance.errors import ExportRefused
from appliance.privileges import become, exit_code_of, in_child, replace_process
from sandbox.workspace import DAMAGED

EXPORT_FD = "APPLIANCE_EXPORT_FD"
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def send(folder: Path, stream: BinaryIO) -> None:
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name)


def receive(stream: io.BufferedReader, out: Path) -> None:
    """Nothing sent means nothing made: the sender may have had nothing to export."""
    if not stream.peek(1):
        return
    check_free(out)
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                _unpack(archive, member, part)
        part.rename(out)
    except DAMAGED as error:
        raise ExportRefused(
            f"The export to {out} arrived damaged and was thrown away; export the run again."
        ) from error
    except OSError as error:
        raise ExportRefused(
            f"{out} could not be written ({error.strerror}); name another folder after --out."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_free(out: Path) -> None:
    """A folder that holds something is never mixed with an export."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ExportRefused(f"{out} is not a folder; name a new folder after --out.")
    if out.is_dir() and any(out.iterdir()):
        raise ExportRefused(f"The folder {out} is not empty; name a new one after --out.")


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isdir() or member.isreg()) or member.issparse():
        raise tarfile.ExtractError(f"{member.name!r} is no plain file inside the export")
    target = root / name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    assert source is not None
    mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(source, file)


def writer_for(out: Path) -> tuple[int, int]:
    """Whose rights to write `out` with, as uid and gid: those of the owner of the nearest folder that exists.

    Where that is root, anybody else who owns a folder or link on the way decides: root follows nothing others laid out.
    """
    existing = next(path for path in (out, *out.parents) if path.exists())
    facts = existing.stat()
    if facts.st_uid == 0:
        on_the_way = [path.lstat() for path in (*reversed(existing.parents), existing)]
        facts = next((each for each in on_the_way if each.st_uid != 0), facts)
    return facts.st_uid, facts.st_gid


def run_delivering(command: Sequence[str], environment: Mapping[str, str], out: Path) -> NoReturn:
    """Three processes: the command, the receiver of its export, and this one, which waits and passes signals on."""
    uid, gid = writer_for(out)
    if (refused := exit_code_of(in_child(lambda: _check_writable(out, uid, gid)))) != 0:
        sys.exit(refused)
    signal.pthread_sigmask(signal.SIG_BLOCK, [*FORWARDED, signal.SIGCHLD])
    reader, writer = os.pipe()
    receiver = in_child(lambda: _receive(reader, writer, out, uid, gid))
    os.close(reader)
    os.set_inheritable(writer, True)
    product = in_child(lambda: _start(command, {**environment, EXPORT_FD: str(writer)}))
    os.close(writer)
    code = _wait_passing_signals(product)
    delivered = exit_code_of(receiver)
    if code < 0:
        _end_by_signal(-code)
    sys.exit(code or delivered)


def _check_writable(out: Path, uid: int, gid: int) -> None:
    """Before the work starts: nobody waits for a site that cannot be delivered."""
    become(uid, gid)
    refusal = f"Whoever owns the way to {out} may not write there; name another folder after --out."
    try:
        check_free(out)
        nearest = next(path for path in (out.parent, *out.parent.parents) if path.exists())
    except PermissionError:
        raise ExportRefused(refusal) from None
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ExportRefused(refusal)


def _receive(reader: int, writer: int, out: Path, uid: int, gid: int) -> None:
    os.setpgid(0, 0)  # Ctrl-C is for the product: what it still sends is to be received.
    os.close(writer)
    become(uid, gid)
    with open(reader, "rb") as stream:
        receive(stream, out)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    replace_process(command, environment)


def _wait_passing_signals(child: int) -> int:
    """The child's exit code, negative for a signal. What the terminal sends (Ctrl-C) reaches the child by itself."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        received = signal.sigwaitinfo([*FORWARDED, signal.SIGCHLD])
        sent_by_a_process = received.si_code <= 0
        if received.si_signo in FORWARDED and sent_by_a_process:
            os.kill(child, received.si_signo)


def _end_by_signal(number: int) -> NoReturn:
    """As the child did, so that a shell sees the truth."""
    if number in FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.kill(os.getpid(), number)
    sys.exit(128 + number)
