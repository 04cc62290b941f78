"""A release passes only on what was really looked at."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from setup.release import audit_told, check_licences, check_locks

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CLEAN = {"name": "a", "version": "1", "vulns": []}
HIT = {"name": "b", "version": "1", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2"]}]}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found and could not be audited: c (1)"}


def test_every_install_of_this_project_is_hash_locked() -> None:
    assert check_locks(CHECKOUT).state == "passed"


def test_one_requirement_without_a_hash_fails(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "x.txt").write_text("a==1 \\\n    --hash=sha256:00\nb==2\n")
    check = check_locks(tmp_path)
    assert (check.state, check.said) == ("failed", "without a hash: x: b")


@pytest.mark.parametrize(
    ("told", "state", "said"),
    [
        ([CLEAN], "passed", "1 packages"),
        ([CLEAN, HIT], "failed", r"b \(PYSEC-2026-1\)"),
        ([HIT, SKIPPED], "failed", "b"),
        ([CLEAN, SKIPPED], "not checked", "1 of 2: c"),
        ([SKIPPED] * 9, "not checked", "9 of 9: c, c, c, c, c and others"),
        ([], "not checked", "0 of 0"),
    ],
)
def test_a_package_that_the_service_does_not_know_was_not_checked(told: list, state: str, said: str) -> None:
    """pip-audit ends with 0 and “No known vulnerabilities found” when it skipped all of them."""
    check = audit_told("advisories cpu", json.dumps({"dependencies": told, "fixes": []}), "")
    assert check.state == state
    assert re.search(said, check.said)


def test_a_service_that_does_not_answer_is_said() -> None:
    check = audit_told("advisories cpu", "", "Traceback\nConnectionError: failed to resolve the service\n")
    assert (check.state, "failed to resolve" in check.said) == ("not checked", True)


def test_a_part_without_a_stated_licence_fails() -> None:
    assert check_licences("pypi\ta\t1\tMIT\n").state == "passed"
    assert check_licences("pypi\ta\t1\tMIT\nnpm\tb\t1\tnot stated\n").said == "no licence is stated by npm b"
    assert check_licences("").state == "failed"
