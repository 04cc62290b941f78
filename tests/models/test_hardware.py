"""Choosing an engine from recorded output of the tools; this machine need not have any of it."""

import pytest

from models.hardware import (
    Gpu,
    HardwareFacts,
    choose_variant,
    detect_hardware,
    installed_variant,
    parse_cpuinfo,
    parse_meminfo,
    parse_nvidia_smi,
    parse_vulkaninfo,
    unused_gpu,
)

NVIDIA_SMI = "NVIDIA GeForce RTX 3060, 12288 MiB, 11911 MiB, 550.90.07\n"
NVIDIA_TWO = NVIDIA_SMI + "NVIDIA GeForce GT 710, 1024 MiB, 900 MiB, 470.256.02\n"
NVIDIA_OLD = "Tesla K80, 11441 MiB, 11000 MiB, 470.256.02\n"
NVIDIA_MUTE = "NVIDIA GB10, [N/A], [N/A], 580.95.05\n"
VULKAN = """==========
VULKANINFO
==========

Vulkan Instance Version: 1.3.275

Devices:
========
GPU0:
	apiVersion         = 1.3.274
	driverVersion      = 24.0.9
	vendorID           = 0x1002
	deviceID           = 0x744c
	deviceType         = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU
	deviceName         = AMD Radeon RX 7900 XTX (RADV NAVI31)
	driverName         = radv
	driverInfo         = Mesa 24.0.9
GPU1:
	apiVersion         = 1.3.274
	deviceType         = PHYSICAL_DEVICE_TYPE_CPU
	deviceName         = llvmpipe (LLVM 17.0.6, 256 bits)
	driverInfo         = Mesa 24.0.9 (LLVM 17.0.6)
"""
VULKAN_SOFTWARE = VULKAN[: VULKAN.index("GPU0:")] + VULKAN[VULKAN.index("GPU1:") :].replace("GPU1:", "GPU0:")


def facts(*gpus: Gpu, display: tuple[str, ...] = ()) -> HardwareFacts:
    return HardwareFacts("cpu", 8, frozenset({"avx2"}), 32000, 24000, gpus, display)


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ((), "cpu"),
        (parse_nvidia_smi(NVIDIA_SMI), "cuda"),
        (parse_nvidia_smi(NVIDIA_TWO), "cuda"),
        (parse_nvidia_smi(NVIDIA_MUTE), "cuda"),
        (parse_nvidia_smi(NVIDIA_OLD), "cpu"),
        (parse_vulkaninfo(VULKAN, (24560, 23000)), "vulkan"),
        (parse_vulkaninfo(VULKAN_SOFTWARE), "cpu"),
        (parse_nvidia_smi(NVIDIA_OLD) + parse_vulkaninfo(VULKAN), "vulkan"),
        (parse_nvidia_smi(NVIDIA_SMI) + parse_vulkaninfo(VULKAN), "cuda"),
    ],
)
def test_the_engine_follows_the_card_and_its_driver(gpus: tuple[Gpu, ...], expected: str) -> None:
    assert choose_variant(facts(*gpus)) == expected


def test_cards_are_read_with_their_memory() -> None:
    assert parse_nvidia_smi(NVIDIA_SMI) == (Gpu("NVIDIA GeForce RTX 3060", "cuda", 12288, 11911, "550.90.07"),)
    assert parse_nvidia_smi(NVIDIA_MUTE)[0].free_mib is None
    assert parse_nvidia_smi("No devices were found\n") == ()
    amd = parse_vulkaninfo(VULKAN, (24560, 23000))
    assert [(g.name, g.free_mib) for g in amd] == [("AMD Radeon RX 7900 XTX (RADV NAVI31)", 23000)]


def test_an_idle_card_is_told_in_one_sentence() -> None:
    card = parse_nvidia_smi(NVIDIA_SMI)
    assert "RTX 3060 is not used" in unused_gpu(facts(*card), "cpu")
    assert unused_gpu(facts(*card), "cuda") == ""
    assert unused_gpu(facts(*card), "vulkan") == ""
    assert "no driver" in unused_gpu(facts(display=("NVIDIA",)), "cpu")
    assert unused_gpu(facts(), "cpu") == ""


def test_cpu_and_memory_are_read_from_proc() -> None:
    name, flags = parse_cpuinfo(
        "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 amx_tile\n\nprocessor\t: 1\n"
    )
    assert (name, "amx_tile" in flags) == ("AMD EPYC", True)
    assert parse_meminfo("MemTotal:  24576000 kB\nMemFree: 1 kB\nMemAvailable:  10240000 kB\n") == (24000, 10000)


def test_this_machine_can_be_asked() -> None:
    here = detect_hardware()
    assert here.cores >= 1
    assert 0 < here.ram_free_mib <= here.ram_total_mib
    assert installed_variant() in ("cpu", "cuda", "vulkan")
