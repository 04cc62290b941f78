"""The product as an image, for machines where nothing may be installed: `make container`.

Base and wheels are fetched by this machine; the build itself has no network. Runs as the product's account, which owns
the images, in the environment that set-up made.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from sandbox.podman_engine import Podman, PodmanSettings
from setup.locks import lock_path, without_engine
from setup.steps import content_hash

IMAGE = "localhost/webgen-appliance/appliance"
SYSTEM_IMAGE = "localhost/webgen-appliance/system"
# libomp5 and libgomp1: what an engine built by clang, or by gcc, is linked to.
SYSTEM_PACKAGES = ",".join(
    [
        *("python3", "python3-venv", "podman", "runc", "uidmap", "catatonit"),
        *("chromium", "chromium-driver", "fonts-liberation", "libomp5", "libgomp1"),
    ]
)
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
BUILD_TIMEOUT_S = 900
IMPORT_TIMEOUT_S = 300


def system_archive(cache: Path) -> Path:
    """A root file system of this machine's own distribution, so that its Python takes the same wheels; made once."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    key = hashlib.sha256(f"{suite} {SYSTEM_PACKAGES} {LEFT_OUT}".encode()).hexdigest()[:12]
    archive = cache / f"system-{suite}-{key}.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = archive.with_suffix(".part.tar")
        left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
        words = ["--mode=unshare", "--variant=minbase", f"--include={SYSTEM_PACKAGES}", *left_out]
        subprocess.run(["mmdebstrap", "--quiet", *words, suite, part], check=True)
        part.rename(archive)
    return archive


def import_system(cache: Path, podman: Podman) -> str:
    archive = system_archive(cache)
    image = f"{SYSTEM_IMAGE}:{archive.stem}"
    if podman.run_raw(["podman", "image", "exists", image], timeout_s=IMPORT_TIMEOUT_S).exit_code != 0:
        podman.run(["podman", "import", "--quiet", str(archive), image], timeout_s=IMPORT_TIMEOUT_S)
    return image


def installed_engine() -> Path:
    """The wheel that the engine of this environment came from."""
    origin = distribution("llama_cpp_python").read_text("direct_url.json")
    if origin is None:
        raise FileNotFoundError("The engine in this environment was not built by set-up; run `make demo`.")
    return Path(unquote(urlparse(json.loads(origin)["url"]).path))


def collect_wheels(checkout: Path, engine: Path, folder: Path) -> None:
    """All that the image installs: the locked packages, the engine, the project."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    folder.mkdir()
    requirements = folder.with_suffix(".txt")
    requirements.write_text(without_engine(lock_path(checkout, "cpu").read_text()))
    words = ["download", "--no-deps", "--require-hashes", "--dest", str(folder), "-r", str(requirements)]
    subprocess.run([*pip, *words], check=True)
    shutil.copy(engine, folder)
    words = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(checkout)]
    subprocess.run([*pip, *words], check=True)


def build_appliance(checkout: Path, engine: Path, cache: Path, podman: Podman) -> str:
    """The image's name. What it replaces is removed unless in use: each is half a gigabyte of its own."""
    system = import_system(cache, podman)
    with tempfile.TemporaryDirectory(dir=cache) as context:
        collect_wheels(checkout, engine, Path(context) / "wheels")
        shutil.copy(checkout / "Containerfile", context)
        digest = content_hash([Path(context) / "wheels"])
        offline = ["--pull=never", "--network=none", "--target=appliance"]
        words = [*offline, f"--build-arg=APPLIANCE_BASE={system}", f"--build-arg=WHEELS_DIGEST={digest}"]
        podman.run(["podman", "build", "--quiet", *words, f"--tag={IMAGE}", context], timeout_s=BUILD_TIMEOUT_S)
    podman.run(["podman", "image", "prune", "--force"])
    return IMAGE


def main() -> None:
    """Arguments: the engine's wheel, the account's cache, the folder of its containers."""
    engine, cache, home = (Path(word) for word in sys.argv[1:])
    with Podman.on_this_host(PodmanSettings(home)) as podman:
        print(build_appliance(Path.cwd(), engine, cache, podman))


if __name__ == "__main__":
    os.umask(0o022)
    main()
