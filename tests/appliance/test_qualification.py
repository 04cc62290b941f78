from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rooms import LocalRooms, fenced, page

from appliance.cards import ROLES, Card, Figures, load_card, qualified, roles_of, store_card
from appliance.profiles import load_profiles
from appliance.qualification import (
    Subject,
    check_model,
    gui_cases,
    gui_results,
    judge_answers,
    judge_cases,
    known_picture,
)
from appliance.rubric import changes, contradicts
from models.catalog import load_thresholds
from models.chat import Sampling
from models.scripted import ScriptedModel
from sandbox.errors import BrowserMissing

NEEDED = load_thresholds()
GOOD = Figures(6, 6, 3, 3, 2, 2, 3, 3, 40, 40)
SUBJECT = Subject("clever", "ab" * 32, load_profiles()["small"], sees=False)


def role(figures, name, *, sees=True):
    return next(one for one in roles_of(figures, NEEDED, sees=sees) if one.role == name)


# -- the cases -------------------------------------------------------------------------------------------------------


def test_there_are_forty_cases_in_balance_and_each_trap_is_a_no():
    answers = [case.answer for case in judge_cases()]
    assert (answers.count("YES"), answers.count("PARTIAL"), answers.count("NO")) == (16, 8, 16)
    trapped = {case.trap: case.answer for case in judge_cases() if case.trap}
    assert trapped == dict.fromkeys(("dead-button", "fake-success", "hidden-instruction"), "NO")
    assert len({(case.item.task, case.evidence) for case in judge_cases()}) == 40


def test_a_done_thing_shows_a_change_in_every_yes_and_none_at_a_dead_button():
    for case in judge_cases():
        came, went = changes(case.evidence)
        moved = (
            came
            or went
            or case.evidence.url_before != case.evidence.url_after
            or case.evidence.before != case.evidence.after
        )
        if case.answer == "YES" and case.item.kind == "functional":
            assert moved, case.item.task
        if case.trap == "dead-button":
            assert not moved
        assert not contradicts(case.item, case.evidence)


def perfect(messages, sampling):
    """Knows the answers by heart, and quotes what came, or the page."""
    asked = messages[-1].content
    for case in judge_cases():
        if f"Test: {case.item.task}\n" in asked and case.evidence.after in asked:
            after = [line for line in case.evidence.after.splitlines() if line]
            return json.dumps({"quote": after[0], "answer": case.answer})
    raise AssertionError(asked)


def said(model):
    return list(judge_answers(model))


def test_a_judge_that_is_right_and_one_that_always_agrees():
    assert said(ScriptedModel(perfect)) == [case.answer for case in judge_cases()]
    agreeable = ScriptedModel(lambda messages, _: perfect(messages, _).replace('"NO"', '"YES"'))
    wrong = [case for case, answer in zip(judge_cases(), said(agreeable), strict=True) if case.answer != answer]
    assert {case.answer for case in wrong} == {"NO"}


def test_a_judge_that_cannot_answer_has_judged_nothing():
    assert set(said(ScriptedModel(lambda *_: "I believe so"))) == {"unjudged"}


def test_all_cases_share_the_beginning_of_their_prompt():
    model = ScriptedModel(perfect)
    judge_answers(model)
    assert len({asked[0] for asked in model.asked}) == 1


# -- the roles -------------------------------------------------------------------------------------------------------


def test_good_figures_give_every_role_and_none_is_given_for_what_was_not_tried():
    assert all(one.qualified for one in roles_of(GOOD, NEEDED, sees=True))
    untried = roles_of(Figures(json_answers=6, json_asked=6), NEEDED, sees=True)
    assert not any(one.qualified for one in untried)
    assert all("not tried" in one.reason for one in untried)


@pytest.mark.parametrize(
    ("figures", "name", "reason"),
    [
        (replace(GOOD, gui_tests=2), "agent", "2 of 3 tests done, 3 are needed"),
        (replace(GOOD, judge_cases=35), "function-judge", "35 of 40 judge cases right, 36 are needed"),
        (replace(GOOD, judge_cases=39, judge_false_yes=1), "function-judge", "1 times a NO was called YES"),
        (replace(GOOD, json_answers=5), "function-judge", "5 of 6 answers in JSON, 6 are needed"),
        (replace(GOOD, json_answers=5), "agent", "5 of 6 answers in JSON"),
        (replace(GOOD, pages=1), "coder", "1 of 3 pages whole"),
        (replace(GOOD, picture_answers=1), "appearance-judge", "1 of 2 answers about the picture"),
    ],
)
def test_one_figure_below_its_threshold_costs_the_role(figures, name, reason):
    assert not role(figures, name).qualified
    assert reason in role(figures, name).reason


def test_a_model_that_cannot_see_does_not_judge_looks():
    assert role(GOOD, "appearance-judge", sees=False).reason == "it cannot see pictures"


def card(figures=GOOD):
    return Card(
        "clever", "ab" * 32, "cpu", "2026-01-01T00:00:00+00:00", 1, figures, roles_of(figures, NEEDED, sees=False)
    )


