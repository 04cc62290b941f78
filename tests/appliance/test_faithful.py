"""The faithful mode does what the paper's reference does, line by line, and each repair of it is a setting by name.

The reference's failure stands beside the repaired behaviour in one test each.
"""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from builders import audit, chain, step
from PIL import Image
from rooms import GOOD, ITEMS, ScriptedWorkshop, page, request, tagged

from appliance.artifact import STRICT, parse_artifact
from appliance.decide import FAITHFUL, FIXED, best_step, decide, deliverable, is_error
from appliance.feedback import feedback
from appliance.grading import Judges
from appliance.gui_agent import FAITHFUL as FAITHFUL_GUI
from appliance.profiles import load_profiles
from appliance.reference import ReferenceSettings, ReferenceTester, as_the_reference_keeps, words_of
from appliance.site import FAITHFUL_SITE, FIXED_SITE
from appliance.steps import (
    Backtrack,
    Continue,
    Finish,
    Grade,
    GuiAct,
    GuiTrace,
    Observation,
    RequestGuiTest,
    Scores,
    Stop,
)
from appliance.vision_judge import FAITHFUL_EYES, FIXED_EYES, VisionJudge
from appliance.worker import execute
from models.errors import AnswerUnusable, RemoteError
from models.scripted import ScriptedModel
from sandbox.packages import complete_project
from sandbox.processes import run_bounded, runs

TEST = "<boltAction type='screenshot_validated'/>"
INSTRUCTION = '<boltAction type="gui_agent_test">Verify the teal buttons. Order a bread.</boltAction>'
SEEN = json.dumps(
    {"is_error": False, "error_message": "", "screenshot_description": "A list.", "suggestions": "More air."}
)


def bolt(text, path="index.html"):
    return f'<boltArtifact id="s" title="S">{file_of(text, path)}</boltArtifact>'


def file_of(text, path="index.html"):
    return f'<boltAction type="file" filePath="{path}">{text}</boltAction>'


def grade(value):
    return json.dumps({"analysis": "Plain.", "grade": value})


def say(action, **more):
    return json.dumps({"thought": "I look.", "act": {"action": action, **more}})


def told(passed, suggestions, value):
    return json.dumps({"test_passed": passed, "improvement_suggestions": suggestions, "grade": value})


def run_of(store, script, **more):
    workshop = ScriptedWorkshop(
        script,
        judges=lambda model: Judges(VisionJudge(lambda: model, "scripted", FAITHFUL_EYES)),
        tester=lambda model: ReferenceTester(model, model),
        make_checklist=lambda model, brief: ReferenceTester(model, model).plan(brief),
        site=replace(FAITHFUL_SITE, render_wait_s=0.1),
    )
    run = store.add_run(request("paper", rules="faithful", **{"steps": 20, **more}))
    outcome = execute(run, store, workshop, threading.Event(), lambda *_: None, on_stop="stopped")
    return outcome, store.steps(run.id), workshop.models[0].asked, run


# -- line 1: tags, dispatch order, 20 steps, error limit 5, 30 s, 3 s, 1024×768 ---------------------------------------


def test_line_1_the_published_numbers():
    paper = load_profiles()["paper"]
    assert (paper.steps, paper.temperature, FAITHFUL.steps, FAITHFUL.errors_in_a_row) == (20, 0.5, 20, 5)
    assert (FAITHFUL_SITE.ready_timeout_s, FAITHFUL_SITE.render_wait_s) == (30, 3)
    assert (FAITHFUL_SITE.width, FAITHFUL_SITE.height, FAITHFUL_GUI.width, FAITHFUL_GUI.height) == (1024, 768) * 2
    bad = chain(step(1, 4.0), *[step(1, 1.0, error=True)] * 5)
    assert decide(bad[:5], 5, FAITHFUL) == Continue()
    assert decide(bad, 6, FAITHFUL) == Backtrack(1)
    assert decide(chain(*[step(1)] * 20), 20, FAITHFUL) == Stop("step limit")


def test_line_1_finish_comes_before_the_gui_test_and_both_before_files():
    both = f"{TEST}{bolt(GOOD)}"
    assert parse_artifact(both, reading=STRICT).action == RequestGuiTest()
    finish = parse_artifact(f"{both}<boltAction type='finish'/>", reading=STRICT)
    assert (finish.action, finish.changes) == (Finish(), ())


# -- line 2: two calls a picture, hidden scores, a GUI test on request, grade 1–5, 15 turns, 3 pictures ---------------


