"""A running site at a loopback address: a relay from a TCP port to the container's unix socket."""

import asyncio
import errno
import http.client
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.container import Container
from sandbox.errors import PortTaken
from sandbox.site_server import UnixConnection

HOST = "127.0.0.1"
BLOCK_BYTES = 65536
POLL_S = 0.02
SETTLING_TURNS = 10


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
        self._relays: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except OSError as error:
            self._end_loop()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(f"Port {self._wished_port} is in use; choose another one.") from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._end_loop()

    def wait_ready(self, timeout_s: float) -> HttpResult:
        """The first HTTP answer of the site's root, whatever its status."""
        return wait_for_http(self._socket, timeout_s)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, HOST, self._wished_port, backlog=256)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # start_server runs this as a task
        self._relays.add(task)
        try:
            await relay(self._socket, reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._relays.discard(task)

    async def _shut(self) -> None:
        assert self._listener is not None  # entered before
        self._listener.close()
        # A connection taken last needs some turns of the loop until its relay runs and can be ended.
        await turns(SETTLING_TURNS)
        for task in self._relays:
            task.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        await turns(SETTLING_TURNS)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def relay(socket: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Both directions until both have ended; a side that breaks ends the pair, not the preview."""
    try:
        site_reader, site_writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        writer.close()
        return
    try:
        async with asyncio.TaskGroup() as pair:
            pair.create_task(copy(reader, site_writer))
            pair.create_task(copy(site_reader, writer))
    except* OSError:
        pass  # the browser or the site hung up
    finally:
        site_writer.close()
        writer.close()


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


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
