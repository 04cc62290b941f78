"""A site's container under rootless podman: no network, no capability, nothing of the host's to write to.

The only way in and out are two sockets handed over as open descriptors; no folder of the host is mounted.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from podman.errors import APIError, NotFound

from sandbox.cgroups import SiteGroup
from sandbox.container import CommandResult, ContainerSettings, Wall, trim_output
from sandbox.errors import ContainerGone, PodmanFailed
from sandbox.host import HostFacts, first_subordinate_id, gather_facts, missing_walls
from sandbox.image import image_name
from sandbox.launch import CONTROL_FD, FIRST_UID, HTTP_FD, SITE_FOLDER, Place, exec_argv, run_argv
from sandbox.owners import Owner
from sandbox.podman_engine import Podman, PodmanSettings, api_error, make_private, translated
from sandbox.processes import Ended
from sandbox.site_server import ListeningSockets, SiteServer
from sandbox.streams import BlockReader
from sandbox.walls import given_up, look_at, missing_minimum, require_minimum
from sandbox.watchdog import MemoryWatchdog, Usage, usage_of
from sandbox.workspace import unpack

__all__ = ["PodmanContainer", "PodmanSettings"]

SLOTS = 200
BLOCK_BYTES = 65536
READY_S = 30.0
CLIENT_GRACE_S = 15.0
KILLED = 137
PODMAN_FAILED = frozenset({125, 126, 255})
APP_LABEL, APP = "app", "webgen-appliance"
OWNER_LABEL = "webgen-owner"


class PodmanContainer:
    def __init__(self, settings: ContainerSettings, podman: PodmanSettings, facts: HostFacts | None = None) -> None:
        self.settings = settings
        self._facts = facts or gather_facts(podman.cgroup_group)
        self._engine = Podman(podman, self._facts)
        self._name = f"site-{secrets.token_hex(4)}"
        self._folder = podman.run_folder / "sites" / self._name
        self._server = SiteServer(self._folder / "control", quota_mib=settings.workspace_mib)
        self._host_uid = -1
        self._missing_minimum: tuple[Wall, ...] = ()
        self._group: SiteGroup | None = None
        self._watchdog: MemoryWatchdog | None = None
        self._stack = ExitStack()

    @property
    def name(self) -> str:
        return self._name

    @property
    def missing_walls(self) -> tuple[Wall, ...]:
        return (*given_up(self.settings), *self._missing_minimum, *missing_walls(self._facts))

    @property
    def socket(self) -> Path:
        return self._folder / "http"

    @property
    def engine(self) -> Podman:
        return self._engine

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._engine)
            slot = stack.enter_context(Slot(self._engine.settings.account_folder / "slots"))
            self._make_folder(stack)
            if self._facts.limits == "group":
                self._engine.hold_namespace()
                self._group = SiteGroup(self._engine.settings.cgroup_group, self._name)
                stack.callback(self._group.remove)
                self._group.create(self.settings)
            stack.callback(self._remove)
            self._host_uid = host_uid(self._facts.account, slot.number)
            self._start(slot.number)
            self._server.wait_ready(READY_S)
            first = int((self._folder / "pid").read_text())
            self._missing_minimum = missing_minimum(look_at(first), self.settings)
            require_minimum(self._missing_minimum, self.settings)
            if self._facts.limits == "rlimits":
                watchdog = MemoryWatchdog(self._host_uid, self.settings.memory_mib, self._kill)
                self._watchdog = stack.enter_context(watchdog)
            self._engine.begin_service()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    def replace(self, files: Mapping[str, bytes]) -> None:
        self._server.replace(files)

    def publish(self, folder: str = ".") -> None:
        self._server.publish(folder)

    def read(self) -> dict[str, bytes]:
        if not self._folder.exists():
            raise ContainerGone("The site's container is closed; start it anew.")
        try:
            # podman-py's own get_archive() takes in the whole archive before it hands over the first block.
            place = f"/containers/{self._name}/archive"
            with closing(self._engine.client().api.get(place, params={"path": SITE_FOLDER}, stream=True)) as answer:
                answer.raise_for_status()
                with BlockReader(answer.iter_content(BLOCK_BYTES)) as stream:
                    return unpack(stream, below="site/")
        except NotFound as error:
            raise ContainerGone("The site's container has ended; start it anew.") from error
        except APIError as error:
            raise api_error(error, ("podman", "cp")) from error

    def exec(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> CommandResult:
        kills_before = self._memory_kills()
        line = exec_argv(self._name, tuple(argv), timeout_s)
        ended = self._engine.run_raw(line, timeout_s=timeout_s + CLIENT_GRACE_S, stdin=stdin)
        out_of_memory = self._memory_kills() > kills_before
        timed_out = ended.timed_out or (ended.exit_code == KILLED and ended.seconds >= timeout_s and not out_of_memory)
        if self._is_lost(ended):
            raise ContainerGone(self._why_gone(out_of_memory))
        if timed_out:
            self._server.sweep()
        return CommandResult(
            argv=tuple(argv),
            exit_code=KILLED if timed_out else ended.exit_code,
            stdout=trim_output(ended.stdout),
            stderr=trim_output(ended.stderr),
            seconds=ended.seconds,
            timed_out=timed_out,
            out_of_memory=out_of_memory,
        )

    def _is_lost(self, ended: Ended) -> bool:
        if ended.exit_code == 0 or ended.timed_out:
            return False
        if ended.exit_code not in PODMAN_FAILED and ended.exit_code != KILLED:
            return False
        try:
            self._server.wait_ready(READY_S)
        except ContainerGone:
            return True
        return False

    def _why_gone(self, out_of_memory: bool) -> str:
        if out_of_memory or (self._watchdog and self._watchdog.has_killed):
            return f"The site's container was ended for using more than {self.settings.memory_mib} MiB; start it anew."
        return f"The site's container has ended (it may live {self.settings.lifetime_s} s); start it anew."

    def _memory_kills(self) -> int:
        return self._group.out_of_memory_kills() if self._group else 0

    def _make_folder(self, stack: ExitStack) -> None:
        make_private(self._folder.parent)
        make_private(self._folder)
        stack.callback(shutil.rmtree, self._folder)
        (self._folder / "owner").write_text(str(Owner.this_process()))

    def _start(self, slot: int) -> None:
        place = Place(
            name=self._name,
            image=self.settings.image or image_name(self.settings.stack),
            slot=slot,
            limits=self._facts.limits,
            seccomp_file=self._engine.seccomp_file,
            pid_file=str(self._folder / "pid"),
            labels={APP_LABEL: APP, OWNER_LABEL: str(Owner.this_process())},
        )
        argv = run_argv(self.settings, place)
        with ListeningSockets(self._folder) as sockets, tempfile.TemporaryFile(dir=self._folder) as told:
            code = spawn_with_sockets(self._launch_script(), argv, self._engine.environment(), sockets, told.fileno())
            told.seek(0)
            if code != 0:
                raise translated(told.read().decode("utf-8", "replace"), argv)

    def _launch_script(self) -> str:
        joining = f"{self._group.joining_script()} && " if self._group else ""
        # The receiver of listening sockets checks that they are meant for its own process id.
        return f'{joining}export LISTEN_FDS=2 LISTEN_PID=$$ && exec "$@"'

    def host_usage(self) -> Usage:
        """Processes and memory of the site as the host sees them."""
        return usage_of(self._host_uid)

    def _kill(self) -> None:
        self._engine.run(["podman", "kill", self._name])

    def _remove(self) -> None:
        self._engine.run(["podman", "rm", "--force", "--ignore", "--time=0", self._name])


def spawn_with_sockets(
    script: str, argv: Sequence[str], env: Mapping[str, str], sockets: ListeningSockets, output_fd: int
) -> int:
    """Run `script` in a shell that holds the two sockets at the numbers the server expects; its exit code."""
    # High copies first: the originals may themselves sit at 3 or 4.
    copies = [fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, 64) for sock in (sockets.http, sockets.control)]
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", f"cd / && {script}", "sh", *argv],
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output_fd, 1),
                (os.POSIX_SPAWN_DUP2, output_fd, 2),
                (os.POSIX_SPAWN_DUP2, copies[0], HTTP_FD),
                (os.POSIX_SPAWN_DUP2, copies[1], CONTROL_FD),
            ],
            setsid=True,
        )
    finally:
        for copy in copies:
            os.close(copy)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def host_uid(account: str, slot: int) -> int:
    """The user id that a site's processes have outside their namespace."""
    first = first_subordinate_id(Path("/etc/subuid"), account)
    assert first is not None  # the engine refuses to start without
    # Id 0 inside is the account itself; its subordinate ids begin at 1.
    return first + FIRST_UID + slot - 1


class Slot:
    """A number no other running site of this account has; freed by the kernel even when the holder is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.number = -1
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        make_private(self._folder)
        for number in range(SLOTS):
            if self._take(number):
                self.number = number
                return self
        raise PodmanFailed(f"All {SLOTS} sandbox slots are in use; wait for a site to finish.")

    def _take(self, number: int) -> bool:
        with ExitStack() as stack:
            file = stack.enter_context((self._folder / str(number)).open("w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._stack = stack.pop_all()
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
