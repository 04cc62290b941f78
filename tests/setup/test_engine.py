from __future__ import annotations

from pathlib import Path

import pytest

from appliance.privileges import Account
from models.hardware import Gpu, HardwareFacts
from setup.commands import Commands
from setup.engine import Rung, first_that_works, is_pinned, ladder, processor_flags, wheel_folder
from setup.engine_source import CHANGES, changed
from setup.errors import CommandFailed, EngineUnusable
from setup.gpu import choose_build
from setup.places import Places
from setup.plan import Wishes, environment_steps
from tests.setup.machine import CHECKOUT

BOTH = frozenset({"clang", "gcc"})
LOCK = (Path(__file__).resolve().parent.parent.parent / "locks" / "cpu.txt").read_text()
CUDA_CARD = Gpu("NVIDIA GeForce RTX 3060", "cuda", 12288, 11911, "550.90.07")
VULKAN_CARD = Gpu("AMD Radeon RX 7600", "vulkan", 8176, 8000, "Mesa 23")


def names(rungs: list[Rung]) -> list[str]:
    return [f"{rung.variant}: {rung.name}" for rung in rungs]


def test_the_cpu_ladder_goes_from_fast_to_portable() -> None:
    assert names(ladder("cpu", BOTH, "x86_64")) == [
        "cpu: clang, native",
        "cpu: gcc, native without AMX",
        "cpu: clang, portable",
        "cpu: gcc, portable",
    ]


def test_without_clang_gcc_is_kept_from_the_instructions_it_miscompiles() -> None:
    native = ladder("cpu", frozenset({"gcc"}), "x86_64")[0].environment(2)
    assert "-mno-amx-tile" in native["CFLAGS"]
    assert native["CFLAGS"] == native["CXXFLAGS"]


def test_other_processors_get_no_flags_of_this_one() -> None:
    assert ladder("cpu", frozenset({"gcc"}), "aarch64")[0].environment(2)["CFLAGS"] == ""


def test_a_gpu_that_cannot_be_built_for_ends_on_the_cpu() -> None:
    rungs = ladder("vulkan", BOTH, "x86_64")
    assert rungs[0].environment(2)["CMAKE_ARGS"] == "-DGGML_VULKAN=ON"
    assert "vulkan_layer_settings.hpp" in rungs[0].environment(2)["CXXFLAGS"]
    assert [rung.variant for rung in rungs] == ["vulkan"] * 2 + ["cpu"] * 4


def test_the_first_rung_that_decodes_is_taken_and_the_reasons_are_kept() -> None:
    rungs = ladder("cpu", BOTH, "x86_64")
    installed: list[str] = []

    def put(rung: Rung) -> None:
        if rung.c == "clang" and rung.is_native:
            raise CommandFailed("clang is broken")
        installed.append(rung.name)

    taken, reasons = first_that_works(rungs, put, lambda: installed[-1].endswith("portable"))
    assert taken.name == "clang, portable"
    assert reasons == [
        "cpu, clang, native: did not build",
        "cpu, gcc, native without AMX: failed its self-test",
    ]


def test_a_machine_where_nothing_decodes_says_so_in_one_sentence() -> None:
    with pytest.raises(EngineUnusable, match=r"No build of the engine works here \(cpu, gcc, .*failed its self-test\)"):
        first_that_works(ladder("cpu", frozenset({"gcc"}), "x86_64"), lambda rung: None, lambda: False)
    with pytest.raises(EngineUnusable, match=r"no C\+\+ compiler was found"):
        first_that_works([], lambda rung: None, lambda: True)


def test_another_build_is_another_folder_in_the_cache(tmp_path: Path) -> None:
    clang, gcc, portable, _ = ladder("cpu", BOTH, "x86_64")
    cuda = ladder("cuda", BOTH, "x86_64")[0]
    assert len({wheel_folder(tmp_path, rung, LOCK) for rung in (clang, gcc, portable, cuda)}) == 4
    assert wheel_folder(tmp_path, clang, LOCK) == wheel_folder(tmp_path, clang, LOCK)


def test_a_changed_source_archive_is_fetched_again(tmp_path: Path) -> None:
    archive = tmp_path / "engine.tar.gz"
    archive.write_bytes(b"source")
    digest = "41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d"
    assert is_pinned(archive, f"--hash=sha256:{digest}")
    archive.write_bytes(b"sourse")
    assert not is_pinned(archive, f"--hash=sha256:{digest}")


def test_processor_flags_do_not_depend_on_their_order() -> None:
    assert processor_flags("flags : sse2 avx\n") == processor_flags("flags : avx sse2\n") == "avx sse2"


@pytest.mark.parametrize(
    ("gpus", "has_nvcc", "variant", "notice"),
    [
        ((), True, "cpu", ""),
        ((CUDA_CARD,), True, "cuda", ""),
        ((CUDA_CARD,), False, "vulkan", "RTX 3060 works through Vulkan, because nvcc is missing"),
        ((VULKAN_CARD,), False, "vulkan", ""),
    ],
)
def test_the_variant_is_what_the_gpu_asks_for_and_the_machine_can_compile(
    gpus: tuple[Gpu, ...], has_nvcc: bool, variant: str, notice: str
) -> None:
    choice = choose_build(HardwareFacts("a processor", 2, frozenset(), 16000, 12000, gpus), has_nvcc)
    assert choice.variant == variant
    assert notice in choice.notice
    assert bool(choice.packages) == (variant == "vulkan")


def test_the_kernels_are_put_into_the_source_once_and_another_source_is_refused() -> None:
    for name, guard, times in (("repack.cpp", "#ifdef FEW_ROWS", 5), ("ops.cpp", "#ifdef FEW_HEADS", 1)):
        ours = "".join(old for old, _ in CHANGES[name])
        assert changed(ours, CHANGES[name]).count(guard) == times
        with pytest.raises(CommandFailed, match="not the expected one"):
            changed(ours * 2, CHANGES[name])


def test_other_kernels_make_set_up_build_the_engine_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account("nobody", 65534, 65534, Path("/nonexistent"), Path("/nonexistent"))
    places = Places(CHECKOUT, CHECKOUT, Path("/nonexistent"), account)

    def inputs() -> str:
        steps = environment_steps(places, Wishes(), "cpu", Commands(Path("/dev/null"), CHECKOUT))
        return next(step.inputs for step in steps if step.name == "engine")

    before = inputs()
    assert inputs() == before
    monkeypatch.setattr("setup.plan.CHANGES", {})
    assert inputs() != before
