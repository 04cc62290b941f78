"""What a bundle is made of: each part as files of this machine, by the path they get in the bundle."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from appliance.bundle import BundledModel, Machine
from appliance.bundle_signature import TOOL_PACKAGES
from models.fetch import InstalledModel, ModelShelf
from models.hardware import EngineVariant
from setup import copy
from setup.commands import Commands
from setup.container import installed_engine
from setup.debs import AptFolder, Deb, index
from setup.environment import CPU_TORCH, GPU_RUNTIME, NETWORK_ADVICE, PIP_QUIET
from setup.errors import PackagesMissing
from setup.locks import ENGINE, entries, lock_path
from setup.packages import CORE
from setup.steps import say

Sources = dict[str, Path]

BASE_PACKAGES = ("make", "passwd", "python3")
SCRIPTS = ("install", "packages")
_REQUIREMENT_ENDS = (".whl", ".tar.gz", ".zip")


def tree_files(tree: Path) -> Sources:
    """The program's own files, and the two entries beside them."""
    files = {
        f"tree/{path.as_posix()}": tree / path for path in copy.files_below(tree) if not (tree / path).is_symlink()
    }
    return {**files, **{name: tree / "setup" / "offline" / name for name in SCRIPTS}}


def package_names(signature: str | None) -> list[str]:
    """With the tool that checks the bundle's signature on a machine that has none."""
    tools = [] if signature is None else [TOOL_PACKAGES[signature]]
    return sorted([*BASE_PACKAGES, *(package.name for package in CORE), *tools])


def system_packages(names: Sequence[str], machine: Machine, apt: AptFolder, made: Path) -> tuple[Sources, list[Deb]]:
    """The closure of `names`, and what makes its folder a repository."""
    say("fetching the system packages that are not here yet")
    apt.update()
    debs = apt.resolve(names)
    apt.fetch(names)
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout
    texts = {
        "debs/Packages": index(debs, apt.archives),
        "debs/names": "".join(f"{name}\n" for name in names),
        "debs/target": f"{machine.distribution} {machine.release} {architecture}",
    }
    return {**{f"debs/{deb.plain}": apt.archives / deb.file for deb in debs}, **written(texts, made)}, debs


def written(texts: dict[str, str], made: Path) -> Sources:
    for name, text in texts.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    return {name: made / name for name in texts}


def wheels(tree: Path, variant: EngineVariant, extras: Iterable[str], folder: Path, commands: Commands) -> Sources:
    """Every locked package but the engine, each compared with its hash by pip. What older bundles left is not taken."""
    say("fetching the Python packages that are not here yet")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        chosen = Path(scratch) / "chosen"
        for name in (variant, "build", "engine-build"):
            download(tree, name, folder, chosen, commands)
        if extras:
            has_cpu_torch = variant != "cuda" and download(tree, CPU_TORCH, folder, chosen, commands, optional=True)
            for name in extras:  # beside the CPU build pip would fetch the registry's too, which is not installed then
                download(tree, name, folder, chosen, commands, without=("torch",) if has_cpu_torch else ())
            if not has_cpu_torch:
                download(tree, GPU_RUNTIME, folder, chosen, commands)
        names = sorted(path.name for path in chosen.iterdir() if path.name.endswith(_REQUIREMENT_ENDS))
        for name in names:
            (chosen / name).replace(folder / name)
    return {f"wheels/{name}": folder / name for name in names}


def download(
    tree: Path,
    lock: str,
    known: Path,
    target: Path,
    commands: Commands,
    *,
    optional: bool = False,
    without: Sequence[str] = (),
) -> bool:
    """Into `target`; the network is asked only when the folder `known` does not hold all of it."""
    requirements = target.with_suffix(".txt")
    left = entries(lock_path(tree, lock).read_text())
    requirements.write_text("".join(text for name, text in left.items() if name not in (ENGINE, *without)))
    words = ["download", "--no-deps", "--require-hashes", "--dest", str(target), "-r", str(requirements)]
    command = [sys.executable, "-m", "pip", *words]
    if commands.passes([*command, "--no-index", "--find-links", str(known)], PIP_QUIET):
        return True
    if optional:
        return commands.passes(command, PIP_QUIET)
    commands.run(command, NETWORK_ADVICE, PIP_QUIET)
    return True


def engine_files() -> Sources:
    """The wheel in use, in the folder whose name says what it was built for, and its source for other processors."""
    wheel = installed_engine()
    archives = sorted((wheel.parents[2] / "source").glob("llama_cpp_python-*.tar.gz"))
    if not wheel.exists() or not archives:
        raise PackagesMissing(
            "The engine's wheel or source is no longer in the cache; run `make demo`, then try again."
        )
    return {
        f"engine/{wheel.parent.name}/{wheel.name}": wheel,
        f"engine/source/{archives[-1].name}": archives[-1],
    }


def model_files(model: InstalledModel) -> Sources:
    paths = [model.path, *([model.projector_path] if model.projector_path else [])]
    return {f"models/{model.name}/{path.name}": path for path in paths}


def bundled(model: InstalledModel, shelf: ModelShelf) -> BundledModel:
    entry = shelf.catalog.find(model.name)
    projector = None if model.projector is None else model.projector.name
    return BundledModel(model.name, model.weights.name, projector, entry is not None and entry.is_pinned)


def unpacked_bytes(wheel: Path) -> int:
    if wheel.suffix != ".whl":
        return wheel.stat().st_size * 4
    with zipfile.ZipFile(wheel) as archive:
        return sum(member.file_size for member in archive.infolist())