@pytest.mark.browser
def test_line_2_a_whole_run(store):
    script = [
        *(INSTRUCTION, bolt(GOOD), SEEN, grade(3)),
        *(TEST, say("scroll", text="down"), say("done", answer="NO", reason="nothing was ordered")),
        told(False, "Let people order.", 2),
        *(bolt(GOOD.replace("Bakery", "Rye bakery")), SEEN, grade(5)),
        "<boltAction type='finish'/>",
    ]
    outcome, steps, asked, run = run_of(store, script)
    assert (outcome.status, outcome.reason) == ("done", "finished")
    assert [made.kind for made in steps] == ["build", "gui_test", "build", "finish"]

    checklist = store.checklist(run.id)
    assert [item.task.splitlines()[0] for item in checklist.items] == ["Verify the teal buttons. Order a bread."]
    assert "admin123456" in checklist.items[0].task

    looks = [messages for messages in asked if messages[0].images]
    assert len(looks) == 4, "a description and a grade for each of two pictures"
    assert [len(messages[0].images) for messages in looks] == [1] * 4
    with Image.open(io.BytesIO(looks[0][0].images[0])) as shown:
        assert shown.size[0] == 1024

    shot = [made.scores.appearance.score for made in steps]
    gui = [made.scores.functionality.score for made in steps]
    assert (shot, gui) == ([3, 3, 5, 5], [None, 2, None, None])
    assert steps[1].scores.functionality.judge == "reference:scripted@1"
    assert store.run(run.id).best == 2, "the tested step wins though the last one looks better"

    said = [messages[-1].content for messages in asked if len(messages) > 2 and messages[0].role == "system"]
    assert "A list." in said[0]
    assert "More air." in said[0]
    assert "Let people order." in said[1]
    assert not any(word in text for text in said for word in ("grade", "/5", "3.0", "score")), said


@pytest.mark.browser
def test_line_2_fifteen_turns_and_three_pictures(store):
    share = [say("scroll", text=way) for way in ("down", "up") * 7]
    script = [INSTRUCTION, bolt(GOOD), SEEN, grade(3), TEST, *share, say("done", answer="YES", reason="seen")]
    _, steps, asked, _ = run_of(store, [*script, told(True, "", 5)], steps=2)
    turns = [messages for messages in asked if messages[-1].images and "Actions so far" in messages[-1].content]
    assert [len(messages[-1].images) for messages in turns] == [1, 2, *[3] * 13]
    assert "No action is left" in turns[-1][-1].content
    assert len(steps[1].observation.traces[0].acts) == 14
    assert steps[1].scores.functionality.score == 5


def test_line_2_the_instruction_is_asked_for_five_times_and_then_it_is_said():
    model = ScriptedModel(["no", "no", "no", "no", INSTRUCTION])
    assert len(ReferenceTester(model, model).plan("A bakery.").items) == 1
    with pytest.raises(AnswerUnusable, match="in 5 tries"):
        ReferenceTester(ScriptedModel(["no"] * 5), ScriptedModel(["no"] * 5)).plan("A bakery.")


# -- line 3: what an error step is, the best key, select-best always ---------------------------------------------------


def test_line_3_errors_and_the_best_key():
    look = lambda value: Scores(Grade(value, "", "vlm:x@1"), Grade(None, "", "none"))  # noqa: E731
    assert [is_error(Observation("done"), look(value), FAITHFUL) for value in (2, 3)] == [True, False]
    steps = [step(1, 3.0, functionality=5.0), step(2, 5.0, functionality=4.0), step(3, 2.9, functionality=5.0)]
    assert best_step(steps, FAITHFUL).n == 1, "GUI before picture; below 3 is no candidate"
    assert best_step([step(1, 3.0), step(2, 3.0)], FAITHFUL).n == 2, "the later of equals"
    assert best_step([step(1, 2.5), step(2, 2.0, error=True)], FAITHFUL).n == 1, "all, when none is good"
    last = [step(1, 5.0, functionality=5.0), step(2, 3.0, parent=1, signal="finish", kind="finish")]
    assert deliverable(last, FAITHFUL).n == 1, "a finish can be overridden"


# -- the repairs, each beside the reference's failure ------------------------------------------------------------------


def broken(n, parent):
    return step(n, 0.0, error=True, parent=parent, stage="parse", verdict="rejected", signal="broke")


def test_repair_1_one_broken_step_does_not_send_every_later_one_back():
    steps = [step(1, 5.0), step(2, 3.0, parent=1), broken(3, 2)]
    assert decide(steps, 2, FIXED) == Continue()
    assert decide(steps, 2, replace(FIXED, restart_sticks=True)) == Backtrack(1)
    later = [*steps, step(4, 3.5, parent=1)]
    assert decide(later, 4, replace(FIXED, restart_sticks=True)) == Backtrack(1), "and so for ever"
    assert FAITHFUL.restart_sticks


