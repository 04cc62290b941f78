"""Which engine variant to build. Only what can be asked before anything is installed: which programs answer."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from setup.engine import Variant

QUESTION_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """`nvidia` and `vulkan`: names of devices that the driver shows; the rest: whether the build tool is there."""

    nvidia: tuple[str, ...] = ()
    vulkan: tuple[str, ...] = ()
    has_nvcc: bool = False
    has_glslc: bool = False


def choose_variant(facts: GpuFacts) -> tuple[Variant, str]:
    """The variant, and what the person should know about a GPU that stays unused."""
    if facts.nvidia and facts.has_nvcc:
        return "cuda", ""
    if (facts.vulkan or facts.nvidia) and facts.has_glslc:
        return "vulkan", ""
    if facts.nvidia:
        return "cpu", f"{facts.nvidia[0]} stays unused: install nvidia-cuda-toolkit and run set-up again"
    if facts.vulkan:
        return "cpu", f"{facts.vulkan[0]} stays unused: install libvulkan-dev and glslc and run set-up again"
    return "cpu", ""


def gpu_facts() -> GpuFacts:
    return GpuFacts(
        nvidia=_lines(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]),
        vulkan=vulkan_devices("\n".join(_lines(["vulkaninfo", "--summary"]))),
        has_nvcc=shutil.which("nvcc") is not None,
        has_glslc=shutil.which("glslc") is not None,
    )


def vulkan_devices(summary: str) -> tuple[str, ...]:
    """Names of real devices: a software renderer also calls itself one."""
    blocks = summary.split("GPU")[1:]
    real = [block for block in blocks if "PHYSICAL_DEVICE_TYPE_CPU" not in block]
    names = [line.split("=", 1)[1].strip() for block in real for line in block.splitlines() if "deviceName" in line]
    return tuple(names)


def _lines(command: list[str]) -> tuple[str, ...]:
    """None of it where the program is missing or has no device to speak of: that is an answer, not a failure."""
    if shutil.which(command[0]) is None:
        return ()
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=QUESTION_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return ()
    return tuple(answer.stdout.splitlines()) if answer.returncode == 0 else ()
