"""The distribution's packages as files: the whole closure, as apt resolves it for a machine that has nothing yet."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from setup.commands import Commands
from setup.errors import PackagesMissing

ADVICE = "The system packages could not be fetched; check the network and apt's settings, then run the command again."
_URI = re.compile(r"'[^']*' (\S+\.deb) (\d+)")


@dataclass(frozen=True, slots=True)
class Deb:
    """`file` is the name apt gives to it, which holds name, version and architecture."""

    file: str
    size_bytes: int

    @property
    def name(self) -> str:
        return self.file.split("_")[0]

    @property
    def plain(self) -> str:
        """Without the epoch: its escaped colon means something in apt's own addresses."""
        return re.sub(r"_\d+%3a", "_", self.file)

    @property
    def version(self) -> str:
        return self.file.split("_")[1].replace("%3a", ":")


def closure(uris: str) -> list[Deb]:
    """What `apt-get install --print-uris` would fetch, in order of name."""
    return sorted((Deb(file, int(size)) for file, size in _URI.findall(uris)), key=lambda deb: deb.file)


class AptFolder:
    """Lists, archives and an empty status of our own: no right is needed, and what is installed here does not count."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.archives = folder / "archives"
        self._nothing = folder / "nothing"
        self._commands = commands
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        for archives in (self.archives, self._nothing):
            (archives / "partial").mkdir(parents=True, exist_ok=True)
        status = folder / "status"
        status.write_text("")
        places = [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}", f"Dir::State::status={status}"]
        settings = [*places, f"Dir::Cache::archives={self.archives}", "APT::Install-Recommends=false"]
        self._apt = ["apt-get", "-q", "-y", *(word for setting in settings for word in ("-o", setting))]

    def update(self) -> None:
        self._commands.run([*self._apt, "update"], ADVICE)

    def resolve(self, names: Sequence[str]) -> list[Deb]:
        # What lies in the archives already would be left out.
        words = [*self._apt, "-o", f"Dir::Cache::archives={self._nothing}", "install", "--print-uris", *names]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PackagesMissing(f"apt cannot resolve the system packages ({why}); mend that, then try again.")
        debs = closure(done.stdout)
        if absent := set(names) - {deb.name for deb in debs}:
            raise PackagesMissing(f"apt resolved the system packages without {min(absent)}; look at apt's settings.")
        return debs

    def fetch(self, names: Sequence[str]) -> None:
        """Apt compares each file with the hash in its signed lists, and fetches only what is not there."""
        self._commands.run([*self._apt, "install", "--download-only", *names], ADVICE)


def index(debs: Sequence[Deb], folder: Path) -> str:
    """The text of `Packages`, by which apt reads a folder as a repository."""
    return "\n".join(_entry(folder / deb.file, deb.plain) for deb in debs)


def _entry(path: Path, plain: str) -> str:
    told = control(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{told}Filename: ./{plain}\nSize: {path.stat().st_size}\nSHA256: {digest}\n"


def control(path: Path) -> str:
    return subprocess.run(["dpkg-deb", "--field", path], capture_output=True, text=True, check=True).stdout
