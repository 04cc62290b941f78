"""Inputs that once broke a reader, each as short as it was found to do so: by an exception, or by minutes to hours."""

from __future__ import annotations

import json
import math
import struct
import tarfile

import pytest

from tests.fuzz.target import text_of, tried
from tests.fuzz.targets import TARGETS

MANY, RUN = 16_000, 60_000
_DEEP = b'{"a":' * MANY
_BLANK_LINES = b'<file path="a.html">\n<!doctype html>' + b"\n" * 4000 + b"x</file>"
_EDITS = b'<edit path="a">' + b"<search></search><replace>" * 2500 + b"</edit>"
_NUMBER = b"&lt;&#" + b"9" * 5000 + b";"
_BOLT = b'<boltAction type="file" filePath="a">'
_CHUNK = b'data: {"choices": [%s]}\n\ndata: [DONE]\n'


def _archive(kind: bytes, members: int) -> bytes:
    """Headers alone, each of which is about the next one."""
    member = tarfile.TarInfo("manifest.json")
    member.type, member.size = kind, 12
    return b"".join(
        (member.tobuf(tarfile.USTAR_FORMAT), b"24 path=x".ljust(512, b"\0"))[n % 2] for n in range(2 * members)
    )


FOUND = {
    "a page with thousands of blank lines": ("artifact", _BLANK_LINES),
    "one endless fence": ("artifact", b"~" * RUN),
    "a fence with an endless name": ("artifact", b"```" + b"a" * RUN + b"\nx\n```"),
    "spaces inside a fenced file": ("artifact", b'<file path="a.css">```\n' + b" " * RUN + b"x</file>"),
    "a tag with an endless attribute": ("artifact", b"<file " + b"a" * RUN + b">"),
    "edits that never end": ("artifact", _EDITS),
    "a number that no character has": ("artifact", b'<file path="a.css">' + _NUMBER + b"</file>"),
    "the same, read strictly": ("artifact-strict", _BOLT + _NUMBER + b"</boltAction>"),
    "an edit of indented blank lines": ("edit", b"a" + b"\r\n" * 12 + b"b\n\na" + (b"\n" + b" " * 30) * 12 + b"c"),
    "an answer without end": ("json-answer", _DEEP),
    "an answer of arrays": ("appearance-grade", b"[" * 100_000),
    "an answer with half a character": ("appearance-grade", b'{"description": "\\ud83d", "error_message": "",'
                                        b' "suggestions": "\\udc00", "grade": 3}'),
    "a verdict without end": ("rubric-verdict", _DEEP),
    "proposed tests without end": ("checklist-answer", _DEEP),
    "proposed tests with half a character": ("checklist-answer", json.dumps({"items": [
        {"task": f"Add \ud83d {n}", "expected": "It is shown.", "kind": "functional", "proof": "add", "subject": "b"}
        for n in range(4)]}).encode()),
    "half a character to be typed": ("gui-action", b'{"act": {"action": "type", "element": 1, "text": "\\ud83d"}}'),
    "a tag of empty braces": ("markup", b"<a " + b"{}" * 40),
    "an address that is none": ("markup", b"<img src='https://['>"),
    "a width that is no number": ("markup", '<img src="https://unsplash.com/a?w=²">'.encode()),
    "tags that never end": ("markup", b"<" * RUN),
    "imports that name nothing": ("imports", b"{}\n\nimport" + b" " * RUN),
    "packages without end": ("imports", b'{"dependencies":' + b"[" * 100_000),
    "a failed address that is none": ("network", b"http://["),
    "a line number without end": ("console", b"http://h/a.js " + b"9" * 5000 + b" x"),
    "a message without end": ("console", b"a 1:2 " + b"[" * 100_000),
    "half a character on the console": ("console", b'http://h/a.js 1:2 "\\ud83d"'),
    "a line that is no object": ("model-server", b"data: []\n"),
    "a choice that is no object": ("model-server", _CHUNK % b"1"),
    "half a character said": ("model-server", _CHUNK % b'{"delta": {"content": "\\ud83d"}}'),
    "a line without end": ("model-server", b"data: " + _DEEP),
    "a block count that is no number": ("gguf", TARGETS["gguf"].seeds[0].replace(
        struct.pack("<If", 6, 1.0), struct.pack("<If", 6, math.nan))),
    "a setting without end": ("config", b"[ui]\nport = " + b"9" * 5000),
    "settings nested without end": ("config", b"a = " + b"[" * 5000),
    "a variable that is no text": ("variable", b"UI__PORT=1\x80"),
    "a test with half a character": ("checklist", b'[{"task": "Add \\ud800", "expected": "It is shown."}]'),
    "a conversation that is no UTF-8": ("conversations", b'{"messages": [{"role": "\xff", "content": ""}]}'),
    "a conversation without end": ("conversations", b'{"messages": [], "a": ' + b"[" * 5000),
    "a manifest that is no UTF-8": ("backup", TARGETS["backup"].seeds[0].replace(b"2026-01-01", b"\xff026-01-01")),
    "a delivery of headers alone": ("delivery", _archive(tarfile.GNUTYPE_LONGNAME, 1500)),
    "a model's record that is a number": ("model-record", b"0"),
    "a model's record without end": ("model-record", _DEEP),
}  # fmt: skip


@pytest.mark.parametrize(("name", "case"), FOUND.values(), ids=FOUND)
def test_what_once_broke_a_reader_is_read_or_refused(name, case, tmp_path):
    fault = tried(TARGETS[name], case, tmp_path)
    assert fault is None, fault.told


def test_a_sparse_member_cannot_say_that_it_holds_a_disk(tmp_path):
    """Its header is five hundred bytes, and reading it would give zeros for hours."""
    member = tarfile.TarInfo("appliance.db")
    member.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"77777777777\0"  # the size that it claims to have
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    whole = TARGETS["backup"].seeds[0]
    manifest = whole[: 512 * (1 + math.ceil(tarfile.TarInfo.frombuf(whole[:512], "utf-8", "strict").size / 512))]
    assert tried(TARGETS["backup"], manifest + bytes(header) + bytes(1024), tmp_path) is None


def test_a_reader_that_breaks_is_a_fault(tmp_path):
    target = TARGETS["patch"]
    assert tried(target, b"```css\np {}\n```", tmp_path) is None
    broken = type(target)("broken", lambda case, folder: 1 / len(text_of(case)), (b"x",))
    assert tried(broken, b"", tmp_path).what.startswith("ZeroDivisionError")
