"""What all probes share: the room they try to leave, and how a refusal is told from silence."""

import errno
import http.server
import json
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.browser import Browser, BrowserSettings
from sandbox.container import Container, ContainerSettings
from sandbox.errors import SandboxError
from sandbox.podman import PodmanContainer
from sandbox.podman_engine import PodmanSettings
from sandbox.preview import Preview
from sandbox.system_call import KILLED_BY_FILTER, REFUSALS, program

TIMEOUT_S = 20.0
SECRET = "secret of this machine"
MIB = 1024 * 1024
NO_SUCH = frozenset({"ENOENT", "ENOTDIR"})
NOT_ALLOWED = frozenset({"EACCES", "EPERM", "EROFS", "EXDEV"})
# Tries each [act, path] of a list and answers with `done` or the error's name. Nothing it does would do harm if it
# were let: files are opened and not changed, or written with what they hold.
ATTEMPTS = """
const fs = require('fs')
const acts = {
  open: (path) => fs.closeSync(fs.openSync(path, 'r+')),
  create: (folder) => { fs.writeFileSync(`${folder}/probe`, ''); fs.unlinkSync(`${folder}/probe`) },
  make: (folder) => { fs.mkdirSync(`${folder}/probe`); fs.rmdirSync(`${folder}/probe`) },
  rewrite: (path) => fs.writeFileSync(path, fs.readFileSync(path), { flag: 'r+' }),
  read: (path) => {
    if (fs.statSync(path).isDirectory()) return fs.readdirSync(path).length ? 'done' : 'empty'
    const file = fs.openSync(path, 'r')
    try { return fs.readSync(file, Buffer.alloc(16)) ? 'done' : 'empty' } finally { fs.closeSync(file) }
  },
  identity: (path) => { const { dev, ino } = fs.statSync(path); return `${dev}:${ino}` },
  link: (path) => { fs.linkSync(path, './probe-link'); fs.unlinkSync('./probe-link') },
  away: (path) => { fs.writeFileSync(path, ''); fs.chownSync(path, 0, 0) },
}
const answers = JSON.parse(process.argv[1]).map(([act, path]) => {
  try { return acts[act](path) ?? 'done' } catch (error) { return error.code }
})
console.log(JSON.stringify(answers))
"""

DEFAULTS = ContainerSettings()
Outcome = tuple[bool, str]
"""Blocked or not, and how that showed."""


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    tries: str
    run: Callable[["Room"], Outcome]


class Room:
    """A container to break out of, what shows its site, and the means to open other rooms, which may be ruined."""

    def __init__(
        self,
        container: Container,
        podman: PodmanSettings,
        browser: BrowserSettings,
        settings: ContainerSettings = DEFAULTS,
    ) -> None:
        self.container = container
        self.podman = podman
        self.browser = browser
        self._settings = settings
        self._stack = ExitStack()
        self._preview: Preview | None = None
        self._page: Browser | None = None
        self._neighbour: PodmanContainer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def another(self, settings: ContainerSettings | None = None) -> PodmanContainer:
        return PodmanContainer(settings or self._settings, self.podman)

    @property
    def neighbour(self) -> PodmanContainer:
        """Another running site, the same one for all probes of this room."""
        if self._neighbour is None:
            self._neighbour = self._stack.enter_context(self.another())
        return self._neighbour

    @property
    def preview(self) -> Preview:
        if self._preview is None:
            self._preview = self._stack.enter_context(Preview(self.container))
        return self._preview

    @property
    def page(self) -> Browser:
        """The browser of this room's site, the same one for all its probes: each opens pages of its own in it."""
        if self._page is None:
            self._page = self._stack.enter_context(Browser(self.browser, self.preview.url))
        return self._page


def output_of(container: Container, *argv: str) -> str:
    """Stdout; a command that did not run to its end proves nothing and raises."""
    result = container.exec(argv, timeout_s=TIMEOUT_S)
    if result.exit_code != 0:
        raise SandboxError(f"`{argv[0]}` ended with {result.exit_code}: {result.stderr.strip()[:200]}")
    return result.stdout


