"""The page of promises names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "spec.md").read_text().splitlines()
    if re.match(r"\| [A-Z]\d+ \|", line)
]


def test_every_promise_has_a_number_of_its_own_and_says_what_enforces_it():
    assert len(ROWS) > 45
    assert len({number for number, _, _ in ROWS}) == len(ROWS)
    assert all("tests/" in enforced or enforced.startswith("no test") for _, _, enforced in ROWS)


def test_every_test_that_is_named_is_there():
    named = {name for row in ROWS for name in re.findall(r"`(tests/[\w/]+\.py::\w+)`", row[2])}
    files = {name.split("::")[0] for name in named}
    there = {
        f"{file}::{node.name}"
        for file in files
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert named - there == set()