def flaky(*replies):
    """Says them one after the other; an error among them is raised."""
    left = iter(replies)

    def reply(messages, sampling):
        said = next(left)
        if isinstance(said, Exception):
            raise said
        return said

    return reply


GONE = RemoteError("The server is not there.")
PAGES = [tagged(page(f"<h1>Bakery {n}</h1><ul>{ITEMS}</ul><button>Order</button>")) for n in range(9)]


def fixed_run(store, script, steps, **rules):
    workshop = ScriptedWorkshop(script, rules=replace(FIXED, steps=steps, **rules))
    run = store.add_run(request("strong", steps=steps))
    return execute(run, store, workshop, threading.Event(), lambda *_: None, on_stop="stopped"), store.steps(run.id)


@pytest.mark.browser
def test_repair_1_and_2_a_step_that_breaks_costs_that_step_be_it_the_first(store):
    script = flaky(GONE, PAGES[0], GONE, PAGES[1])
    outcome, steps = fixed_run(store, script, 4)
    assert outcome.status == "done"
    assert [(made.signal, made.parent, made.verdict) for made in steps] == [
        *(("broke", None, "rejected"), ("", None, "kept")),
        *(("broke", 2, "rejected"), ("", 2, "kept")),
    ]
    assert "The server is not there." in steps[0].observation.error


def test_repair_2_the_reference_dies_when_its_first_step_breaks(store):
    outcome, steps = fixed_run(store, flaky(GONE, PAGES[0]), 4, first_may_break=False)
    assert (outcome.status, outcome.reason, steps) == ("failed", str(GONE), [])
    assert not FAITHFUL.first_may_break


def test_the_sixth_broken_step_ends_the_run(store):
    outcome, steps = fixed_run(store, flaky(*[GONE] * 9), 9)
    assert (outcome.status, outcome.reason, len(steps)) == ("failed", str(GONE), 5)


def test_repair_3_one_command_and_one_config_name_all_three_models():
    """The reference's single-site command lacks an argument that it needs; it has no setting, for it cannot run."""
    model = ScriptedModel([])
    assert ReferenceTester(model, model).judge == "reference:scripted@1"


def test_repair_4_the_word_error_is_no_error():
    harmless = Observation("done", log="added error-ex@1.3.2, 0 errors", audit=audit())
    fine = Scores(Grade(4.0, "", "x"), Grade(None, "", "none"))
    assert not is_error(harmless, fine, FIXED)
    assert is_error(harmless, fine, replace(FIXED, error_word=True))
    assert FAITHFUL.error_word


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def test_repair_5_a_server_that_ignores_the_polite_signal_is_ended():
    """The reference's SIGKILL is never reached. There is no setting to leave a site's processes running."""
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None, "the reference stops here"
        process.kill()
    shell = ["sh", "-c", f'{sys.executable} -c "{DEAF}" & echo $!; wait']
    ended = run_bounded(shell, timeout_s=0.5, env={})
    assert ended.timed_out
    assert not runs(ended.stdout.split()[0].decode())


def trace(answer, reason):
    act = GuiAct("click", 'click button "Order"', thought="I order.")
    return GuiTrace("Order a bread.", "", "scripted", (act,), answer, reason, "answered")


REFUSED = trace("NO", "because YES cannot be given")


def graded(settings, seen=REFUSED):
    model = ScriptedModel([told(False, "Let people order.", 2)])
    tester = ReferenceTester(model, model, settings)
    (mark, error), asked = tester._graded(seen), model.asked[0][0].content
    assert (mark.score, error) == (2.0, "")
    return mark, asked


def test_repair_6_a_no_that_mentions_yes_is_a_no():
    mark, _ = graded(ReferenceSettings(yes_anywhere=False))
    assert mark.suggestion == "Let people order."
    mark, _ = graded(ReferenceSettings())
    assert (mark.suggestion, "counts as passed" in mark.reason) == ("", True)


def test_repair_6_a_test_that_reveals_a_flaw_has_not_passed():
    assert "true if the test shows everything working" in graded(ReferenceSettings(inverted=False))[1]
    assert "true if the test reveals a flaw" in graded(ReferenceSettings())[1]


def test_the_references_grader_is_blind():
    assert words_of(REFUSED).splitlines() == [
        *("Thought: I order.", 'Action: click button "Order"', "[screenshot]"),
        "Action: ANSWER; NO because YES cannot be given",
    ]


@pytest.mark.parametrize("bad", ["prose", '{"test_passed": true, "grade": 3}'])
def test_a_summary_without_suggestions_is_an_error(bad):
    model = ScriptedModel([bad])
    mark, error = ReferenceTester(model, model)._graded(trace("NO", "nothing"))
    assert error
    assert mark.score == (3.0 if "grade" in bad else 0.0)


