"""Words of pages, replies, briefs and files have no effect on this machine: not as paths, packages, HTML, JSON or on a
terminal."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from appliance.artifact import parse_artifact
from appliance.changes import apply_changes
from appliance.checklist import checklist_from_file, lines, told
from appliance.export import export_run
from appliance.function_judge import prove
from appliance.gui_actions import GuiAction, Offer, read_action
from appliance.live import Live
from appliance.rubric import Evidence, RubricJudge
from appliance.steps import ChecklistItem, Exploration, RunRequest
from appliance.store import Store
from appliance.visible import visible, visible_json
from appliance.vision_judge import quoted
from models.scripted import ScriptedModel
from sandbox.errors import PackageRefused
from sandbox.packages import baked_packages, complete_project
from sandbox.workspace import path_fault
from tests.appliance.builders import step
from tests.injection.cases import TEXTS
from tests.web_ui.visits import Visitor, config_of
from web_ui.app import create_app

PROGRAM = Path(sys.executable).with_name("appliance")
MARK = Path("/tmp/injected")
ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SITE = {"index.html": b"<p>Bread</p>"}
NAMES = ("$(touch injected).html", "`id`.css", "=cmd|' !A0.csv", "-rf", "a;b&c.js", "<img src=x onerror=alert(1)>.svg")
"""File names that a site may have, because nothing on the way to the export takes them for anything else."""


@pytest.fixture(autouse=True)
def _nothing_came_of_it():
    yield
    assert not MARK.exists()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A run for every text: in its brief, in what a step aimed at, in why it ended; and files with odd names."""
    home = tmp_path_factory.mktemp("home")
    with Store(home) as store:
        for text in TEXTS.values():
            run = store.add_run(RunRequest(brief=f"A bakery. {text}", profile="small", model="tiny"))
            made = step(1, aim=text, error=True)
            store.add_step(run.id, made, {**SITE, **dict.fromkeys(NAMES, b"x")}, (), {}, tip=1)
            store.set_status(run.id, "done", text, best=1)
    return home


# -- files and packages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("form", ['<file path="{}">x</file>', "```html {}\n<p>x</p>\n```", "`{}`\n```css\np {{}}\n```"])
def test_a_file_name_is_refused_or_stays_inside(text, form, tmp_path):
    for name in (text, text.replace('"', "'"), f"{text}.html", f"a/{text}"):
        artifact = parse_artifact(form.replace("{}", name).replace("{{", "{"))
        files, _ = apply_changes(SITE, artifact.changes)
        for path in files:
            assert not path_fault(path)
            assert (tmp_path / path).resolve().is_relative_to(tmp_path)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_package_is_one_of_those_that_are_there(text):
    name = text.replace('"', "").replace("\n", " ")
    manifest = json.dumps({"dependencies": {text: "1"}, "scripts": {"postinstall": text}}).encode()
    project = complete_project({"package.json": manifest, "src/main.jsx": b"import React from 'react'"})
    written = json.loads(project.files["package.json"])
    assert {**written["dependencies"], **written["devDependencies"]} == baked_packages()
    assert text not in project.files["package.json"].decode()
    if not name.startswith((".", "/")):
        with pytest.raises(PackageRefused):
            complete_project({"src/main.jsx": f'import x from "{name}"'.encode()})


@pytest.mark.parametrize("form", ["folder", "zip", "git"])
def test_an_export_holds_the_files_and_ran_none_of_them(home, tmp_path, form):
    with Store(home) as store:
        for run in store.runs():
            target = tmp_path / form / run.id
            export_run(store, run, target, form)
            inside = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
            if form == "folder":
                assert {f"site/{name}" for name in NAMES} <= inside
                assert not ORDERS.search((target / "README.txt").read_text("utf-8"))
                assert json.loads((target / "report.json").read_text("utf-8"))["brief"] == run.request.brief
            if form == "git":
                log = subprocess.run(("git", "log"), cwd=target, capture_output=True, check=True).stdout.decode()
                assert not ORDERS.search(log)
    assert not list(tmp_path.rglob("injected"))


# -- the terminal ----------------------------------------------------------------------------------------------------


def printed(home, *arguments):
    environment = {**os.environ, "APPLIANCE_HOME": str(home), "FORCE_COLOR": ""}
    done = subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, timeout=60)
    return done.stdout.decode(), done.stderr.decode()


def test_no_word_of_a_run_gives_the_terminal_an_order(home):
    shown, _ = printed(home, "runs", "list")
    assert not ORDERS.search(shown)
    with Store(home) as store:
        run = next(run for run in store.runs() if TEXTS["terminal"] in run.request.brief)
    shown, _ = printed(home, "runs", "show", run.id)
    assert not ORDERS.search(shown)
    assert "␛]0;owned␇" in shown


