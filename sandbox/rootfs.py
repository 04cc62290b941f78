"""A root file system made from this host's own files, without any network: a shell, a few tools, node and npm.

It holds no package manager, no user's file, no setuid program and no /home.
"""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from sandbox.errors import ImageMissing

TOOLS = (
    "bash sh cat ls cp mv rm mkdir ln ps kill sleep env test id head tail grep sed find sort wc tr touch chmod dirname "
    "basename readlink realpath date timeout seq dd tar gzip xargs true false uname stat mktemp cmp"
)
# Loaded by name at run time (node's resolver, native bundlers), so ldd does not list them.
LOADED_LATER = (
    "libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libutil.so.1 libnss_files.so.2 "
    "libnss_dns.so.2 libanl.so.1 libgcc_s.so.1 libstdc++.so.6"
)
FOLDERS = ("proc", "sys", "dev", "run", "etc", "root", "tmp", "var", "var/tmp", "usr/local", "srv")
NODE = "usr/bin/node"
STICKY = frozenset({"tmp", "var/tmp"})
LINKS = {"bin": "usr/bin", "sbin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64"}
TEXTS = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/srv/site:/bin/bash\n",
    "etc/group": "root:x:0:\nnode:x:1000:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """Where the pinned node and npm lie: the wheel's folder, never the host's own node."""

    folder: Path

    @property
    def node(self) -> Path:
        return self.folder / "bin" / "node"

    @property
    def npm(self) -> Path:
        return self.folder / "lib" / "node_modules" / "npm"


def write_rootfs(target: Path, node: NodeFiles) -> None:
    """Writes the tar that becomes the base image."""
    files = dict(host_files(node))
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for folder in sorted({*FOLDERS, *parents(files)}):
            tar.addfile(entry(folder, tarfile.DIRTYPE, 0o1777 if folder in STICKY else 0o755))
        for name, points_to in {**LINKS, **program_links()}.items():
            link = entry(name, tarfile.SYMTYPE, 0o777)
            link.linkname = points_to
            tar.addfile(link)
        for name, text in TEXTS.items():
            member = entry(name, tarfile.REGTYPE, 0o644)
            member.size = len(text)
            tar.addfile(member, BytesIO(text.encode()))
        for name, source in sorted(files.items()):
            add_file(tar, name, source, mode_of(name, source))


def entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    return member


def mode_of(name: str, source: Path) -> int:
    if name == NODE:
        # Run but not read: so the kernel shields the memory of what it runs, such as the site's server, from the site.
        return 0o711
    return 0o755 if os.access(source, os.X_OK) else 0o644


def add_file(tar: tarfile.TarFile, name: str, source: Path, mode: int) -> None:
    with source.open("rb") as stream:
        member = entry(name, tarfile.REGTYPE, mode)
        member.size = os.fstat(stream.fileno()).st_size
        tar.addfile(member, stream)


def parents(files: Iterable[str]) -> set[str]:
    found = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    return found - {"."}


def program_links() -> dict[str, str]:
    npm = "../lib/node_modules/npm/bin"
    return {"usr/bin/npm": f"{npm}/npm-cli.js", "usr/bin/npx": f"{npm}/npx-cli.js"}


def host_files(node: NodeFiles) -> Iterator[tuple[str, Path]]:
    """Pairs of a path in the image and the host's file for it."""
    programs = {name: find_tool(name) for name in TOOLS.split()}
    for name, source in programs.items():
        yield f"usr/bin/{name}", source.resolve()
    yield NODE, node.node
    for library in libraries([*programs.values(), node.node]):
        yield library_place(library), library.resolve()
    for source in sorted(node.npm.rglob("*")):
        if source.is_file() and not source.is_symlink():
            yield f"usr/lib/node_modules/npm/{source.relative_to(node.npm).as_posix()}", source


def find_tool(name: str) -> Path:
    path = shutil.which(name, path="/usr/bin:/bin:/usr/local/bin")
    if path is None:
        raise ImageMissing(
            f"The image cannot be built: this host has no program '{name}'; install coreutils and procps."
        )
    return Path(path)


def libraries(programs: list[Path]) -> set[Path]:
    listing = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    found = {Path(word) for word in listing.split() if word.startswith("/") and not word.endswith(":")}
    folder = next(path.parent for path in found if path.name == "libc.so.6")
    return found | {folder / name for name in LOADED_LATER.split() if (folder / name).exists()}


def library_place(library: Path) -> str:
    """Libraries keep their own folder, which their loader searches without a cache; /lib is a link to /usr/lib."""
    place = str(library).lstrip("/")
    return place if place.startswith("usr/") else f"usr/{place}"