def shell(container: Container, script: str) -> list[str]:
    return output_of(container, "sh", "-c", f"{script}\ntrue").split()


def node(container: Container, script: str, *words: str) -> Any:
    """What the script printed, as JSON."""
    return json.loads(output_of(container, "node", "-e", script, "--", *words))


def answers_to(container: Container, act: str, paths: Iterable[str]) -> dict[str, str]:
    """What came of one act on each path: `done` or more, or the name of the error."""
    tried = list(paths)
    told = node(container, ATTEMPTS, json.dumps([[act, path] for path in tried]))
    return dict(zip(tried, told, strict=True))


def refused(answers: Mapping[str, str], refusals: frozenset[str]) -> Outcome:
    """Blocked when each attempt came back with a refusal. Silence, a time-out or no attempt at all is none."""
    open_ones = {name: answer for name, answer in answers.items() if answer not in refusals}
    if open_ones or not answers:
        return False, ", ".join(f"{name}: {answer}" for name, answer in open_ones.items()) or "nothing was tried"
    counts = {answer: list(answers.values()).count(answer) for answer in sorted(set(answers.values()))}
    return True, ", ".join(f"{answer} × {count}" if count > 1 else answer for answer, count in counts.items())


def refused_files(answers: Mapping[str, str]) -> Outcome:
    """As `refused`; paths that are not there are no attempt, so at least one must have been refused as such."""
    tried = {path: answer for path, answer in answers.items() if answer not in NO_SUCH}
    return refused(tried, NOT_ALLOWED)


def refused_calls(container: Container, calls: Mapping[str, tuple[int | str, ...]]) -> Outcome:
    """Each call must come back with a refusal; any other error would mean that the kernel got to look at it."""
    return judged_calls(call_codes(container, {name: program(*call) for name, call in calls.items()}))


def call_codes(container: Container, programs: Mapping[str, bytes]) -> dict[str, int]:
    container.replace(programs)
    names = " ".join(programs)
    codes = [int(word) for word in shell(container, f"chmod +x {names}; for c in {names}; do ./$c; echo $?; done")]
    container.replace({})
    return dict(zip(programs, codes, strict=True))


def judged_calls(codes: Mapping[str, int]) -> Outcome:
    told = {name: "ended by the filter" if code == KILLED_BY_FILTER else named(code) for name, code in codes.items()}
    blocked = all(code in REFUSALS or code == KILLED_BY_FILTER for code in codes.values())
    return blocked, ", ".join(f"{name}: {answer}" for name, answer in told.items())


def named(code: int) -> str:
    return errno.errorcode.get(code, f"exit code {code}") if code else "done"


@contextmanager
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server on the host's loopback that notes who came."""
    hits: list[str] = []

    class Note(http.server.BaseHTTPRequestHandler):
        def handle(self) -> None:
            hits.append(str(self.client_address))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Note) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port, hits
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def datagrams() -> Iterator[tuple[int, socket.socket]]:
    """A UDP socket on the host's loopback; what came waits in it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("127.0.0.1", 0))
        inbox.setblocking(False)
        yield inbox.getsockname()[1], inbox


def came(inbox: socket.socket) -> bool:
    try:
        inbox.recv(1)
    except BlockingIOError:
        return False
    return True


@contextmanager
def canary() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this account on the host, to be seen or ended from inside."""
    with subprocess.Popen(["sleep", marker()]) as process:
        try:
            yield process
        finally:
            process.kill()


def marker() -> str:
    """An argument for `sleep` that no other process has."""
    return f"3600.{secrets.randbelow(10**12):012}"


@contextmanager
def secret_file(folder: Path) -> Iterator[Path]:
    path = folder / f"probe-{os.getpid()}-{secrets.token_hex(4)}"
    path.write_text(SECRET)
    try:
        yield path
    finally:
        path.unlink()
