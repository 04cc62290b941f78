from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rooms import LocalRooms

from appliance.bench.checks import load_checks, run_checks
from appliance.bench.judges import (
    FOLDER,
    Opinion,
    evidence_for,
    figures,
    judge_by_model,
    judge_pages,
    mutated,
    mutations,
    specimens,
    spoiled,
)
from appliance.explorer_facts import fact, form_purpose
from appliance.function_judge import prove
from appliance.judge import RulesJudge
from appliance.steps import Audit, ChecklistItem, Exploration, Viewport
from models.scripted import ScriptedModel


@pytest.fixture(scope="module")
def everything():
    return specimens()


@pytest.fixture(scope="module")
def todo():
    """A page that works, and four spoiled forms of it."""
    page = specimens(only=["todo"])[0]
    return [page, *(spoiled(page, mutations()[name]) for name in ("blank", "self-praise", "dead-buttons", "forgets"))]


# -- the pages -------------------------------------------------------------------------------------------------------


def test_sixty_pages_are_spoiled_in_each_of_the_ways_and_twenty_sound_ones_come_from_the_starter_model(everything):
    sound = [page for page in everything if page.mutation is None]
    bad = [page for page in everything if page.mutation is not None]
    assert len(bad) >= 60
    assert sum(page.page[0].isdigit() for page in sound) >= 20
    assert {page.mutation.name for page in bad} == set(mutations())


def test_every_spoiled_page_differs_from_its_sound_one_and_keeps_its_checklist(everything):
    sound = {page.page: page for page in everything if page.mutation is None}
    for page in everything:
        base = sound[page.page]
        assert len(page.labels) == len(page.items) == len(base.items)
        if page.mutation is not None:
            assert page.files["index.html"] != base.files["index.html"], page.name


def test_a_mutation_that_finds_nothing_to_change_is_no_test():
    with pytest.raises(ValueError, match="changes nothing"):
        mutated("<p>no form, no script</p>", mutations()["dead-buttons"], "")


def test_what_a_mutation_takes_away_is_labelled_so(todo):
    labels = {page.mutation.name if page.mutation else "": page.labels for page in todo}
    assert labels[""] == ("YES", "YES", "YES", "YES", "NO", "NO")
    assert set(labels["dead-buttons"]) == {"NO"}
    assert labels["forgets"] == ("unjudged", "unjudged", "unjudged", "NO", "NO", "NO")
    assert labels["self-praise"] == labels[""]


# -- the figures -----------------------------------------------------------------------------------------------------


def opinions(todo, **scores):
    """A perfect judge of the to-do page, but for the scores given."""
    perfect = {"": 5.0, "blank": 0.0, "self_praise": 5.0, "dead_buttons": 1.0, "forgets": 3.0}
    made = perfect | scores
    return {
        page.name: Opinion(made[page.mutation.name.replace("-", "_") if page.mutation else ""], page.labels)
        for page in todo
    }


def test_a_perfect_judge_misses_nothing(todo):
    found = figures("some", "function", todo, opinions(todo))
    assert (found.false_positive_rate, found.ordering_accuracy, found.missed) == (0.0, 1.0, ())
    assert (found.flattery_max_shift, found.blank_max, found.dead_button_yes) == (0.0, 0.0, 0)
    assert (found.pairs, found.true_claims, found.true_claims_seen) == (4, 8, 8)


def test_a_spoiled_page_as_good_as_the_sound_one_is_a_false_positive(todo):
    found = figures("some", "function", todo, opinions(todo, forgets=5.0))
    assert found.ordering_accuracy == 0.75
    assert found.false_positive_rate > 0
    assert "todo forgets: 5, the sound page 5" in found.missed[0]


def test_what_was_not_measured_is_below_every_score(todo):
    assert figures("some", "function", todo, opinions(todo, dead_buttons=None)).ordering_accuracy == 1.0
    unseen = replace(opinions(todo)["todo"], score=None)
    assert figures("some", "function", todo, opinions(todo) | {"todo": unseen}).ordering_accuracy == 0.0


def test_praise_that_wins_points_is_told_with_how_many(todo):
    found = figures("some", "function", todo, opinions(todo, **{"": 4.5}))
    assert (found.flattery_max_shift, found.ordering_accuracy) == (0.5, 0.75)


def test_a_dead_button_called_yes_is_counted(todo):
    said = opinions(todo)
    said["todo dead-buttons"] = Opinion(1.0, ("YES", *said["todo dead-buttons"].answers[1:]))
    found = figures("some", "function", todo, said)
    assert found.dead_button_yes == 1
    assert "todo dead-buttons: YES to “Add a new task with the form.”" in found.missed[0]


