"""Which engine variant to build: what the hardware asks for, as far as the machine can compile it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from models.hardware import EngineVariant, HardwareFacts, choose_variant
from setup.packages import Package

VULKAN_BUILD = (
    Package("libvulkan-dev", files=("usr/include/vulkan/vulkan.h",)),
    Package("glslc", ("glslc",)),
    Package("spirv-headers", files=("usr/*/cmake/SPIRV-Headers/*.cmake", "usr/lib/*/cmake/SPIRV-Headers/*.cmake")),
)


@dataclass(frozen=True, slots=True)
class VariantChoice:
    """`packages` are needed to build it; `notice` is for the person whose GPU is not used as well as it could be."""

    variant: EngineVariant
    packages: tuple[Package, ...] = ()
    notice: str = ""


def choose_build(facts: HardwareFacts, has_nvcc: bool) -> VariantChoice:
    """Vulkan also runs on NVIDIA cards and its build tools are small, unlike CUDA's."""
    wanted = choose_variant(facts)
    if wanted == "cpu":
        return VariantChoice("cpu")
    if wanted == "vulkan":
        return VariantChoice("vulkan", VULKAN_BUILD)
    if has_nvcc:
        return VariantChoice("cuda")
    name = next(gpu.name for gpu in facts.gpus if gpu.api == "cuda")
    notice = f"{name} works through Vulkan, because nvcc is missing; with nvidia-cuda-toolkit set-up builds for CUDA"
    return VariantChoice("vulkan", VULKAN_BUILD, notice)


def has_nvcc() -> bool:
    return shutil.which("nvcc") is not None
