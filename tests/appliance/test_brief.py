from __future__ import annotations

import pytest

from appliance.brief import DEMO_BRIEF, MAX_CHARS, bench_cases, check_brief, read_brief
from appliance.errors import BriefRefused


def test_a_brief_comes_as_text_or_from_a_file(tmp_path):
    (tmp_path / "brief.txt").write_text("﻿ Eine Bäckerei \n", "utf-8")
    assert read_brief(f"@{tmp_path}/brief.txt") == "Eine Bäckerei"
    assert read_brief(" 为面包店制作网页 ") == "为面包店制作网页"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "empty"), (" \n\t ", "empty"), ("x" * (MAX_CHARS + 1), "limit"), ("a\0b", "NUL"), ("?!… 123", "no words")],
)
def test_a_text_that_is_no_brief_is_refused_with_a_reason(text, said):
    with pytest.raises(BriefRefused, match=said):
        check_brief(text)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "latin1").write_bytes("Bäckerei".encode("latin-1"))
    (tmp_path / "huge").write_bytes(b"word " * 100_000)
    for name, said in (("latin1", "UTF-8"), ("huge", "limit"), ("absent", "cannot be read")):
        with pytest.raises(BriefRefused, match=said):
            read_brief(f"@{tmp_path}/{name}")


def test_the_shipped_briefs_are_all_usable():
    cases = bench_cases()
    assert len(cases) == 71
    assert DEMO_BRIEF in cases
    assert all(check_brief(case.instruction) for case in cases.values())