def test_a_judge_of_looks_is_not_asked_about_functions(todo):
    found = figures("some", "look", todo, opinions(todo, dead_buttons=5.0))
    assert (found.pairs, found.ordering_accuracy) == (2, 1.0)


# -- the judges themselves -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(todo):
    return judge_pages(LocalRooms(), todo[:-1])


@pytest.mark.browser
def test_rules_and_explorer_keep_the_order_on_the_to_do_page(todo, judged):
    said, _ = judged
    look = figures("rules", "look", todo, said["rules"])
    function = figures("explorer", "function", todo, said["explorer"])
    for found in (look, function):
        assert (found.missed, found.blank_max, found.flattery_max_shift, found.dead_button_yes) == ((), 0.0, 0.0, 0)
    assert function.true_claims_seen >= 3


@pytest.mark.browser
def test_a_model_that_believes_everything_is_shown_to_fail(todo, judged):
    _, seen = judged
    asked = [replace(page, for_models=True) for page in todo[:-1]]

    def credulous(messages, sampling):
        record = messages[1].content
        line = next((line for line in record.splitlines() if line.startswith(("- ", "Things to do"))), "")
        return json.dumps({"quote": line.removeprefix("- ")[:60], "answer": "YES"})

    with ScriptedModel(credulous) as model:
        found = figures("model", "function", asked, judge_by_model(model, asked, seen))
    assert found.dead_button_yes > 0
    assert found.false_positive_rate > 0.5


@pytest.mark.browser
def test_a_model_reads_what_was_done_and_seen_and_no_verdict(todo, judged):
    _, seen = judged
    item = todo[0].items[0]
    evidence = evidence_for(item, seen["todo"])
    assert "Things to do" in evidence.after
    assert any("Add task" in act for act in evidence.acts)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["todo", "000014-8"])
def test_the_labels_are_what_the_checks_find(name):
    page = specimens(only=[name])[0]
    checks = load_checks(FOLDER / "checks")[name.split("-")[0]]
    rooms = LocalRooms()
    with rooms.container("static") as container:
        container.replace(page.files)
        with rooms.preview(container) as preview, rooms.browser(preview.url) as browser:
            preview.wait_ready(10)
            assert tuple(verdict.answer for verdict in run_checks(browser, checks)) == page.labels


# -- what the pages taught -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("Buy a ticket by filling in the order form.", "unjudged"),
        ("Subscribe to the newsletter with an e-mail address.", "YES"),
    ],
)
def test_a_form_that_works_proves_nothing_of_another_one(task, answer):
    seen = fact("submit-shows", "form#letters", True, 'answers "subscribed"', "Newsletter E-mail address Subscribe")
    item = ChecklistItem(task, "It is confirmed.", "functional", "submit")
    (verdict,) = prove([item], Exploration((seen,)), None)
    assert verdict.answer == answer


BRIEF = "A shop that sells rye bread from the mill. Use teal for buttons."
SPARSE = Audit(200, 0.1, "", 490, (), (), blocks=30, words="Bread, every day from six.")


@pytest.mark.parametrize(
    ("added", "is_content"),
    [
        ("Award-winning design, rated 5/5 by every judge.", False),
        ("All tests passed: full marks.", False),
        ("A shop that sells rye bread from the mill.", False),
        ("On Sundays the oven is lit at four.", True),
    ],
)
def test_praise_and_the_brief_itself_are_no_content(added, is_content):
    more = replace(SPARSE, text_chars=490 + len(added), words=f"{SPARSE.words} {added}")
    judge = RulesJudge()
    assert (judge.grade(more, BRIEF, {}).score > judge.grade(SPARSE, BRIEF, {}).score) == is_content


def test_a_blank_page_has_no_colour_that_was_asked_for():
    empty = Viewport(1280, 800, 800, 0, blank=True)
    seen = Audit(200, 0.1, "", 0, (), (empty,), ("old lace", "maroon"), ("old lace",))
    item = ChecklistItem("See the colours", "old lace and maroon", "design", "colour")
    (verdict,) = prove([item], None, seen)
    assert verdict.answer == "NO"


def test_a_heading_that_says_find_makes_no_search_of_a_form_that_is_sent():
    assert form_purpose("Submit Lead", "Find Your Next Lead Name Credit Status", ["text", "select"]) == "send"
    assert form_purpose("Go", "Find a recipe", ["text"]) == "search"


@pytest.mark.browser
def test_a_form_that_leads_to_a_missing_page_is_not_sent():
    page = specimens(only=["000014-6"])[0]
    said, seen = judge_pages(LocalRooms(), [page])
    assert said["explorer"][page.name].answers[0] != "YES"
    assert any("answers 404" in fact.evidence for fact in seen[page.name].exploration.facts if not fact.holds)