def test_json_gives_every_character_back_and_the_terminal_none(home):
    shown, _ = printed(home, "runs", "list", "--json")
    assert not ORDERS.search(shown)
    assert {row["brief"] for row in json.loads(shown)} == {f"A bakery. {text}" for text in TEXTS.values()}


def test_an_error_that_quotes_a_file_gives_the_terminal_no_order(tmp_path):
    backup = tmp_path / "backup.tar"
    with tarfile.open(backup, "w") as archive:
        archive.addfile(tarfile.TarInfo(TEXTS["terminal"]), io.BytesIO())
    (tmp_path / "tests.json").write_text(json.dumps([{"task": "x", "expected": "y", TEXTS["terminal"]: 1}]))
    for arguments in (
        ["restore", "--check", str(backup)],
        ["generate", "A bakery", "--checklist", f"{tmp_path}/tests.json"],
    ):
        _, said = printed(tmp_path / "home", *arguments)
        assert said.startswith("appliance: ")
        assert not ORDERS.search(said)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_told_of_a_run_as_it_happens_gives_no_order(home, capsys, text):
    with Store(home) as store:
        run = store.runs()[0]
        with Live(store, run.id) as live:
            live("warning", {"text": text})
            live("error", {"error": text})
            live("compared", {"with": 1, "n": 2, "better": "first", "why": text})
            live("checklist", told(checklist_from_file(json.dumps([{"task": text, "expected": text}]))))
            live("step", {"n": 1})
    said = capsys.readouterr().err
    assert not ORDERS.search(said)
    assert visible(text).split()[0] in said


def test_what_is_visible_stays_as_it_is_but_for_orders():
    assert visible("Grüße, 世界 😀\n\tZeile\r\nzwei") == "Grüße, 世界 😀\n\tZeile\nzwei"
    assert visible("\x1b[2J\x7f\x9b\u202e\rx") == "␛[2J␡��␍x"
    assert json.loads(visible_json('"\x7f\u202eä"')) == "\x7f\u202eä"


# -- the web interface -----------------------------------------------------------------------------------------------


class Dangers(HTMLParser):
    """What a page must not hold: scripts of its own, handlers, addresses that run something."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if (tag == "script" and not given.get("src")) or given.get("src") == "x":
            self.found.append((tag, attrs))
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:text")):
                self.found.append((tag, name, value))


def test_no_word_of_a_run_becomes_markup_of_the_interface(home):
    app = create_app(*config_of(home))
    visitor = Visitor(app)
    with Store(home) as store:
        runs = store.runs()
    paths = ["/", "/runs", *(f"/runs/{run.id}{more}" for run in runs for more in ("", "/code/1", "/steps/1", "/tests"))]
    answers = [visitor.get(path) for path in paths]
    app.extensions["desk"].pool.close()
    assert sum(answer.status_code == 200 for answer in answers) >= 2 + 2 * len(runs)
    for path, answer in zip(paths, answers, strict=True):
        assert not Dangers(answer.text).found, path
        assert "49" not in re.findall(r"A bakery\. .{0,200}", answer.text), path


# -- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_reply_leads_the_hands_to_nothing_that_was_not_offered(text):
    for only_done in (False, True):
        action = read_action(text, Offer((), only_done=only_done))
        if isinstance(action, GuiAction):
            assert action.verb in (("done",) if only_done else ("done", "press", "scroll", "wait_for", "back"))
            assert action.element is None


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_page_cannot_end_the_record_that_it_is_quoted_in(text):
    item = ChecklistItem("Add milk", "It is listed.", "functional", "add")
    with ScriptedModel(['{"quote": "Milk", "answer": "NO"}'] * 2) as model:
        RubricJudge(model).judge_item(0, item, Evidence((text,), "", f"Milk\n{text}", storage=(text,), console=(text,)))
        words = model.asked[0][1].content
    code = re.search(r"^=== record (\w+)$", words, re.MULTILINE)[1]
    inside = words.partition(f"=== record {code}\n")[2].partition(f"\n=== end {code}\n")[0]
    assert inside.count(text.splitlines()[-1][:40]) >= 2
    assert words.count(code) == 2


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_line_of_a_brief_leaves_its_quotation(text):
    shown = quoted(f"A bakery.\n{text}\n\x0b{text}\u2028{text}")
    assert all(line.startswith("| ") for line in re.split(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", shown))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_checklist_is_judged_by_facts_whatever_it_says(text):
    items = checklist_from_file(json.dumps([{"task": text, "expected": text}])).items
    assert all(verdict.answer == "unjudged" for verdict in prove(items, Exploration(()), None))
    assert all(line for line in lines(told(checklist_from_file(json.dumps([{"task": text, "expected": "x y"}])))))