def test_the_user_is_told_who_judges_instead():
    assert qualified(card(), "agent")[0]
    assert qualified(card(replace(GOOD, judge_cases=20)), "function-judge") == (
        False,
        "clever is not qualified as function judge (20 of 40 judge cases right, 36 are needed);"
        " explorer@1 judges instead, by what it sees happen",
    )
    assert "rules@1 judges instead" in qualified(card(), "appearance-judge")[1]
    assert all(not qualified(None, name)[0] for name in ROLES)


def test_a_card_is_kept_until_the_model_file_changes(tmp_path):
    path = store_card(tmp_path, card())
    assert [one.name for one in path.parent.iterdir()] == ["clever.json"]
    assert load_card(tmp_path, "clever", "ab" * 32) == card()
    assert load_card(tmp_path, "clever", "cd" * 32) is None
    assert load_card(tmp_path, "other", "ab" * 32) is None
    path.write_text("{")
    assert load_card(tmp_path, "clever", "ab" * 32) is None


def test_the_known_picture_is_the_same_everywhere():
    assert known_picture()[:8] == b"\x89PNG\r\n\x1a\n"
    assert known_picture() == known_picture()


# -- on a real page --------------------------------------------------------------------------------------------------


def clicker():
    """Does the three tasks with the numbered controls; what it says of its success plays no part."""
    turns = Counter()

    def reply(messages, sampling):
        asked = "\n".join(message.content for message in messages)
        task = next(task for task in STEPS if task in asked)
        verb, name, text = STEPS[task][turns[task]]
        turns[task] += 1
        if verb == "done":
            return json.dumps({"thought": "t", "action": "done", "answer": "NO", "reason": "who knows"})
        return json.dumps({"thought": "t", "action": verb, "element": number(messages[-1].content, name), **text})

    return reply


def number(listed, name):
    line = next(line for line in listed.splitlines() if line.lstrip().startswith("[") and name in line)
    return int(line[line.index("[") + 1 : line.index("]")])


STEPS = {
    gui_cases()[0].item.task: [("type", "New item", {"text": "Milk"}), ("click", '"Add"', {}), ("done", "", {})],
    gui_cases()[1].item.task: [("click", 'checkbox "Eggs"', {}), ("done", "", {})],
    gui_cases()[2].item.task: [
        ("click", "Settings", {}),
        ("select", "Currency", {"text": "Euro"}),
        ("click", "Save", {}),
        ("done", "", {}),
    ],
}


@pytest.mark.browser
def test_a_test_counts_by_the_state_of_the_page_and_not_by_what_the_model_says():
    assert gui_results(ScriptedModel(clicker()), LocalRooms(), False) == (True, True, True)
    boast = json.dumps({"thought": "t", "action": "done", "answer": "YES", "reason": "all done"})
    assert gui_results(ScriptedModel(lambda *_: boast), LocalRooms(), False) == (False, False, False)


class NoRooms(LocalRooms):
    def container(self, stack):
        raise BrowserMissing("There is no Chromium here.")


COLOURS = ("red", "green", "blue", "yellow")


def weak(messages, sampling):
    asked = messages[-1].content
    if "bakery" in asked:
        return fenced(page("<h1>Bread</h1><p>Rye and wheat</p>")) if sampling.seed != 2 else "I cannot do that."
    if "what colour" in asked:
        offer = asked.split("\n\n")[1].lower()
        return json.dumps({"thing": offer, "colour": next(one for one in COLOURS if one in offer)})
    if "Did the test pass" in asked:
        return json.dumps({"quote": "nothing", "answer": "NO"})
    return "one two three"


def test_a_whole_check_leaves_out_by_name_what_the_machine_cannot_try():
    told = []
    made = check_model(ScriptedModel(weak), SUBJECT, NoRooms(), NEEDED, told.append)
    figures = made.figures
    assert (figures.json_answers, figures.pages, figures.pages_asked) == (6, 2, 3)
    assert (figures.gui_asked, figures.pictures_asked) == (0, 0)
    assert made.left_out == ("tests on a page: There is no Chromium here.",)
    assert sum(made.judge_answers.values()) == 40
    assert [one.role for one in made.roles if one.qualified] == ["coder"]
    assert "40 judge cases" in told
    assert figures.generated_tokens_s > 0


def test_a_cut_off_page_is_not_whole():
    endless = ScriptedModel(lambda *_: "```html\n<!doctype html><html><body>" + "word " * 9000)
    made = check_model(endless, SUBJECT, NoRooms(), NEEDED, lambda _: None)
    assert made.figures.pages == 0
    assert made.figures.judge_unjudged == 40
    assert endless.chat(endless.asked[0], Sampling(max_tokens=1)).finish == "length"


def test_the_published_thresholds_are_those_of_the_catalog():
    text = (Path(__file__).parents[2] / "docs" / "qualification.md").read_text("utf-8")
    assert f"{NEEDED.json_answers} of 6 answers in JSON" in text
    assert f"{NEEDED.pages} of 3 pages whole" in text
    assert f"{NEEDED.gui_tests} of 3 tests on a page" in text
    assert f"{NEEDED.judge_cases} of 40 judge cases, no NO called YES" in text
    assert (NEEDED.judge_false_yes, NEEDED.picture_answers) == (0, 2)
