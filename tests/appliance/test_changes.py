from __future__ import annotations

import pytest

from appliance.changes import apply_changes
from appliance.steps import FileAppend, FileDelete, FileEdit, FileWrite

PAGE = b"<html><head></head><body><p>one</p></body></html>"


def test_changes_apply_in_order_and_leave_the_old_files_alone():
    old = {"index.html": PAGE, "b.css": b"x"}
    new, problems = apply_changes(
        old, [FileEdit("index.html", "one", "two"), FileDelete("b.css"), FileWrite("c.js", "1")]
    )
    assert new == {"index.html": PAGE.replace(b"one", b"two"), "c.js": b"1"}
    assert problems == ()
    assert old["index.html"] == PAGE


@pytest.mark.parametrize(
    "path",
    [
        "../../x",
        "/etc/passwd",
        "a\0b",
        "a" * 300,
        "a/../../b",
        "C:\\x",
        ".git/config",
        "node_modules/x.js",
        "",
        "a//b",
        "x\n",
    ],
)
def test_a_path_out_of_the_workspace_is_refused_and_the_rest_stands(path):
    new, problems = apply_changes({}, [FileWrite(path, "evil"), FileWrite("ok.html", "fine")])
    assert new == {"ok.html": b"fine"}
    assert len(problems) == 1


def test_ten_thousand_files_and_fifty_megabytes_stop_at_the_limits():
    many, problems = apply_changes({}, [FileWrite(f"f{n}.txt", "x") for n in range(500)])
    assert len(many) < 500
    assert problems
    big, problems = apply_changes({}, [FileWrite("big.txt", "x" * 50_000_000)])
    assert big == {}
    assert problems


def test_an_edit_must_meet_exactly_one_place_but_may_differ_in_indentation():
    files = {"a.js": b"if (x) {\n    go();\n}\nstop();\nstop();\n"}
    new, _ = apply_changes(files, [FileEdit("a.js", "if (x) {\n  go();\n}", "go();")])
    assert new["a.js"] == b"go();\nstop();\nstop();\n"
    for search in ("nowhere", "stop();", ""):
        same, problems = apply_changes(files, [FileEdit("a.js", search, "y")])
        assert same == files
        assert problems


@pytest.mark.parametrize(
    ("end", "then"),
    [
        ("</main><footer>f</footer></body>", "</main><footer>"),
        ("<footer>f</footer>\n</main></body>", "<footer>f</footer>\n</main>"),
        ("<footer>f</footer><p>last</p></main></body>", "</main>"),
        ("</body>", "</body>"),
    ],
)
def test_more_content_goes_to_the_end_of_the_main_part_and_before_its_foot(end, then):
    page = f"<html><body><main><p>one</p>{end}</html>".encode()
    new, _ = apply_changes({"index.html": page}, [FileAppend("index.html", "html", "<p>two</p>")])
    assert f"<p>two</p>\n{then}".encode() in new["index.html"]


def test_additions_come_last_so_that_they_win():
    new, _ = apply_changes(
        {"index.html": PAGE}, [FileAppend("index.html", "css", "p{}"), FileAppend("index.html", "js", "x='</script>'")]
    )
    text = new["index.html"].decode()
    assert text.index("<style>\np{}") < text.index("</head>")
    assert text.index("<script>\nx='<\\/script>'") < text.index("</body>")
