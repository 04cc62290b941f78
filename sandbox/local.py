"""A site's room with no walls at all, for fast tests: a temporary folder, plain processes, the same site server.

It isolates nothing and says so. Nothing in the product chooses it; whoever wants it must write its name.
"""

import os
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.container import CommandResult, ContainerSettings, Wall, trim_output
from sandbox.errors import ContainerGone
from sandbox.image import node_files
from sandbox.kit import kit_files
from sandbox.processes import run_bounded
from sandbox.site_server import SERVER_FILE, ListeningSockets, SiteServer
from sandbox.workspace import unpack

READY_S = 30.0
NOT_FOUND = 127
LEASH = ("setpriv", "--pdeathsig", "KILL", "--")
"""No reaper knows of these rooms."""
REMEDY = "Use PodmanContainer for anything a model wrote."
NO_WALLS = tuple(
    Wall(name, meaning, REMEDY)
    for name, meaning in (
        ("files", "The site's processes can read and write all files of this account."),
        ("network", "The site's processes can use the network and every service of this machine."),
        ("processes", "The site's processes can see and end other processes of this account."),
        ("limits", "Nothing holds the site's memory, processes, CPU or disk use."),
        ("system calls", "The site's processes may make every system call."),
    )
)


class LocalContainer:
    def __init__(self, settings: ContainerSettings) -> None:
        self.settings = settings
        self._name = f"local-{secrets.token_hex(4)}"
        self._folder = Path(tempfile.gettempdir()) / f"webgen-{self._name}"
        self._server = SiteServer(self._folder / "control", quota_mib=settings.workspace_mib)
        self._stack = ExitStack()

    @property
    def name(self) -> str:
        return self._name

    @property
    def missing_walls(self) -> tuple[Wall, ...]:
        return NO_WALLS

    @property
    def socket(self) -> Path:
        return self._folder / "http"

    @property
    def site(self) -> Path:
        return self._folder / "site"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder.mkdir(mode=0o700)
            stack.callback(shutil.rmtree, self._folder)
            self.site.mkdir()
            write_kit(self._folder / "kit")
            process = stack.enter_context(self._spawn())
            stack.callback(process.kill)
            self._server.wait_ready(READY_S)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        single_page = "yes" if self.settings.stack == "vite-react" else "no"
        with ListeningSockets(self._folder) as sockets:
            http, control = sockets.http.fileno(), sockets.control.fileno()
            return subprocess.Popen(
                [
                    *LEASH,
                    *(str(node_files().node), str(SERVER_FILE), f"--site={self.site}", f"--kit={self._folder / 'kit'}"),
                    *(f"--http={http}", f"--control={control}", f"--single-page={single_page}"),
                ],
                pass_fds=(http, control),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def replace(self, files: Mapping[str, bytes]) -> None:
        self._server.replace(files)

    def publish(self, folder: str = ".") -> None:
        self._server.publish(folder)

    def read(self) -> dict[str, bytes]:
        if not self.site.is_dir():
            raise ContainerGone("The local container is closed; start it anew.")
        packed = BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(self.site, arcname="site")
        packed.seek(0)
        return unpack(packed, below="site/")

    def exec(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> CommandResult:
        env = {**os.environ, "PATH": f"{node_files().node.parent}:{os.environ['PATH']}", "HOME": str(self._folder)}
        try:
            ended = run_bounded(argv, timeout_s=timeout_s, stdin=stdin, env=env, cwd=self.site)
        except FileNotFoundError:
            return CommandResult(tuple(argv), NOT_FOUND, "", f"{argv[0]}: not found", 0.0)
        return CommandResult(
            argv=tuple(argv),
            exit_code=ended.exit_code if ended.exit_code >= 0 else 128 - ended.exit_code,
            stdout=trim_output(ended.stdout),
            stderr=trim_output(ended.stderr),
            seconds=ended.seconds,
            timed_out=ended.timed_out,
        )


def write_kit(folder: Path) -> None:
    for name, content in kit_files().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
