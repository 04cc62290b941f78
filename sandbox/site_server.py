"""The host's side of `serve.mjs`: the sockets it is handed and the orders it takes."""

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.errors import CommandTimeout, ContainerGone, FolderRefused, StorageFull, WorkspaceRefused
from sandbox.workspace import check_files, check_path

SERVER_FILE = Path(__file__).with_name("serve.mjs")
SOCKET_PATH_BYTES = 100
ORDER_TIMEOUT_S = 30.0


class ListeningSockets:
    """Two unix sockets that already listen, in a folder of ours, to be handed to a server as open descriptors."""

    def __init__(self, folder: Path) -> None:
        self.http_path = folder / "http"
        self.control_path = folder / "control"
        self._stack = ExitStack()
        self.http = self._listen(self.http_path)
        self.control = self._listen(self.control_path)

    def _listen(self, path: Path) -> socket.socket:
        if len(str(path).encode()) > SOCKET_PATH_BYTES:
            raise FolderRefused(f"The path {path} is too long for a socket; choose a shorter runtime folder.")
        listener = self._stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(str(path))
        listener.listen(128)
        return listener

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes our descriptors; the paths stay for those who connect."""
        self._stack.close()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("site", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class SiteServer:
    """Orders over the control socket. Raises `ContainerGone` when nobody listens any more."""

    def __init__(self, control: Path, *, quota_mib: int) -> None:
        self._control = control
        self._quota_mib = quota_mib

    def wait_ready(self, timeout_s: float) -> None:
        # The socket listens before the server lives, so the first answer comes as soon as there can be one.
        self._order("GET", "/ready", b"", timeout_s)

    def replace(self, files: Mapping[str, bytes]) -> None:
        check_files(files)
        head = json.dumps([[path, len(content)] for path, content in files.items()])
        self._order("PUT", "/files", head.encode() + b"\n" + b"".join(files.values()))

    def publish(self, folder: str) -> None:
        if folder != ".":
            check_path(folder)
        self._order("PUT", "/published", folder.encode())

    def sweep(self) -> None:
        """End every process in the container but the server."""
        self._order("POST", "/sweep", b"")

    def _order(self, method: str, path: str, body: bytes, timeout_s: float = ORDER_TIMEOUT_S) -> None:
        try:
            with closing(UnixConnection(self._control, timeout_s)) as connection:
                connection.request(method, path, body)
                response = connection.getresponse()
                text = response.read().decode("utf-8", "replace")
        except TimeoutError as error:
            raise CommandTimeout(
                f"The site's server did not answer within {timeout_s:.0f} s; start it anew."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ContainerGone("The site's container has ended; start it anew.") from error
        if response.status == http.client.INSUFFICIENT_STORAGE:
            raise StorageFull(
                f"The site does not fit into its {self._quota_mib} MiB; make it smaller or raise the quota."
            )
        if response.status != http.client.OK:
            raise WorkspaceRefused(f"The site's server refused the files ({text}); write them again.")
