"""The engine: llama-cpp-python, built once per machine and variant, proven by decoding before it is trusted.

A build may succeed and still crash on the first matrix product (a compiler's tile instructions, a processor that hides
what it cannot do), so each rung of the ladder is tested in a child process and the next one is taken when it fails.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.account import environment_for
from appliance.privileges import command_as
from models.hardware import EngineVariant, parse_cpuinfo
from setup.commands import Commands
from setup.engine_source import CHANGES, KERNELS, unpack
from setup.environment import NETWORK_ADVICE, PIP_QUIET, advice_of, pip, source_words
from setup.errors import CommandFailed, EngineUnusable
from setup.locks import ENGINE, engine_only, lock_path, pinned_version
from setup.places import Places
from setup.steps import content_hash, say

VARIANT_FLAGS: Mapping[EngineVariant, tuple[str, ...]] = {
    "cpu": (),
    "cuda": ("-DGGML_CUDA=ON",),
    "vulkan": ("-DGGML_VULKAN=ON",),
}
LAYER_SETTINGS = Path(__file__).with_name("vulkan_layer_settings.hpp")
# GCC before 13.3 drops most of the tile configuration it should store, which ends in a protection fault.
NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to build. `c_flags` are given to the C and the C++ compiler."""

    name: str
    variant: EngineVariant
    c: str
    cxx: str
    cmake: tuple[str, ...] = ()
    c_flags: str = ""

    @property
    def is_native(self) -> bool:
        return "-DGGML_NATIVE=OFF" not in self.cmake

    def environment(self, jobs: int) -> dict[str, str]:
        included = f'-include "{LAYER_SETTINGS}"' if self.variant == "vulkan" else ""
        flags = {"CFLAGS": self.c_flags, "CXXFLAGS": f"{self.c_flags} {included}".strip()}
        cmake = " ".join((*VARIANT_FLAGS[self.variant], *self.cmake))
        return {"CC": self.c, "CXX": self.cxx, "CMAKE_ARGS": cmake, "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs), **flags}


def ladder(variant: EngineVariant, compilers: frozenset[str], machine: str) -> list[Rung]:
    """Fastest first, the last run on any processor of this kind. A GPU variant, slow to build, ends in the CPU's."""
    gcc_flags = NO_AMX if machine == "x86_64" else ""
    rungs = []
    if "clang" in compilers:
        rungs.append(Rung("clang, native", variant, "clang", "clang++"))
    if "gcc" in compilers:
        rungs.append(Rung("gcc, native without AMX", variant, "gcc", "g++", c_flags=gcc_flags))
    if variant != "cpu":
        return [*rungs, *ladder("cpu", compilers, machine)]
    for c, cxx in (("clang", "clang++"), ("gcc", "g++")):
        if c in compilers:
            rungs.append(Rung(f"{c}, portable", variant, c, cxx, ("-DGGML_NATIVE=OFF",)))
    return rungs


def found_compilers() -> frozenset[str]:
    pairs = {"clang": "clang++", "gcc": "g++"}
    return frozenset(c for c, cxx in pairs.items() if shutil.which(c) and shutil.which(cxx))


def processor_flags(cpuinfo: str) -> str:
    """The instruction sets; what a native build depends on."""
    _, flags = parse_cpuinfo(cpuinfo)
    return " ".join(sorted(flags))


def wheel_folder(cache: Path, rung: Rung, lock: str) -> Path:
    processor = processor_flags(Path("/proc/cpuinfo").read_text()) if rung.is_native else platform.machine()
    version = subprocess.run([rung.c, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    python = f"{sys.implementation.cache_tag}-{platform.machine()}-{platform.libc_ver()[1]}"
    changes = (CHANGES, *(kernels.read_text() for kernels in KERNELS))
    key = hashlib.sha256(repr((engine_only(lock), changes, rung, processor, version, python)).encode()).hexdigest()[:16]
    return cache / "engine" / f"{rung.variant}-{key}"


def cached_wheel(folder: Path) -> Path | None:
    return next(folder.glob("llama_cpp_python-*.whl"), None)


class EngineBuilder:
    """Turns the hash-pinned source archive, with our kernels put in, into a wheel.

    The build's own packages come by hash too.
    """

    def __init__(self, places: Places, variant: EngineVariant, commands: Commands) -> None:
        self._places = places
        self._lock = lock_path(places.tree, variant)
        self._commands = commands

    def wheel(self, rung: Rung) -> Path:
        folder = wheel_folder(self._places.cache, rung, self._lock.read_text())
        if (wheel := cached_wheel(folder)) is not None:
            return wheel
        expected = "three" if rung.variant == "cpu" else "ten"
        say(f"building the engine ({rung.variant}: {rung.name}), about {expected} minutes on 2 cores, once per machine")
        tools, part = self._tools(), folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        words = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(part)]
        source = unpack(self._source(tools), folder.with_suffix(".source"))
        environment = {**PIP_QUIET, **rung.environment(os.cpu_count() or 1), "PATH": f"{tools}:{os.environ['PATH']}"}
        command = [str(tools / "python"), "-m", "pip", *words, str(source)]
        self._commands.run(command, f"The engine did not build with {rung.name}.", environment)
        shutil.rmtree(source.parent)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
        wheel = cached_wheel(folder)
        assert wheel is not None
        return wheel

    def _tools(self) -> Path:
        """The bin folder of an environment with the build's packages."""
        lock = lock_path(self._places.tree, "engine-build")
        folder = self._places.cache / f"engine-build-{content_hash([lock], sys.version)}"
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            self._commands.run([sys.executable, "-m", "venv", folder], "The build environment could not be made.")
            words = ["-m", "pip", "install", "--no-deps", "--require-hashes", *source_words(self._places)]
            command = [str(folder / "bin" / "python"), *words, "-r", str(lock)]
            self._commands.run(command, advice_of(self._places), PIP_QUIET)
            (folder / "complete").touch()
        return folder / "bin"

    def _source(self, tools: Path) -> Path:
        lock = self._lock.read_text()
        folder = self._places.cache / "source"
        archive = folder / f"llama_cpp_python-{pinned_version(lock, ENGINE)}.tar.gz"
        if is_pinned(archive, engine_only(lock)):
            return archive
        folder.mkdir(parents=True, exist_ok=True)
        requirement = folder / "engine.txt"
        requirement.write_text(engine_only(lock))
        words = ["download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        command = [str(tools / "python"), "-m", "pip", *words, "--dest", str(folder), "-r", str(requirement)]
        self._commands.run(command, NETWORK_ADVICE, {**PIP_QUIET, "PATH": f"{tools}:{os.environ['PATH']}"})
        return archive


def is_pinned(archive: Path, lock_entry: str) -> bool:
    return archive.exists() and f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}" in lock_entry


def install_engine(places: Places, variant: EngineVariant, commands: Commands, is_root: bool) -> str:
    builder = EngineBuilder(places, variant, commands)
    rungs = ladder(variant, found_compilers(), platform.machine())

    python = str(places.venv / "bin" / "python")
    # Otherwise a broken checkout would look like a broken engine, and be built for in vain.
    commands.run([python, "-c", "import models.self_test"], "The checkout is not whole; clone it again.")

    def works() -> bool:
        test = [python, "-m", "models.self_test"]
        if not is_root:
            return commands.passes(test)
        return commands.passes(command_as(places.account, test), environment_for(places.account, os.environ))

    taken, reasons = first_that_works(rungs, lambda rung: put_in(places, builder.wheel(rung), commands), works)
    because = f"; {'; '.join(reasons)}" if reasons else ""
    return f"{taken.variant}, {taken.name}{because}"


def put_in(places: Places, wheel: Path, commands: Commands) -> None:
    words = ["install", "--no-deps", "--no-index", "--force-reinstall", str(wheel)]
    pip(
        places,
        words,
        f"The engine's wheel {wheel} could not be installed; remove it and run the command again.",
        commands,
    )


def first_that_works(
    rungs: list[Rung], put: Callable[[Rung], None], works: Callable[[], bool]
) -> tuple[Rung, list[str]]:
    """The rung that decodes, and why those before it were left."""
    reasons: list[str] = []
    for rung in rungs:
        try:
            put(rung)
        except CommandFailed as error:
            reasons.append(f"{rung.variant}, {rung.name}: did not build")
            say(str(error))
            continue
        if works():
            return rung, reasons
        reasons.append(f"{rung.variant}, {rung.name}: failed its self-test")
        say(f"the engine built with {rung.name} fails its self-test on this processor, taking the next way")
    tried = "; ".join(reasons) or "no C++ compiler was found"
    raise EngineUnusable(f"No build of the engine works here ({tried}); install clang or a newer gcc and try again.")
