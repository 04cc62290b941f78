"""Podman as this account's own engine: its own storage and settings, its command line, and its API service.

The account's other podman stays untouched: images, containers, run-time files and even the pause process are ours.
"""

import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from podman import PodmanClient
from podman.errors import APIError

from sandbox.errors import (
    CommandTimeout,
    ContainerGone,
    FolderRefused,
    ImageMissing,
    NoUserNamespaces,
    PodmanFailed,
    PodmanMissing,
    SandboxError,
    StorageFull,
)
from sandbox.host import HostFacts, gather_facts, more_ids
from sandbox.owners import Owner
from sandbox.processes import Ended, name_of, run_bounded, runs
from sandbox.seccomp import site_profile

API_PREFIX = "api-"
SERVICE_IDLE_S = 300
SERVICE_START_S = 15.0
API_TIMEOUT_S = 120
HOLDERS = ("catatonit", "podman")
"""What podman lets hold a namespace open: catatonit where there is one, else itself as `podman pause`."""
PACKAGES = "podman uidmap runc catatonit"


@dataclass(frozen=True, slots=True)
class PodmanSettings:
    home: Path
    """Folder of ours for images, containers and settings."""
    cgroup_group: str = "appliance"
    """Name of the control group that set-up hands to this account."""
    command_timeout_s: float = 300.0
    run_base: Path = Path("/tmp")
    """Short, because socket paths are; the folder made below it has a name that tmp cleaners spare."""

    @property
    def account_folder(self) -> Path:
        """Shared by all homes of one account: user ids of sites are counted per account."""
        return self.run_base / f"podman-run-webgen-{os.geteuid()}"

    @property
    def run_folder(self) -> Path:
        return self.account_folder / hashlib.sha256(str(self.home.absolute()).encode()).hexdigest()[:8]


