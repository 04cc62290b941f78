"""The port every sandbox fulfils: `PodmanContainer` for work, `LocalContainer` for fast tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

OUTPUT_CHARS = 24_000
"""Longest stdout or stderr a `CommandResult` keeps; more is cut in the middle."""

Stack = Literal["static", "vite-react"]


@dataclass(frozen=True, slots=True)
class Wall:
    """A limit this host does not give, in words for the person who owns it."""

    name: str
    meaning: str
    remedy: str
    is_minimum: bool = False
    """Whether nothing untrusted runs without it, unless the user says so."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    memory_mib: int = 1024
    pids: int = 256
    cpus: float = 2.0
    workspace_mib: int = 128
    tmp_mib: int = 64
    lifetime_s: int = 7200
    without_minimum_walls: bool = False
    """Run sites even where walls are missing that every site must have."""
    stack: Stack = "static"
    image: str = ""
    """Empty means the image built for `stack`."""


class Container(Protocol):
    """One site's room. Commands run in it, and a static server inside answers on `socket`."""

    @property
    def name(self) -> str: ...

    @property
    def missing_walls(self) -> tuple[Wall, ...]: ...

    @property
    def socket(self) -> Path:
        """Unix socket on the host side; it speaks HTTP with the server inside."""

    def replace(self, files: Mapping[str, bytes]) -> None:
        """Afterwards the site folder holds exactly these files; a refused path changes nothing."""

    def read(self) -> dict[str, bytes]:
        """All files but node_modules; links and special files raise `WorkspaceRefused`."""

    def exec(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> CommandResult: ...

    def publish(self, folder: str = ".") -> None:
        """Choose which folder of the site the server shows."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def trim_output(raw: bytes, limit_chars: int = OUTPUT_CHARS) -> str:
    """Keep head and tail: the head names the command, the tail holds the error."""
    text = raw.decode("utf-8", "replace")
    if len(text) <= limit_chars:
        return text
    half = limit_chars // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
