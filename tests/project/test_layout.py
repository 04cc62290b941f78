"""The project's own shape."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("appliance", "models", "sandbox", "web_ui", "training")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_names_resolve_inside_this_project(name):
    assert Path(import_module(name).__file__).parents[1] == ROOT


def test_tests_is_this_projects_folder_and_shadows_nothing():
    assert (ROOT / "tests").is_dir()
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_nothing_that_is_data_lies_in_a_package():
    """Whatever lies in `models/` would be packed into the wheel."""
    endings = {".gguf", ".db", ".safetensors", ".bin"}
    assert not [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.suffix in endings]


def test_help_answers_without_loading_what_the_commands_need():
    heavy = "{'torch', 'selenium', 'podman', 'sqlite_utils', 'numpy'}"
    code = f"import sys, appliance.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
