import subprocess
from pathlib import Path

import pytest

from models.child_process import child_environment, module_command
from models.errors import EngineRefused
from models.self_test import _decode, _refuse_wrong_numbers
from models.tiny import write_tiny_gguf


def run_self_test(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = module_command("models.self_test", *arguments)
    return subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=False, timeout=60)


def test_a_working_engine_says_so_in_one_line() -> None:
    result = run_self_test()
    assert result.returncode == 0
    assert "2 tokens decoded" in result.stdout
    assert result.stdout.count("\n") == 1


def test_an_engine_that_cannot_load_its_file_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"nothing")
    result = run_self_test(str(tmp_path / "no.gguf"))
    assert result.returncode == 1
    assert "not a GGUF" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_an_engine_that_multiplies_wrong_is_refused(tmp_path: Path) -> None:
    right = _decode(write_tiny_gguf(tmp_path / "right.gguf"))
    other = _decode(write_tiny_gguf(tmp_path / "other.gguf", seed=1))
    _refuse_wrong_numbers(right, right)
    with pytest.raises(EngineRefused, match="computes wrong numbers"):
        _refuse_wrong_numbers(other, right)
