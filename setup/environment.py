"""The virtual environment and what pip puts into it, all of it by hash."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from appliance.privileges import unreadable_for
from models.hardware import EngineVariant
from setup.commands import Commands
from setup.errors import PythonUnusable
from setup.locks import lock_path, without_engine
from setup.places import Places

GPU_RUNTIME = "torch-cuda"
CPU_TORCH = "torch-cpu"
PIP_QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore"}
NETWORK_ADVICE = (
    "Python packages could not be installed; check the network and pip's settings, then run the command again."
)


OFFLINE_ADVICE = "Python packages of the bundle could not be installed; is it for this Python? See docs/bundle.md."


def source_words(places: Places) -> list[str]:
    """Where pip looks."""
    return [] if places.wheels is None else ["--no-index", "--find-links", str(places.wheels)]


def advice_of(places: Places) -> str:
    return NETWORK_ADVICE if places.wheels is None else OFFLINE_ADVICE


def interpreter() -> Path:
    return Path(sys.executable).resolve()


def has_environment(places: Places) -> bool:
    """An environment outlives neither its interpreter nor a move of its folder."""
    python = places.venv / "bin" / "python"
    settings = places.venv / "pyvenv.cfg"
    return (places.venv / "bin" / "pip").exists() and python.resolve() == interpreter() and settings.exists()


def create_environment(places: Places, commands: Commands, is_root: bool) -> str:
    if is_root and unreadable_for(places.account, [interpreter()]):
        raise PythonUnusable(
            f"{interpreter()} cannot be run by the user {places.account.name}; install your distribution's python3 "
            f"(3.11 or newer) and python3-venv, and run the command again."
        )
    if places.venv.is_dir():
        shutil.rmtree(places.venv)
    advice = "The virtual environment could not be made; install python3-venv and run the command again."
    commands.run([sys.executable, "-m", "venv", places.venv], advice)
    return f"{places.venv} (Python {sys.version.split()[0]})"


def install_lock(places: Places, name: str, commands: Commands) -> str:
    lock = lock_path(places.tree, name)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(without_engine(lock.read_text()))
        requirements.flush()
        words = ["install", "--no-deps", "--require-hashes", *source_words(places), "-r", requirements.name]
        pip(places, words, advice_of(places), commands)
    return str(lock.relative_to(places.tree))


def install_with_torch(places: Places, name: str, variant: EngineVariant, commands: Commands) -> str:
    """Without a CUDA GPU, torch's CPU build is tried first: the registry's is linked to 3 GB of CUDA libraries."""
    cpu_torch = ["install", "--no-deps", "--require-hashes", *source_words(places)]
    cpu_torch += ["-r", str(lock_path(places.tree, CPU_TORCH))]
    took_cpu_torch = variant != "cuda" and commands.passes(pip_command(places, cpu_torch), PIP_QUIET)
    installed = install_lock(places, name, commands)
    if needs_gpu_runtime(places):
        install_lock(places, GPU_RUNTIME, commands)
        return f"{installed} with the registry's torch and its CUDA libraries"
    return f"{installed}{' with the CPU build of torch' if took_cpu_torch else ''}"


def needs_gpu_runtime(places: Places) -> bool:
    """The registry's torch is linked against CUDA libraries that are packages of their own; the CPU build is not."""
    for metadata in places.venv.glob("lib/python3*/site-packages/torch-*.dist-info/METADATA"):
        return any(line.startswith(("Requires-Dist: nvidia-", "Requires-Dist: cuda-")) for line in _lines(metadata))
    return False


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()


def install_project(places: Places, commands: Commands) -> str:
    words = ["install", "--no-deps", "--no-index", "--no-build-isolation", "--editable", str(places.tree)]
    pip(places, words, f"The project in {places.tree} could not be installed; is the checkout whole?", commands)
    pip(
        places,
        ["check"],
        "The installed packages do not fit together; remove .venv and run the command again.",
        commands,
    )
    return str(places.tree)


def pip(places: Places, words: Sequence[str], advice: str, commands: Commands) -> None:
    commands.run(pip_command(places, words), advice, PIP_QUIET)


def pip_command(places: Places, words: Sequence[str]) -> list[str]:
    return [str(places.venv / "bin" / "python"), "-m", "pip", *words]


def has_project(places: Places) -> bool:
    """Installed from here: a copied environment may still lead elsewhere."""
    for origin in places.venv.glob("lib/python3*/site-packages/webgen_appliance-*.dist-info/direct_url.json"):
        return bool(json.loads(origin.read_text()).get("url") == places.tree.as_uri())
    return False
