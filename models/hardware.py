"""What this machine offers a model, and which build of the engine suits it.

Parsing and choosing are pure and work on recorded output; only `detect_hardware` looks at the machine.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from models.errors import EngineMissing

EngineVariant = Literal["cpu", "cuda", "vulkan"]

_MIN_CUDA_DRIVER = 525  # the first driver branch that runs CUDA 12
_MIN_USEFUL_MIB = 2048
_SOFTWARE_RENDERERS = ("llvmpipe", "lavapipe", "swiftshader", "softpipe")
_PROBE_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Gpu:
    """`total_mib` and `free_mib` are None where the driver does not tell."""

    name: str
    api: Literal["cuda", "vulkan"]
    total_mib: int | None
    free_mib: int | None
    driver: str = ""


@dataclass(frozen=True, slots=True)
class HardwareFacts:
    """`display_adapters`: PCI vendors of the graphics cards that are plugged in, working driver or not."""

    cpu_name: str
    cores: int
    cpu_flags: frozenset[str]
    ram_total_mib: int
    ram_free_mib: int
    gpus: tuple[Gpu, ...] = ()
    display_adapters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineInUse:
    """`unused_gpu` says in one sentence which GPU lies idle and why, or is empty."""

    variant: EngineVariant
    version: str
    unused_gpu: str


def choose_variant(facts: HardwareFacts) -> EngineVariant:
    """CUDA where the driver is new enough and the card large enough, else Vulkan on a real GPU, else the CPU."""
    useful = [g for g in facts.gpus if g.total_mib is None or g.total_mib >= _MIN_USEFUL_MIB]
    if any(g.api == "cuda" and _major(g.driver) >= _MIN_CUDA_DRIVER for g in useful):
        return "cuda"
    return "vulkan" if any(g.api == "vulkan" for g in useful) else "cpu"


def engine_in_use(facts: HardwareFacts) -> EngineInUse:
    variant = installed_variant()
    return EngineInUse(variant, _engine_version(), unused_gpu(facts, variant))


def unused_gpu(facts: HardwareFacts, variant: EngineVariant) -> str:
    wanted = choose_variant(facts)
    if (wanted, variant) == ("cuda", "vulkan"):
        return ""  # the Vulkan build drives CUDA cards too
    if wanted not in ("cpu", variant):
        names = ", ".join(sorted({g.name for g in facts.gpus}))
        return f"{names} is not used: the installed engine is the {variant} build; set up again to build '{wanted}'."
    if wanted == "cpu" and facts.display_adapters and not facts.gpus:
        return (
            f"A graphics card ({', '.join(facts.display_adapters)}) is there but no driver that computes; install it."
        )
    return ""


def installed_variant() -> EngineVariant:
    """By the backends that lie beside the engine's library; nothing is loaded."""
    library = _library_folder()
    for variant in ("cuda", "vulkan"):
        if any(library.glob(f"*ggml-{variant}*")):
            return variant
    return "cpu"


def _library_folder() -> Path:
    if override := os.environ.get("LLAMA_CPP_LIB_PATH"):
        return Path(override)
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.origin is None:
        raise EngineMissing("llama-cpp-python is not installed for this Python; run set-up again.")
    return Path(found.origin).parent / "lib"


def _engine_version() -> str:
    try:
        return version("llama_cpp_python")
    except PackageNotFoundError as error:
        raise EngineMissing("llama-cpp-python is not installed for this Python; run set-up again.") from error


def detect_hardware() -> HardwareFacts:
    name, flags = parse_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    total, free = parse_meminfo(Path("/proc/meminfo").read_text(encoding="utf-8"))
    nvidia = _output("nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader")
    return HardwareFacts(
        cpu_name=name,
        cores=len(os.sched_getaffinity(0)),
        cpu_flags=flags,
        ram_total_mib=total,
        ram_free_mib=free,
        gpus=(*parse_nvidia_smi(nvidia), *parse_vulkaninfo(_output("vulkaninfo", "--summary"), _amd_vram_mib())),
        display_adapters=tuple(_display_adapters()),
    )


def cpu_flags() -> frozenset[str]:
    """The instruction sets of this machine's processor."""
    return parse_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8"))[1]


def parse_cpuinfo(text: str) -> tuple[str, frozenset[str]]:
    fields = dict(_fields(text.split("\n\n")[0]))
    flags = fields.get("flags", fields.get("Features", ""))
    return fields.get("model name", "unknown CPU"), frozenset(flags.split())


def parse_meminfo(text: str) -> tuple[int, int]:
    """Total and available, in MiB."""
    fields = dict(_fields(text))
    return int(fields["MemTotal"].split()[0]) >> 10, int(fields["MemAvailable"].split()[0]) >> 10


def parse_nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """Lines like `NVIDIA GeForce RTX 3060, 12288 MiB, 11911 MiB, 550.90.07`; cards it cannot read say [N/A]."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return tuple(Gpu(row[0], "cuda", _mib(row[1]), _mib(row[2]), row[3]) for row in rows if len(row) == 4)


def parse_vulkaninfo(text: str, vram_mib: tuple[int, int] | None = None) -> tuple[Gpu, ...]:
    """The summary's devices, without those that only pretend to be a GPU. `vram_mib`: total and free, if known."""
    total, free = vram_mib or (None, None)
    devices = [dict(_fields(block, "=")) for block in text.split("\nGPU")[1:]]
    return tuple(
        Gpu(device.get("deviceName", "unknown GPU"), "vulkan", total, free, device.get("driverInfo", ""))
        for device in devices
        if device.get("deviceType", "").endswith(("DISCRETE_GPU", "INTEGRATED_GPU"))
        and not device.get("deviceName", "").lower().startswith(_SOFTWARE_RENDERERS)
    )


def _amd_vram_mib() -> tuple[int, int] | None:
    for total in Path("/sys/class/drm").glob("card*/device/mem_info_vram_total"):
        size = int(total.read_text(encoding="ascii"))
        used = int(total.with_name("mem_info_vram_used").read_text(encoding="ascii"))
        return size >> 20, (size - used) >> 20
    return None


def _display_adapters() -> Iterator[str]:
    names = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
    for device in sorted(Path("/sys/bus/pci/devices").glob("*")):
        vendor = (device / "vendor").read_text(encoding="ascii").strip()
        if (device / "class").read_text(encoding="ascii").startswith("0x03") and vendor in names:
            yield names[vendor]


def _fields(text: str, separator: str = ":") -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, found, value = line.partition(separator)
        if found:
            yield key.strip(), value.strip()


def _mib(cell: str) -> int | None:
    number = cell.split()[0] if cell else ""
    return int(number) if number.isdigit() else None


def _major(driver: str) -> int:
    head = driver.split(".")[0]
    return int(head) if head.isdigit() else 0


def _output(*command: str) -> str:
    """Empty when the tool is missing or fails: then there is nothing of its kind to use."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PROBE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return ""
    return result.stdout if result.returncode == 0 else ""