TALKS = '{"analysis": "I would grade the 2 columns as even.", "grade": 5}'


def look_of(settings, *replies):
    model = ScriptedModel(replies)
    buffer = io.BytesIO()
    Image.new("RGB", (1280, 800), "white").save(buffer, "PNG")
    mark = VisionJudge(lambda: model, "x", settings).grade(audit(), "Use teal.", {"desktop": buffer.getvalue()})
    return mark, model.asked


def test_repair_7_a_digit_inside_the_analysis_is_no_grade():
    assert look_of(replace(FAITHFUL_EYES, first_digit=True), SEEN, TALKS)[0].score == 2
    assert look_of(FAITHFUL_EYES, SEEN, TALKS)[0].score == 5


def test_repair_8_the_judge_knows_what_was_asked_for_and_one_scale():
    answer = json.dumps({"description": "A list.", "error_message": "", "suggestions": "", "grade": 0})
    mark, asked = look_of(FIXED_EYES, answer)
    assert (mark.score, "Use teal." in asked[0][-1].content, len(asked)) == (0, True, 1)
    assert "1 to 5" not in "".join(message.content for message in asked[0])
    _, asked = look_of(FAITHFUL_EYES, SEEN, grade(3))
    assert not any("teal" in message.content for messages in asked for message in messages)
    assert "from 0 to 5" in asked[1][0].content
    assert "from 1 to 5" in asked[1][0].content, "the reference contradicts itself"


def test_repair_9_entities_attribute_order_files_beside_a_signal_and_the_last_file():
    other = f'<boltAction filePath="index.html" type="file">{GOOD}</boltAction>'
    cut = file_of("a{}", "a.css") + file_of(GOOD).removesuffix("</boltAction>")
    escaped = bolt("<!doctype html><title>T</title><p>1 &lt; 2, as everybody knows well</p>")
    assert [change.path for change in parse_artifact(other).changes] == ["index.html"]
    assert parse_artifact(other, reading=STRICT).changes == ()
    assert "1 &lt; 2" in parse_artifact(escaped).changes[0].content
    assert "1 < 2" in parse_artifact(escaped, reading=STRICT).changes[0].content
    assert parse_artifact(f"{bolt(GOOD)}{TEST}").changes
    assert parse_artifact(f"{bolt(GOOD)}{TEST}", reading=STRICT).changes == ()
    assert parse_artifact(cut, cut=True).truncated, "said, not lost in silence"
    strict = parse_artifact(cut, cut=True, reading=STRICT)
    assert ([change.path for change in strict.changes], strict.truncated, strict.problems) == (["a.css"], False, ())


APP = {"index.html": b"<div id=root></div>", "src/main.jsx": b"import React from 'react'"}


def test_repair_10_a_configuration_that_is_not_used_is_said_to_be():
    site = {**APP, "vite.config.ts": b"export default { base: './mine/' }"}
    fixed = complete_project(site)
    assert "vite.config.ts" not in fixed.files
    assert any("vite.config.ts was replaced" in note for note in fixed.notes)
    silent = complete_project(site, silent_config=FAITHFUL_SITE.silent_vite_config)
    assert {"vite.config.ts", "vite.config.js"} <= set(silent.files), "Vite takes the .js without a word"
    assert not any("vite.config" in note for note in silent.notes)
    assert not FIXED_SITE.silent_vite_config


PICTURE = bytes(range(256))


@pytest.mark.browser
def test_repair_11_lockfiles_and_pictures_survive_a_snapshot(store):
    files = {"index.html": b"x", "package-lock.json": b"{}", "a.png": PICTURE}
    assert as_the_reference_keeps(files).keys() == {"index.html", "a.png"}
    assert as_the_reference_keeps(files)["a.png"] != PICTURE
    reply = f'{tagged(GOOD)}<file path="package-lock.json">{{"lockfileVersion": 3}}</file>'
    kept = {}
    for lossy in (False, True):
        _, steps = fixed_run(store, [reply], 1, lossy_snapshots=lossy)
        kept[lossy] = set(store.files(steps[0].snapshot))
    assert kept[False] - kept[True] == {"package-lock.json"}


# -- what the coder hears ----------------------------------------------------------------------------------------------


def test_the_coder_hears_what_the_judge_saw_and_never_a_score():
    seen = Grade(3.0, "3 of 5", "vlm:x@1", "More air.", (), "Two columns.")
    made = replace(step(1), scores=Scores(seen, Grade(None, "", "none")))
    text = feedback(made, request())
    assert text.index("Two columns.") < text.index("More air.")
    assert "3 of 5" not in text
    tested = replace(made, observation=replace(made.observation, gui_grade=Grade(5.0, "passed", "reference:x@1")))
    assert "GUI test was successful" in feedback(tested, request())