class Podman:
    """A context manager: leaving it ends the API service, if one was started."""

    def __init__(self, settings: PodmanSettings, facts: HostFacts) -> None:
        self.settings = settings
        self.facts = facts
        self._service: subprocess.Popen[bytes] | None = None
        self._client: PodmanClient | None = None

    @classmethod
    def on_this_host(cls, settings: PodmanSettings) -> Self:
        return cls(settings, gather_facts(settings.cgroup_group))

    def __enter__(self) -> Self:
        refuse_unusable(self.facts)
        for folder in (self.settings.account_folder, self.settings.run_folder):
            make_private(folder)
        self.settings.home.mkdir(parents=True, exist_ok=True)
        for name, text in setting_files(self.settings, self.facts).items():
            write_when_new(self.settings.home / name, text)
        self._forget_a_stranger()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_service()

    @property
    def seccomp_file(self) -> str:
        return str(self.settings.home / "seccomp.json") if self.facts.seccomp_file else ""

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's environment but what podman needs: no proxies, tokens or other podman settings."""
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "USER", "TMPDIR") if name in os.environ}
        bus = Path(f"/run/user/{os.geteuid()}/bus")
        return {
            **kept,
            **({"DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}"} if bus.exists() else {}),
            "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.settings.run_folder),
            "CONTAINERS_CONF": str(self.settings.home / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.settings.home / "storage.conf"),
        }

    def run(self, argv: Sequence[str], *, timeout_s: float | None = None, stdin: bytes = b"") -> str:
        """Stdout of a podman command; raises the error that its message stands for."""
        ended = self.run_raw(argv, timeout_s=timeout_s or self.settings.command_timeout_s, stdin=stdin)
        if ended.timed_out:
            raise CommandTimeout(f"`{' '.join(argv[:2])}` took longer than {ended.seconds:.0f} s; try again.")
        if ended.exit_code != 0:
            raise translated(ended.stderr.decode("utf-8", "replace"), argv)
        return ended.stdout.decode("utf-8", "replace").strip()

    def run_raw(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Ended:
        try:
            return run_bounded(argv, timeout_s=timeout_s, stdin=stdin, env=self.environment())
        except FileNotFoundError as error:
            raise PodmanMissing(f"Podman is not installed; run: sudo apt-get install {PACKAGES}") from error

    def hold_namespace(self) -> None:
        """Podman's first command leaves a process that holds the account's user namespace open. Were that command the
        start of a site, the process would stay in the site's control group, which could then never be removed."""
        if not runs(self._holder):
            self.run(["podman", "unshare", "true"])

    def _forget_a_stranger(self) -> None:
        """After a restart another process of this account may have the holder's number. Podman joins that one's
        namespaces before every command, which fails where it has its own, as a browser's has."""
        holder = self._holder
        if runs(holder) and not name_of(holder).startswith(HOLDERS):
            self._holder_note.unlink(missing_ok=True)

    @property
    def _holder_note(self) -> Path:
        return self.settings.run_folder / "libpod" / "tmp" / "pause.pid"

    @property
    def _holder(self) -> str:
        """The number of the process that holds the namespace open; empty where there was none."""
        try:
            return self._holder_note.read_text().strip()
        except FileNotFoundError:
            return ""

    def begin_service(self) -> None:
        """Start the API service without waiting for it; a dead one is replaced."""
        if self._service is not None and self._service.poll() is None:
            return
        self._drop_service()
        self._service = subprocess.Popen(
            ["podman", "system", "service", f"--time={SERVICE_IDLE_S}", f"unix://{self._service_socket}"],
            env=self.environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def client(self) -> PodmanClient:
        """A client whose service answers."""
        if self._client is not None and self._service is not None and self._service.poll() is None:
            return self._client
        self.begin_service()
        until = time.monotonic() + SERVICE_START_S
        while not listens(self._service_socket):
            if time.monotonic() > until:
                raise PodmanFailed("Podman's API service does not answer; run `podman system service` to see why.")
            time.sleep(0.02)
        self._client = PodmanClient(base_url=f"http+unix://{self._service_socket}", timeout=API_TIMEOUT_S)
        return self._client

    @property
    def service_pid(self) -> int | None:
        return self._service.pid if self._service is not None else None

    @property
    def _service_socket(self) -> Path:
        return self.settings.run_folder / f"{API_PREFIX}{Owner.this_process()}-{id(self):x}"

    def _drop_service(self) -> None:
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]  # podman-py leaves it untyped
            self._client = None
        if self._service is not None:
            # Podman runs its service in a child of the process that was started, which may not forward signals yet.
            with suppress(ProcessLookupError):
                os.killpg(self._service.pid, signal.SIGTERM)
            self._service.wait()
            self._service = None
        self._service_socket.unlink(missing_ok=True)


def listens(path: Path) -> bool:
    # Not by the client's own ping: it leaks a descriptor for every connection that is refused.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def refuse_unusable(facts: HostFacts) -> None:
    """Raises for what no flag can make up for, before podman says it in its own words."""
    if not facts.podman_version:
        raise PodmanMissing(f"Podman is not installed; run: sudo apt-get install {PACKAGES}")
    if facts.is_root:
        raise NoUserNamespaces("Sites never run as root; start the appliance as an ordinary account.")
    if not facts.mapping_tools:
        raise PodmanMissing("The programs newuidmap and newgidmap are missing; run: sudo apt-get install uidmap")
    if not facts.runtime_found:
        raise PodmanMissing(f"No container runtime for this host; run: sudo apt-get install {facts.runtime or 'crun'}")
    if not facts.init_found:
        raise PodmanMissing("The program catatonit is missing; run: sudo apt-get install catatonit")
    if not facts.user_namespaces:
        raise NoUserNamespaces(
            "This kernel forbids user namespaces to ordinary accounts; run: sudo sysctl -w "
            "kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"
        )
    if not facts.subordinate_ids:
        raise NoUserNamespaces(f"The account {facts.account} has no subordinate ids; run: {more_ids(facts.account)}")


# Words of podman's last message → our error. The first that fits wins.
FAILURES: tuple[tuple[tuple[str, ...], type[SandboxError], str], ...] = (
    (("no space left on device", "disk quota exceeded"), StorageFull, "The disk is full; free some space."),
    (
        ("image not known", "no such image", "unable to find a name and tag match"),
        ImageMissing,
        "The sandbox image is missing; run: appliance sandbox build",
    ),
    (
        ("no such container", "container state improper", "is not running", "no container with"),
        ContainerGone,
        "The site's container has ended; start it anew.",
    ),
    (
        ("newuidmap", "cannot clone", "cannot set user namespace", "user namespaces are not enabled"),
        NoUserNamespaces,
        "This account may not make containers; run: appliance doctor",
    ),
    (("container-init binary not found", "catatonit"), PodmanMissing, "Run: sudo apt-get install catatonit"),
)


def translated(stderr: str, argv: Sequence[str]) -> SandboxError:
    told = [line for line in stderr.splitlines() if line.strip() and "level=warning" not in line]
    last = told[-1].removeprefix("Error: ").strip() if told else "no reason given"
    for words, error, sentence in FAILURES:
        if any(word in stderr.lower() for word in words):
            return error(sentence)
    return PodmanFailed(f"`{' '.join(argv[:2])}` failed: {last[:300]}.")


def api_error(error: APIError, argv: Sequence[str]) -> SandboxError:
    return translated(str(error), argv)


def make_private(folder: Path) -> None:
    """A folder that no other account can have prepared for us or look into."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise FolderRefused(f"The folder {folder} is not private to this account; remove it.")


def write_when_new(file: Path, text: str) -> None:
    if file.exists() and file.read_text() == text:
        return
    draft = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}")
    draft.write_text(text)
    draft.replace(file)


def setting_files(settings: PodmanSettings, facts: HostFacts) -> Mapping[str, str]:
    """Texts of storage.conf, containers.conf and the system call filter."""
    home, run = settings.home.absolute(), settings.run_folder
    # graphroot alone is ignored for rootless podman, and without static_dir the account's own database would
    # overrule the driver.
    storage = {
        "driver": "overlay",
        "graphroot": str(home / "storage"),
        "rootless_storage_path": str(home / "storage"),
        "runroot": str(run / "containers"),
    }
    engine: dict[str, str | int] = {
        **({"runtime": facts.runtime} if facts.runtime else {}),
        **({"cgroup_manager": "cgroupfs"} if facts.cgroups != "v2" else {}),
        "events_logger": "file",
        # An exec over the API leaves two processes behind for five minutes otherwise.
        "exit_command_delay": 2,
        "static_dir": str(home / "libpod"),
        "volume_path": str(home / "volumes"),
        "tmp_dir": str(run / "libpod" / "tmp"),
    }
    files = {"storage.conf": toml("storage", storage), "containers.conf": toml("engine", engine)}
    if facts.seccomp_file:
        default = json.loads(Path(facts.seccomp_file).read_text())
        files["seccomp.json"] = json.dumps(site_profile(default))
    return files


def toml(table: str, values: Mapping[str, str | int]) -> str:
    # JSON's strings and numbers are TOML's.
    return f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
