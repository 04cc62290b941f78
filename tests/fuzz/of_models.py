"""Readers of what a model says: files, grades, verdicts, actions, tests."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

from appliance.artifact import STRICT, looks_looped, parse_artifact, parse_patch
from appliance.changes import apply_changes
from appliance.checklist import derive_checklist
from appliance.gui_actions import Offer, read_action
from appliance.mend import mend_messages, read_patch
from appliance.reference import ReferenceTester
from appliance.rubric import Evidence, RubricJudge
from appliance.steps import Audit, ChecklistItem, Finding
from appliance.vision_judge import FAITHFUL_EYES, FIXED_EYES, VisionJudge, grade_schema
from models.chat import Sampling
from models.errors import AnswerUnusable
from models.json_answer import greedy_object, parse_answer
from models.scripted import ScriptedModel
from sandbox.hands import Mark
from sandbox.hands import Target as Control
from tests.fuzz.target import Target, text_of, words

PAGE = (
    '<!doctype html>\n<html lang="en"><head><title>Bakery</title><style>body { color: teal }</style></head>\n'
    '<body><nav><ul><li><a href="#bread">Bread</a></li></ul></nav><main><section id="bread"><h2>Bread</h2>'
    '<p>Lorem ipsum dolor sit amet</p><button>Order</button><form id="mail"><input id="a"><select><option>All'
    "</option></select></form></section></main><footer>Six</footer>\n<script>document.getElementById('x').go()"
    "</script></body></html>\n"
)
_BRIEF = "A bakery that sells bread. Teal buttons, a contact form."
_FILES = {"index.html": PAGE.encode(), "style.css": b"body { margin: 0 }\n"}
_ITEM = ChecklistItem("Add a task", "It is in the list.", "functional", "add", "task")
_EVIDENCE = Evidence(("click button Add: came Milk",), "Tasks", "Tasks\nMilk", "/", "/#list", ("local:t: Milk",))


def _artifact(case: bytes, folder: Path) -> object:
    artifact = parse_artifact(text_of(case), cut=len(case) % 2 == 0)
    return artifact, *apply_changes(_FILES, artifact.changes)


def _strict(case: bytes, folder: Path) -> object:
    return parse_artifact(text_of(case), reading=STRICT)


def _patch(case: bytes, folder: Path) -> object:
    text = text_of(case)
    return parse_patch(text, "index.html", cut=len(case) % 5 == 0), looks_looped(text)


_FINDINGS = tuple(
    [Finding(kind, place, evidence)]
    for kind, place, evidence in (
        ("suggestion", "/", "more content"),
        ("placeholder-text", "p", 'filler text "Lorem ipsum dolor"'),
        ("exception", "index.html:4", "Uncaught TypeError"),
        ("contrast", "p", "needs 4.5"),
        ("submit-lost", "form#mail", "nothing came"),
        ("dead-control", 'button "Order"', "nothing changed"),
        ("filter-fails", 'select "All"', "nothing changed"),
        ("dead-anchor", 'a "Bread" in nav', "#bread leads nowhere"),
    )
)
PATCHES = tuple(mend_messages(_FILES, findings, _BRIEF) for findings in _FINDINGS)


def _repair(case: bytes, folder: Path) -> object:
    text = text_of(case)
    patch = PATCHES[len(case) % len(PATCHES)]
    artifact = read_patch(patch, patch.start + text, cut=False)
    return apply_changes(_FILES, artifact.changes)


def _answer(case: bytes, folder: Path) -> object:
    text = text_of(case)
    return greedy_object(text), parse_answer(text, grade_schema(600))


def _png() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(made, "PNG")
    return made.getvalue()


_PICTURES = {"desktop": _png()}
_AUDIT = Audit(200, 0.1, "Bakery", 500, (), (), blocks=9)


def _grade(case: bytes, folder: Path) -> object:
    text = text_of(case)
    with ScriptedModel(lambda messages, sampling: text) as model:
        return [VisionJudge(lambda: model, "m", eyes).grade(_AUDIT, _BRIEF, _PICTURES) for eyes in _EYES]


_EYES = (FIXED_EYES, FAITHFUL_EYES)


def _verdict(case: bytes, folder: Path) -> object:
    with ScriptedModel(lambda messages, sampling: text_of(case)) as model:
        return RubricJudge(model).judge_item(0, _ITEM, _EVIDENCE)


def _reference(case: bytes, folder: Path) -> object:
    with ScriptedModel(lambda messages, sampling: text_of(case)) as model:
        return ReferenceTester(model, model).plan(_BRIEF)


def _checklist(case: bytes, folder: Path) -> object:
    with ScriptedModel(lambda messages, sampling: text_of(case)) as model:
        return derive_checklist(model, _BRIEF, Sampling(max_tokens=5000))


def _mark(number: int, kind: str) -> Mark:
    control = Control("button", f"Control {number}", f"#c{number}")
    where = {"x": 0, "y": 0, "width": 9, "height": 9, "in_view": True, "covered": False}
    told = {"label": "", "placeholder": "", "value": "", "checked": None, "options": (), "disabled": False}
    return Mark(number, control, "button", kind, **told, required=False, href="", form="", **where)  # type: ignore[arg-type]


_OFFERS = tuple(
    Offer(tuple(_mark(n, kind) for n, kind in enumerate(("button", "text", "select", "file"))), only_done=only)
    for only in (False, True)
)


def _action(case: bytes, folder: Path) -> object:
    return [read_action(text_of(case), offer) for offer in _OFFERS]


TAGS = words(
    r"<boltArtifact id='a' title=\"T\">|<boltAction type=\"file\" filePath=\"index.html\">|</boltAction>"
    r"|</boltArtifact>|<boltAction type=\"finish\"/>|<boltAction type=\"screenshot_validated\">|<finish/>"
    r"|<file path=\"src/App.jsx\">|</file>|<edit path=\"style.css\">"
    r"|<search>|</search>|<replace>|</replace>|</edit>|<delete path=\"../x\"/>"
    r"|```html\n|```|~~~|\n```css\n|```js\n|<!doctype html>|<html>|</html>|<script>|</script>|<style>|</style>|<section"
    r"|</section>|<nav>|</nav>|<form |</form>|<h2>|</h2>|<!--|-->|...|rest of the code here|1. |&lt;|=\"|=|\"|'|/>|>|<"
    r"|\n| |\t|index.html|/* | */"
)
JSON_WORDS = words(
    r"{|}|[|]|\"|:|,|null|true|NaN|-Infinity|1e999|\\u0000|\\ud800|\\udc00|\\|```json\n|\n```|\xef\xbb\xbf|\0|{\"a\":"
    r"|[[[[|\"\"|-|0|9999999999999999999999999999999999999999"
)
_BOLT = (
    f'<boltArtifact id="a" title="Bakery">\n<boltAction type="file" filePath="index.html">\n{PAGE}</boltAction>\n'
    "</boltArtifact>"
)
_TAGGED = (
    f'Plan.\n<file path="index.html">\n{PAGE}</file>\n<edit path="style.css">\n<search>\nmargin: 0\n</search>\n'
    '<replace>\nmargin: 1px\n</replace>\n</edit>\n<delete path="old.js"/>\n<finish/>'
)
_FENCED = (
    f"The page, `index.html`:\n```html\n{PAGE}```\nand\n```css\nbody {{ margin: 0 }}\n```\n```js\nlet a = 1\n```\n"
)
_REPLIES = tuple(text.encode() for text in (_BOLT, _TAGGED, _FENCED, PAGE))
_REPAIRS = (
    b"```html\n<section id='news'><h2>News</h2><ul class='cards'></ul></section>\n```",
    b"```css\np { color: #111 }\n```",
    b"```js\nlet x = document.querySelector('#a');\n```",
    b"1. We bake at night.\n2. Rye Bread",
    b'data-add="#list">',
    b'<button data-open="#more">Order</button><dialog id="more"><p>Yes</p></dialog>\n```',
    _REPLIES[2],
)


def _json(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


_GRADES = (
    *_json({"description": "Plain", "error_message": "", "suggestions": "More", "grade": 3}, {"grade": 9}),
    b'Sure:\n```json\n{"description": "\\ud83d", "error_message": "", "suggestions": "x", "grade": 4}\n```',
    b'{"is_error": false, "screenshot_description": "A page", "suggestions": "", "grade": 4.0}',
)
_VERDICTS = _json({"quote": "Milk", "answer": "YES"}, {"quote": ["Milk"], "answer": "NO"})
_ITEMS = _json({"items": [{"task": f"Add {n}", "expected": "It is shown.", "kind": "functional", "proof": "add",
                           "subject": "task"} for n in range(4)]})  # fmt: skip
_INSTRUCTION = b'<boltAction type="gui_agent_test">Click the button and see.</boltAction>'
_ACTIONS = _json(
    {"thought": "Press it.", "act": {"action": "click", "element": 0}},
    {"thought": "", "act": {"action": "type", "element": 1, "text": "Anna"}},
    {"action": "select", "element": 2, "text": "All"},
    {"act": {"action": "upload", "element": 3, "text": "photo.png"}},
    {"act": {"action": "press", "text": "Enter"}},
    {"act": {"action": "done", "answer": "YES", "reason": "seen"}},
)

REPLY = 1 << 20
"""Bytes of a reply: `models.openai_answer` leaves a server that says more; our own engine says less."""

OF_MODELS = (
    Target("artifact", _artifact, _REPLIES, TAGS, (), REPLY),
    Target("artifact-strict", _strict, _REPLIES, TAGS, (), REPLY),
    Target("patch", _patch, (*_REPLIES, *_REPAIRS), TAGS, (), REPLY),
    Target("repair", _repair, _REPAIRS, TAGS, (), REPLY),
    Target("json-answer", _answer, _GRADES, JSON_WORDS, (AnswerUnusable,)),
    Target("appearance-grade", _grade, _GRADES, (*JSON_WORDS, b"grade")),
    Target("rubric-verdict", _verdict, _VERDICTS, JSON_WORDS),
    Target("reference-plan", _reference, (_INSTRUCTION, *_VERDICTS), (*JSON_WORDS, *TAGS[:8]), (AnswerUnusable,)),
    Target("checklist-answer", _checklist, _ITEMS, (*JSON_WORDS, b'"task"', b'"proof":"add"')),
    Target("gui-action", _action, _ACTIONS, JSON_WORDS),
)
