"""What each of the two commands needs, as steps in order. No decision is left to the steps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.privileges import Account
from models.hardware import EngineVariant
from setup import copy
from setup.commands import Commands
from setup.engine import install_engine, processor_flags
from setup.engine_source import CHANGES, KERNELS
from setup.environment import (
    CPU_TORCH,
    GPU_RUNTIME,
    create_environment,
    has_environment,
    has_project,
    install_lock,
    install_project,
    install_with_torch,
    interpreter,
)
from setup.locks import lock_path
from setup.places import Places
from setup.steps import Step, content_hash


@dataclass(frozen=True, slots=True)
class Wishes:
    """Names of locks, those with torch apart, of models in the catalog, and of sandbox images."""

    locks: tuple[str, ...] = ()
    torch_locks: tuple[str, ...] = ()
    models: tuple[str, ...] = ("qwen2.5-coder-1.5b",)
    stacks: tuple[str, ...] = ("static",)


DEMO = Wishes()
TEST = Wishes(("dev", "ray"), ("train",), ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"), ("static", "vite-react"))
EXTRAS = {**{name: Wishes(torch_locks=(name,)) for name in ("vision", "train")}, "ray": Wishes(("ray",))}
IMAGE_INPUTS = ("sandbox", "Containerfile")


def tree_steps(places: Places) -> list[Step]:
    """The copy is compared each time: people edit what they cloned."""
    if not places.is_copy:
        return []

    def make() -> str:
        for folder in (places.tree.parent.parent, places.tree.parent, places.tree):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        changed = copy.sync(places.checkout, places.tree)
        copy.link_environment(places.checkout, places.tree)
        return (
            f"{places.checkout} is closed to {places.account.name}; {changed} files brought up to date in {places.tree}"
        )

    return [Step("readable copy", "", lambda: is_current_copy(places), make)]


def is_current_copy(places: Places) -> bool:
    link = places.checkout / ".venv"
    return link.is_symlink() and link.readlink() == places.venv and copy.is_in_step(places.checkout, places.tree)


def environment_steps(places: Places, wishes: Wishes, variant: EngineVariant, commands: Commands) -> list[Step]:
    is_root = os.geteuid() == 0
    processor = processor_flags(Path("/proc/cpuinfo").read_text())
    engine = content_hash([lock_path(places.tree, variant), *KERNELS], variant, processor, repr(CHANGES))
    project = content_hash([places.tree / "pyproject.toml"], str(places.tree))

    def create() -> str:
        return create_environment(places, commands, is_root)

    return [
        Step("virtual environment", str(interpreter()), lambda: has_environment(places), create),
        *(packages_step(places, name, commands) for name in (variant, "build", *wishes.locks)),
        *(torch_step(places, name, variant, commands) for name in wishes.torch_locks),
        Step("engine", engine, lambda: True, lambda: install_engine(places, variant, commands, is_root)),
        Step("project", project, lambda: has_project(places), lambda: install_project(places, commands)),
    ]


def packages_step(places: Places, name: str, commands: Commands) -> Step:
    inputs = content_hash([lock_path(places.tree, name)])
    return Step(f"Python packages {name}", inputs, lambda: True, lambda: install_lock(places, name, commands))


def torch_step(places: Places, name: str, variant: EngineVariant, commands: Commands) -> Step:
    inputs = content_hash([lock_path(places.tree, each) for each in (name, CPU_TORCH, GPU_RUNTIME)], variant)
    return Step(
        f"Python packages {name}", inputs, lambda: True, lambda: install_with_torch(places, name, variant, commands)
    )


def content_steps(places: Places, wishes: Wishes, environ: Mapping[str, str], commands: Commands) -> list[Step]:
    """What the product itself fetches and builds, under its own account."""
    data = data_folder(places.account, environ)
    catalog = content_hash([places.tree / "models" / "catalog.toml"])
    image = content_hash([places.tree / name for name in IMAGE_INPUTS], str(places.account.home))
    return [
        *(pull_step(places, name, catalog, data, commands) for name in wishes.models),
        *(image_step(places, stack, image, commands) for stack in wishes.stacks),
    ]


def pull_step(
    places: Places, name: str, catalog: str, data: Path, commands: Commands, folder: Path | None = None
) -> Step:
    """From a folder of model files, or else from the catalog's own source."""
    source: list[str | Path] = [] if folder is None else ["--from", folder]
    advice = f"The model {name} could not be fetched; check the network, or import a file by hand (docs/models.md)."

    def make() -> str:
        commands.show([places.venv / "bin" / "appliance", "models", "pull", name, *source], advice)
        return name

    return Step(f"model {name}", catalog, lambda: (data / "models" / name / "model.json").exists(), make, "about 1 GB")


def image_step(places: Places, stack: str, image: str, commands: Commands) -> Step:
    advice = f"The sandbox image for {stack} sites could not be built; run .venv/bin/appliance doctor."

    def make() -> str:
        commands.show([places.venv / "bin" / "appliance", "sandbox", "build", "--stack", stack], advice)
        return stack

    return Step(f"sandbox image {stack}", image, lambda: True, make)


def data_folder(account: Account, environ: Mapping[str, str]) -> Path:
    """Where the product keeps its data, by the rules of its own configuration."""
    if home := environ.get("APPLIANCE_HOME"):
        return Path(home)
    base = environ.get("XDG_DATA_HOME") if os.geteuid() != 0 else None
    return Path(base or account.home / ".local" / "share") / "appliance"
