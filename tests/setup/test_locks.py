from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from setup.locks import ENGINE, engine_only, entries, pinned_version, without_engine
from setup.relock import ALSO_ACCEPTED, ENGINE_VARIANTS, inputs, split_gpu_runtime, tidy

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LOCKS = sorted((CHECKOUT / "locks").glob("*.txt"))
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_pinned_and_has_hashes(path: Path) -> None:
    for name, entry in entries(path.read_text()).items():
        assert re.match(rf"{re.escape(name)}==\S+", entry)
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_no_lock_names_a_host(path: Path) -> None:
    assert not re.search(r"https?:|://|--index-url|--find-links", path.read_text())


@pytest.mark.parametrize(("name", "requirements"), inputs(PROJECT).items())
def test_direct_dependencies_are_pinned_exactly_and_locked_as_pinned(name: str, requirements: list[str]) -> None:
    lock = (CHECKOUT / "locks" / f"{name}.txt").read_text()
    for requirement in requirements:
        package, version = requirement.split("==")
        assert pinned_version(lock, package.partition("[")[0]) == version


def test_the_demo_needs_no_torch() -> None:
    for variant in ENGINE_VARIANTS:
        names = entries((CHECKOUT / "locks" / f"{variant}.txt").read_text())
        assert not {"torch", "transformers", "triton"} & set(names)


def test_torch_is_accepted_as_the_registrys_file_and_as_the_cpu_build() -> None:
    for name in ("vision", "train"):
        torch = entries((CHECKOUT / "locks" / f"{name}.txt").read_text())["torch"]
        digests = set(re.findall(r"sha256:(\w{64})", torch))
        assert set(ALSO_ACCEPTED["torch==2.13.0"]) < digests


def test_the_gpu_libraries_stay_out_of_the_locks_every_machine_installs() -> None:
    for path in LOCKS:
        if path.stem != "torch-cuda":
            assert not [name for name in entries(path.read_text()) if name.startswith(("nvidia-", "cuda-"))]
    assert "nvidia-cublas" in entries((CHECKOUT / "locks" / "torch-cuda.txt").read_text())


def test_the_engine_is_taken_out_for_the_build() -> None:
    lock = (CHECKOUT / "locks" / "cpu.txt").read_text()
    assert ENGINE not in entries(without_engine(lock))
    assert list(entries(engine_only(lock))) == [ENGINE]


def test_two_versions_for_two_pythons_stay_together() -> None:
    lock = "networkx==3.6 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\n"
    lock += "networkx==3.7 ; python_full_version >= '3.12' \\\n    --hash=sha256:bb\n"
    assert entries(lock)["networkx"].count("==3.") == 2


def test_the_marker_all_lines_share_is_dropped_and_others_are_kept() -> None:
    entry = "a==1 ; python_full_version < '3.15' and sys_platform == 'linux' \\\n    --hash=sha256:aa\n"
    assert tidy(entry) == "a==1 ; python_full_version < '3.15' \\\n    --hash=sha256:aa\n"
    assert tidy("b==1 ; sys_platform == 'linux' \\\n    --hash=sha256:aa\n") == "b==1 \\\n    --hash=sha256:aa\n"


def test_what_only_a_cuda_torch_needs_is_split_off() -> None:
    common, gpu = split_gpu_runtime(["torch==1\n", "nvidia-cublas==1\n", "triton==3\n", "cuda-toolkit==13\n"])
    assert (common, len(gpu)) == (["torch==1\n"], 3)
