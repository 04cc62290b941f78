"""A running site at a loopback address: a relay from a TCP port to the container's unix socket."""

import asyncio
import errno
import http.client
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.container import Container
from sandbox.errors import PortTaken
from sandbox.site_server import UnixConnection

HOST = "127.0.0.1"
BLOCK_BYTES = 65536
POLL_S = 0.02
BACKLOG = 256
CONNECTIONS = 256
"""Most visitors at once; each takes two descriptors of ours. A page may open 255 sockets and a few requests."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class HttpResult:
    status: int | None
    """None: nothing answered with HTTP in time; `error` says why."""
    seconds: float
    body: str = ""
    error: str = ""


class Preview:
    """Port 0 takes any free one; a wished port that is in use raises `PortTaken`."""

    def __init__(self, container: Container, port: int = 0) -> None:
        self._socket = container.socket
        self._wished_port = port
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="preview", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = socket.socket()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        try:
            self._listen()
        except OSError as error:
            self._listener.close()
            self._loop.close()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(f"Port {self._wished_port} is in use; choose another one.") from error
            raise
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._end_loop()

    def wait_ready(self, timeout_s: float) -> HttpResult:
        """The first HTTP answer of the site's root, whatever its status."""
        return wait_for_http(self._socket, timeout_s)

    def _listen(self) -> None:
        self._listener.setblocking(False)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((HOST, self._wished_port))
        self._listener.listen(BACKLOG)
        self._port = self._listener.getsockname()[1]

    async def _begin(self) -> None:
        # Taken by hand: asyncio's own server forgets a connection that arrives while it closes.
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionError):  # it went away again
            client, _ = self._listener.accept()
            if len(self._tasks) >= CONNECTIONS:
                client.close()
                return
            client.setblocking(False)
            # A relay that is cancelled before it runs closes nothing itself.
            self._keep(relay(self._socket, client)).add_done_callback(partial(close_socket, client))

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _shut(self) -> None:
        self._loop.remove_reader(self._listener)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()
        # Transports close their sockets one turn of the loop later.
        await asyncio.sleep(0)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def relay(site: Path, client: socket.socket) -> None:
    """Both directions until both have ended; a side that breaks ends the pair, not the preview."""
    try:
        async with (
            streams(asyncio.open_connection(sock=client)) as (reader, writer),
            streams(asyncio.open_unix_connection(str(site))) as (site_reader, site_writer),
            asyncio.TaskGroup() as pair,
        ):
            pair.create_task(copy(reader, site_writer))
            pair.create_task(copy(site_reader, writer))
    except* OSError:
        pass  # the browser or the site hung up, or nobody serves it any more


@asynccontextmanager
async def streams(opening: Coroutine[None, None, Streams]) -> AsyncIterator[Streams]:
    """Flushed when all went well, cut off when not."""
    reader, writer = await opening
    try:
        yield reader, writer
        writer.close()
        await writer.wait_closed()
    finally:
        writer.transport.abort()


def close_socket(taken: socket.socket, _: asyncio.Task[None]) -> None:
    taken.close()


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while block := await source.read(BLOCK_BYTES):
        target.write(block)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()


def wait_for_http(socket: Path, timeout_s: float, path: str = "/") -> HttpResult:
    started = time.monotonic()
    until = started + timeout_s
    while True:
        left_s = max(until - time.monotonic(), POLL_S)
        try:
            with closing(UnixConnection(socket, left_s)) as connection:
                connection.request("GET", path)
                response = connection.getresponse()
                body = response.read().decode("utf-8", "replace")
                return HttpResult(response.status, time.monotonic() - started, body)
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() >= until:
                return HttpResult(None, time.monotonic() - started, error=f"{type(error).__name__}: {error}")
        time.sleep(POLL_S)
