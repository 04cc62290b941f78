"""Readers of pages and of what Chromium and a model server report of them."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

from appliance.assets import complete
from appliance.changes import apply_changes
from appliance.explorer_facts import form_purpose, nonce, query_word, word_set
from appliance.judge import RulesJudge
from appliance.mend import mend_messages
from appliance.steps import Audit, FileEdit, Finding
from models.errors import ModelError
from models.openai_answer import Answer, chunks
from sandbox.errors import PackageRefused, WorkspaceRefused
from sandbox.packages import complete_project
from sandbox.page_events import NetworkReader, console_events
from sandbox.workspace import pack, path_fault, unpack
from tests.fuzz.of_models import PAGE, TAGS
from tests.fuzz.target import Target, text_of, words

_BRIEF = "A bakery with teal buttons that sells bread online."
_KINDS = ("exception", "submit-lost", "dead-control", "filter-fails", "dead-anchor", "placeholder-text", "suggestion")


def _markup(case: bytes, folder: Path) -> object:
    """References found and filled in, then every scoped repair written for the page."""
    made = complete({"index.html": case, "s.css": case, "a.js": case}, _BRIEF)
    found = [Finding(kind, "index.html:3", 'button "Order" "Lorem"') for kind in _KINDS]
    for finding in found:
        mend_messages(made.files, [finding], _BRIEF)
    return made.notes, made.external


def _edit(case: bytes, folder: Path) -> object:
    search, _, text = text_of(case).partition("\n\n")
    return apply_changes({"index.html": text.encode()}, [FileEdit("index.html", search, "x")])


def _words(case: bytes, folder: Path) -> object:
    """What is decided by a page's words alone."""
    text = text_of(case)
    typed = nonce("text", text, len(case), least=text[:9], most=text[-9:], today=date(2026, 1, 1))
    grade = RulesJudge().grade(Audit(200, 0.1, text[:90], len(text), (), (), blocks=9, words=text), _BRIEF)
    return form_purpose(text[:60], text, ["text"]), typed, sorted(word_set(text)), query_word(text), grade


def _project(case: bytes, folder: Path) -> object:
    manifest, _, code = case.partition(b"\n\n")
    return complete_project({"package.json": manifest, "src/main.jsx": code}).notes


def _path(case: bytes, folder: Path) -> object:
    """A path that is let pass lies inside."""
    path = text_of(case)
    fault = path_fault(path)
    assert fault or (folder / path).resolve().is_relative_to(folder.resolve())
    return fault


def _site(case: bytes, folder: Path) -> object:
    return sorted(unpack(io.BytesIO(case)))


def _console(case: bytes, folder: Path) -> object:
    text = text_of(case)
    return list(console_events([{"level": "SEVERE", "source": "javascript", "message": text}]))


def _network(case: bytes, folder: Path) -> object:
    """Chromium writes the log; the page chooses the addresses and texts in it."""
    text = text_of(case)
    events = (
        ("Network.requestWillBeSent", {"requestId": "1", "request": {"url": text}}),
        ("Network.responseReceived", {"requestId": "1", "response": {"status": 404, "url": text}}),
        ("Network.loadingFailed", {"requestId": "1", "errorText": text[:40]}),
    )
    entries = [{"message": json.dumps({"message": {"method": name, "params": told}})} for name, told in events]
    return list(NetworkReader("main", "http://127.0.0.1:1").read(entries))


def _stream(case: bytes, folder: Path) -> object:
    """The lines that a remote model server streams."""
    answer = Answer()
    for chunk in chunks(case.splitlines(keepends=True)):
        answer.take(chunk)
    return answer.completion()


_HTML_WORDS = words(
    r"<a |{}|{a}|<img src='|\" alt=\"|url(|url('x.png')|@import '|/*|*/|//|`|${|\\|srcset='a.png 2x, b.png'|<!--|-->"
    r"|https://x.org/a.png|kit/icons/|style='|background: |font-family:|@font-face{|}|import x from '|require(\""
    r"|<link rel=icon href="
)
_CODE = (
    b'{"dependencies": {"react": "^18"}}\n\nimport React from "react";\nimport x from "./App";\nexport * from "clsx";\n'
)
_SSE = (
    b'data: {"choices": [{"delta": {"content": "Bread"}}]}\n\n'
    b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}\n\ndata: [DONE]\n'
)
_SSE_WORDS = words(r"data: |[DONE]|{|[]|null|\\ud800|1|\n")
_PATHS = (b"src/App.jsx", b"../x", b"a/b/c.html")
_LOGGED = (b'http://h/a.js 3:4 "Uncaught x"', b'a 1 {"a":1}')
_SAID = (b"Search our bread, rated 5/5. Add a task.", _BRIEF.encode())
_EDITS = (b"<p>a</p>\n\n<p>a</p>\n<p>b</p>", b"a\nb\n\n" + PAGE.encode())
WORDS = 20_000
"""The most that `audit_page.js` and `explorer_page.js` give of a page's text."""
_SITE = pack({"index.html": PAGE.encode(), "a/b.css": b"x"})

OF_PAGES = (
    Target("markup", _markup, (PAGE.encode(),), (*TAGS, *_HTML_WORDS)),
    Target("edit", _edit, _EDITS, TAGS),
    Target("page-words", _words, _SAID, words("5/5|. |email|full marks|A bakery with teal "), (), WORDS),
    Target("imports", _project, (_CODE,), words('import | from "|"|{|}|,|*|$|require('), (PackageRefused,)),
    Target("path", _path, _PATHS, words(r"..|/|\\|\0|~|C:|\xe2\x80\xae|.git")),
    Target("site-archive", _site, (_SITE,), (), (WorkspaceRefused,)),
    Target("console", _console, _LOGGED, (*words('://| 1:2 |"|[|{"a":'), b"9" * 5000)),
    Target("network", _network, (b"http://h/a?b#c", b"data:,x", b"blob:x"), words("[|]|//|:|@|%zz|#|?")),
    Target("model-server", _stream, (_SSE,), _SSE_WORDS, (ModelError,)),
)
