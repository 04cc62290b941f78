"""What once worked is tried again without a model, and a break names the act."""

import json

import msgspec
import pytest

from appliance.gui_agent import run_test
from appliance.replay import Replay, record, replay_of, run_replay
from appliance.steps import Act, ChecklistItem
from models.scripted import ScriptedModel
from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.hands import Hands, HandsSettings
from sandbox.local import LocalContainer
from sandbox.preview import Preview

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><title>Todo</title><h1>Todo</h1><form id=f><label for=t>Task</label><input id=t>
<button>Add</button></form><ul id=l></ul><p id=c></p><a href="/about.html">About</a>
<script>const show = () => { localStorage.tasks = l.textContent; c.textContent = l.children.length + ' tasks' }
f.onsubmit = (event) => { event.preventDefault(); const li = document.createElement('li'); li.textContent = t.value
const x = document.createElement('button'); x.textContent = 'Delete'; x.onclick = () => { li.remove(); show() }
li.append(x); l.append(li); t.value = ''; show() }</script>"""
ITEM = ChecklistItem("Add and delete Buy milk", "the task comes and goes", "functional")


def say(action, **more):
    return json.dumps({"thought": "", "action": action, **more})


REPLIES = [
    say("type", element=0, text="Buy milk"),
    say("click", element=1),
    say("click", element=2),
    say("click", element=2),
    say("done", answer="YES", reason="seen"),
]


@pytest.fixture(scope="module")
def container():
    with LocalContainer(ContainerSettings()) as container:
        yield container


@pytest.fixture(scope="module")
def hands(container):
    with Preview(container) as preview:
        container.replace(files(PAGE))
        with Browser(BrowserSettings(), preview.url) as browser:
            yield Hands(browser, HandsSettings(answer_timeout_s=3))


def files(page):
    return {"index.html": page.encode(), "about.html": b"<!doctype html><title>About</title><h1>About us</h1>"}


@pytest.fixture(scope="module")
def replay(container, hands):
    with ScriptedModel(REPLIES) as model:
        trace = run_test(model, hands, ITEM)
    assert trace.answer == "YES"
    return replay_of(trace)


def test_a_passed_test_becomes_a_replay_that_passes(container, hands, replay):
    container.replace(files(PAGE))
    result = run_replay(hands, replay)
    assert (result.passed, result.broke_at, result.reason) == (True, None, "")
    assert [act.words for act in replay.acts] == [
        'type "Buy milk" into text "Task"',
        'click button "Add"',
        'click button "Delete"',
        'click link "About"',
    ]
    assert replay.acts[1].expect.shown == ("Buy milk",)
    assert replay.acts[2].expect.gone == ("Buy milk",)
    assert replay.acts[3].expect.address == "/about.html"


def test_a_replay_survives_storing(replay):
    assert msgspec.json.decode(msgspec.json.encode(replay), type=Replay) == replay


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<h1>Todo</h1>", "<header><h1>My tasks</h1></header><main>"),
        ("<button>Add</button>", "<p>Press here:</p><button class=new id=go>Add</button>"),
        ("' tasks'", "' things to do'"),
        ("localStorage.tasks", "localStorage.things"),
    ],
)
def test_another_look_is_no_regression(container, hands, replay, old, new):
    container.replace(files(PAGE.replace(old, new)))
    result = run_replay(hands, replay)
    assert result.passed, result


@pytest.mark.parametrize(
    ("old", "new", "broke_at", "reason"),
    [
        ("<label for=t>Task</label><input id=t>", "<i id=t></i>", 0, "it is not on the page, or not visible"),
        ("l.append(li); ", "", 1, '"Buy milk" no longer appears'),
        ("localStorage.tasks = l.textContent; ", "", 1, "nothing is stored any more (local:tasks)"),
        ("t.value = ''; show()", "missing(); show()", 1, "Uncaught ReferenceError: missing is not defined at "),
        ("li.remove(); show()", "show()", 2, '"Buy milk" no longer goes away'),
        ("<a href", "<a onclick='return false' href", 3, "it leads to / instead of /about.html"),
        ("f.onsubmit = (event) => {", "f.onsubmit = (event) => { while (true) {}", 1, "Chromium died or hangs"),
    ],
)
def test_a_regression_names_the_act_that_broke(container, hands, replay, old, new, broke_at, reason):
    assert old in PAGE
    container.replace(files(PAGE.replace(old, new)))
    result = run_replay(hands, replay)
    assert (result.passed, result.broke_at) == (False, broke_at)
    assert result.act == replay.acts[broke_at].words
    assert result.reason.startswith(reason)


def test_the_explorers_acts_become_a_replay_too(container, hands):
    container.replace(files(PAGE))
    hands.open("/")
    targets = {mark.target.name: msgspec.to_builtins(mark.target) for mark in hands.marks()}
    acts = [Act("type", targets["Task"], "zebra 41"), Act("click", targets["Add"]), Act("reload", {})]
    replay = record(hands, "add a task", acts)
    assert run_replay(hands, replay).passed
    assert replay.acts[1].words == 'click button "Add"'
    container.replace(files(PAGE.replace("l.append(li); ", "")))
    assert run_replay(hands, replay).broke_at == 1


def test_what_does_not_work_even_now_is_no_replay(container, hands):
    container.replace(files(PAGE))
    gone = {"role": "button", "name": "Gone", "selector": "#gone"}
    assert record(hands, "nothing", [Act("click", gone)]) is None


@pytest.mark.parametrize("reply", [say("done", answer="NO", reason="x"), "prose"])
def test_only_a_yes_becomes_a_replay(hands, reply):
    with ScriptedModel([reply] * 2) as model:
        assert replay_of(run_test(model, hands, ITEM)) is None
