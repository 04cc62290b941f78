"""Writes locks/*.txt anew from pyproject.toml: `make relock`. The only part of set-up that resolves versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

RESOLVER = "uv==0.13.9"
ENGINE_VARIANTS = ("cpu", "cuda", "vulkan")
# PyTorch's own CPU build, which the registry does not have; the CPU lock asks for it where pip's settings lead to one.
CPU_TORCH = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
ALSO_ACCEPTED = {"torch==2.13.0": (CPU_TORCH,)}
GPU_RUNTIME = re.compile(r"(nvidia-|cuda-|triton\b)")
HEADER = "# Made by `make relock` from pyproject.toml. Installed with --no-deps --require-hashes.\n"


def inputs(project: dict[str, object]) -> dict[str, list[str]]:
    """The direct requirements of each lock, by its name."""
    table = project["project"]
    extras = table["optional-dependencies"]  # type: ignore[index]
    return {
        **{variant: list(table["dependencies"]) for variant in ENGINE_VARIANTS},  # type: ignore[index]
        "dev": list(extras["dev"]),
        "vision": list(extras["vision"]),
        "train": list(extras["train"]),
        "ray": list(extras["ray"]),
        "build": [*project["build-system"]["requires"], *project["dependency-groups"]["editable-build"]],  # type: ignore[index]
        "engine-build": list(project["dependency-groups"]["engine-build"]),  # type: ignore[index]
        "fuzz": list(project["dependency-groups"]["fuzz"]),  # type: ignore[index]
        "release": list(project["dependency-groups"]["release"]),  # type: ignore[index]
    }


def entries(lock: str) -> list[str]:
    """One text per package: the requirement and the indented hashes below it."""
    return [entry for entry in re.split(r"(?m)^(?=[a-z0-9])", lock) if entry and entry[0].isalnum()]


def tidy(entry: str) -> str:
    """Without the platform marker that all lines share, with the hashes of files we accept besides the registry's."""
    entry = re.sub(r" and sys_platform == 'linux'| ; sys_platform == 'linux'", "", entry)
    extra = ALSO_ACCEPTED.get(entry.split()[0], ())
    return entry.rstrip("\n") + "".join(f" \\\n    --hash=sha256:{digest}" for digest in extra) + "\n"


def split_gpu_runtime(lock: list[str]) -> tuple[list[str], list[str]]:
    """What every machine installs, and what only the registry's CUDA build of torch needs (gigabytes)."""
    gpu = [entry for entry in lock if GPU_RUNTIME.match(entry)]
    return [entry for entry in lock if entry not in gpu], gpu


def constraints(name: str) -> tuple[str, ...]:
    """Locks whose versions another one must keep to, because both are installed into one environment."""
    if name in (*ENGINE_VARIANTS, "build", "engine-build", "release"):
        return ()
    return ("cpu", "dev", "train") if name in ("ray", "fuzz") else ("cpu",)


def resolve(uv: Path, checkout: Path, requirements: list[str], kept: Sequence[Path]) -> list[str]:
    command = [str(uv), "pip", "compile", "-", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate", "--quiet"]
    command += [part for path in kept for part in ("--constraint", str(path))]
    lines = "\n".join(requirements)
    done = subprocess.run(command, input=lines, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True)
    return [tidy(entry) for entry in entries(done.stdout)]


def install_resolver(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", RESOLVER], check=True)
    return folder / "bin" / "uv"


def write(path: Path, lock: list[str]) -> None:
    path.write_text(HEADER + "".join(lock))
    print(f"{path}: {len(lock)} packages", file=sys.stderr)


def relock(checkout: Path) -> None:
    locks = checkout / "locks"
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    gpu_runtime: dict[str, None] = {}
    with tempfile.TemporaryDirectory() as scratch:
        uv = install_resolver(Path(scratch))
        for name, requirements in inputs(project).items():
            kept = [locks / f"{other}.txt" for other in constraints(name)]
            lock, gpu = split_gpu_runtime(resolve(uv, checkout, requirements, kept))
            gpu_runtime |= dict.fromkeys(gpu)
            write(locks / f"{name}.txt", lock)
    write(locks / "torch-cuda.txt", sorted(gpu_runtime))
    write(
        locks / "torch-cpu.txt",
        [f"{torch}+cpu \\\n    --hash=sha256:{digest}\n" for torch, (digest,) in ALSO_ACCEPTED.items()],
    )


if __name__ == "__main__":
    relock(Path(__file__).resolve().parent.parent)
