from __future__ import annotations

import json
from importlib.resources import files

import pytest
from click.testing import CliRunner

from appliance.checklist import checklist_from_file, derive_checklist, lines, rules_checklist, told
from appliance.checklist_check import check_items, fault, proof_of, rules_items, subject_of, with_fitting_proof
from appliance.colours import asked_colours
from appliance.commands.generate import command as generate
from appliance.errors import UsageError
from appliance.live import Live
from appliance.steps import ChecklistItem, RunRequest
from appliance.store import Store
from models.chat import Sampling
from models.scripted import ScriptedModel

TODO = (
    "A to-do list. Users should be able to add tasks with a due date, mark tasks as complete, delete tasks, search"
    " tasks by title and filter tasks by status. Tasks are still there after a reload."
    " Use mint cream as the background and teal for all components."
)
GREEDY = Sampling(temperature=0)
REQUEST = RunRequest(brief="a bakery", profile="small", model="scripted")
CASES = [
    json.loads(line)
    for line in files("appliance").joinpath("data", "webgen-bench-dev.jsonl").read_text("utf-8").splitlines()
]


def item(task, expected="The task is listed below the form.", kind="functional", proof="add", subject="task"):
    return {"task": task, "expected": expected, "kind": kind, "proof": proof, "subject": subject}


GOOD = [
    item("Type a title and press Add."),
    item("Mark a task as complete.", "The task is struck through.", proof="complete"),
    item("Delete a task.", "The task is gone, the others stay.", proof="delete"),
    item("Search tasks for a title.", "Only tasks with that title stay shown.", proof="search", subject="tasks"),
]


def answer(items):
    return json.dumps({"items": items})


def derived(*replies, brief=TODO):
    model = ScriptedModel(list(replies), name="writer")
    return derive_checklist(model, brief, GREEDY), model


def test_good_tests_are_taken_and_the_colours_of_the_brief_are_added():
    checklist, model = derived(answer(GOOD))
    assert [one.proof for one in checklist.items] == ["add", "complete", "delete", "search", "colour"]
    assert checklist.items[-1].subject == "mint cream, teal"
    assert "background is mint cream" in checklist.items[-1].expected
    assert (checklist.origin, checklist.dropped) == ("writer", ())
    assert len(model.asked) == 1
    assert model.asked[0][1].content.count(TODO) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (item("Log in with a password.", "The list of the user is shown.", proof="submit", subject="login"), "a login"),
        (item("Put a product into the cart.", "The cart counts one more."), "a cart"),
        (item("Play the drum solo of the orchestra.", "The drum can be heard.", subject="drum"), "says nothing of"),
        (item("Use the task list.", "It works well."), "opinion"),
        (item("Look at the task list.", "It looks nice and is user-friendly."), "opinion"),
        (item("Add a task.", "The task is stored in the database."), "cannot be seen"),
        (item("Delete one task.", "That task is gone.", proof="delete"), "duplicate of"),
        (item("Look at the colours.", "Buttons are teal.", kind="design", proof="none"), "duplicate: the colours"),
        (item("Press.", ""), "untestable"),
    ],
)
def test_a_test_not_worth_having_is_dropped_with_the_reason(bad, reason):
    checklist, _ = derived(answer([*GOOD, bad]))
    assert len(checklist.items) == 5
    assert [one.task for one in checklist.dropped] == [bad["task"]]
    assert reason in checklist.dropped[0].reason


def test_words_in_quotes_are_samples_and_no_inventions():
    sample = ChecklistItem(
        'Add a task named "Password for the chat".', "The task is listed.", "functional", "add", "task"
    )
    assert fault(with_fitting_proof(sample), TODO, []) == ""


def test_a_brief_in_another_language_is_not_held_against_its_tests():
    german = "Eine Aufgabenliste: Aufgaben anlegen, abhaken, löschen."
    made = ChecklistItem("Eine Aufgabe löschen.", "Die Aufgabe verschwindet aus der Liste.", "functional", "delete")
    kept, dropped = check_items([made], german)
    assert (len(kept), dropped) == (1, ())


@pytest.mark.parametrize(
    ("proposed", "proof"),
    [
        (ChecklistItem("Type a title and press Add.", "It is listed.", "functional", "delete", "task"), "add"),
        (ChecklistItem("Spin the wheel.", "It stops at a prize.", "functional", "delete", "wheel"), "none"),
        (ChecklistItem("Look at the header.", "It has a shadow.", "design", "add", "header"), "none"),
        (ChecklistItem("Delete a task.", "It is gone.", "functional", "delete", "task"), "delete"),
    ],
)
def test_a_proof_that_the_words_do_not_speak_of_is_set_right(proposed, proof):
    assert with_fitting_proof(proposed).proof == proof


def test_an_unreadable_answer_is_asked_again_with_the_reason():
    checklist, model = derived("Sure! Here are some tests.", answer(GOOD))
    assert checklist.origin == "writer"
    assert "it is no JSON" in model.asked[1][-1].content


@pytest.mark.parametrize("bad", ["prose", "{}", '{"items": []}', '{"items": [{"task": 3}]}', "[1, 2", ""])
def test_after_two_unreadable_answers_the_rules_write_the_checklist(bad):
    checklist, model = derived(bad, bad)
    assert checklist.origin == "rules@1"
    assert len(model.asked) == 2
    assert {one.proof for one in checklist.items} >= {"add", "complete", "delete", "search", "filter", "colour"}


def test_a_cut_off_answer_is_not_used():
    model = ScriptedModel(lambda messages, sampling: "{ " * 5000, context_tokens=200_000)
    assert derive_checklist(model, TODO, GREEDY).origin == "rules@1"


def test_a_brief_too_long_for_the_model_is_read_by_the_rules():
    model = ScriptedModel([], context_tokens=4096)
    checklist = derive_checklist(model, TODO + " Users can add tasks." * 900, GREEDY)
    assert checklist.origin == "rules@1"
    assert 4 <= len(checklist.items) <= 8


def test_what_too_few_good_tests_leave_open_is_added_by_rule():
    checklist, _ = derived(answer([GOOD[2], item("Use the list.", "It works well.")]))
    assert checklist.origin == "writer + rules@1"
    assert checklist.items[0].task == "Delete a task."
    assert [one.proof for one in checklist.items].count("delete") == 1
    assert 4 <= len(checklist.items) <= 8
    assert len(checklist.dropped) == 1


def test_never_more_than_eight_and_the_rest_is_named():
    verbs = ["Add", "Delete", "Complete", "Filter", "Search", "Sort", "Mark as done", "Reload the"]
    many = [
        item(f"{verb} tasks {n * 'again '}", f"The tasks show step {n}.", subject="tasks")
        for n, verb in enumerate(verbs)
    ]
    checklist, _ = derived(answer(many))
    assert len(checklist.items) == 8
    assert checklist.dropped
    assert all(one.reason for one in checklist.dropped)


@pytest.mark.parametrize(
    "brief", ["A bakery page.", "面包店网站,有菜单。", "portfolio", "Eine Seite über Brot. Rezepte anzeigen."]
)
def test_the_shortest_brief_has_four_tests(brief):
    items = rules_items(brief)
    assert 4 <= len(items) <= 8
    assert all(one.task and one.expected for one in items)


def test_every_brief_that_is_shipped_has_a_checklist_of_its_own_words():
    seen = set()
    for case in CASES:
        items = rules_checklist(case["instruction"]).items
        assert 4 <= len(items) <= 8
        assert len({one.task for one in items}) == len(items)
        assert (items[-1].proof == "colour") == bool(asked_colours(case["instruction"]))
        seen.add(tuple(one.task for one in items[:3]))
    assert len(seen) > 0.9 * len(CASES)


def test_a_pronoun_and_a_bare_verb_get_back_what_they_are_about():
    brief = "Users should be able to add notes, mark them as complete, edit, delete notes and filter them by date."
    by_proof = {one.proof: one for one in rules_items(brief)}
    assert "notes" in by_proof["complete"].task
    assert by_proof["edit"].task == "Edit notes."
    assert by_proof["delete"].subject == "notes"


def test_browsing_by_kind_is_tried_and_not_only_seen():
    (item,) = [
        one
        for one in rules_items("A poetry blog. Users should be able to browse different types of poetry and vote.")
        if one.proof == "filter"
    ]
    assert (item.task, item.subject, item.kind) == ("Browse different types of poetry.", "poetry", "functional")


@pytest.mark.parametrize(
    ("task", "kind", "proof", "subject"),
    [
        ("Add a product to the list, then delete it.", "functional", "delete", ""),
        ("Verify the stock search functionality by entering a valid stock code.", "functional", "search", "stock"),
        ("Check the filter function for regulatory policies.", "functional", "filter", "policies"),
        ("Browse different types of poetry.", "functional", "filter", "poetry"),
        ("Try browsing posts by category.", "functional", "filter", "posts"),
        ("Modify an existing client's information.", "functional", "edit", "client"),
        ('Navigate to the "Ranking Page".', "data-display", "navigate", "Ranking Page"),
        ("View the list of available prizes.", "data-display", "shows-text", "prizes"),
        ("Fill in and send the contact form.", "functional", "submit", ""),
        ("Validate that the contact form can be submitted.", "functional", "submit", "contact"),
        ("Navigate to an introduction to credit repair.", "data-display", "navigate", "credit repair"),
        ("Try customer management.", "functional", "add", "customer"),
        ("Reply to posts.", "functional", "add", "posts"),
        ("Resign from the current game.", "functional", "none", ""),
        ("Change the board theme.", "functional", "none", ""),
    ],
)
def test_what_a_task_proves_and_about_what(task, kind, proof, subject):
    found = proof_of(task, "Something is seen.", kind)
    assert (found, subject_of(task, found)) == (proof, subject)


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES[:10], ids=lambda case: case["id"])
def test_a_list_of_the_benchmark_is_taken_as_it_is(case, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(case["ui_instruct"]), encoding="utf-8")
    checklist = checklist_from_file(path)
    assert [one.task for one in checklist.items] == [" ".join(entry["task"].split()) for entry in case["ui_instruct"]]
    assert checklist.items[-1].proof == "colour"
    assert checklist.origin == "file"
    assert checklist_from_file(json.dumps(case)).items == checklist.items


def test_an_own_list_may_be_toml_and_say_its_proof():
    toml = '[[items]]\ntask = "Spin."\nexpected = "A prize is shown."\nproof = "add"\nsubject = "prize"\n'
    (only,) = checklist_from_file(toml).items
    assert only == ChecklistItem("Spin.", "A prize is shown.", "functional", "add", "prize")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"task": "a", "expected": "b"}, {"task": "a", "expectd": "b"}]', r"item 2 .*“expectd”"),
        ('[{"task": "a"}]', r"item 1: the field “expected” is missing"),
        ('[{"task": "a", "expected": 3}]', r"item 1: the field “expected” is not a text"),
        ('[{"task": "a", "expected": "b", "kind": "magic"}]', r"item 1: “kind” is 'magic'"),
        ('[{"task": "a", "expected": "b", "proof": "yes"}]', r"item 1: “proof” is 'yes'"),
        ('[{"task": "a", "expected": "b", "kind": ["x"]}]', r"item 1: “kind” is"),
        ('[{"task": "a", "expected_result": "b", "task_category": {"primary_category": "Odd"}}]', r"“task_category”"),
        ('["a"]', "item 1 is not an object"),
        ("[]", "holds no items"),
        ("{}", "holds no list"),
        ("[" * 100_000, "neither JSON nor TOML"),
        ("just words", "neither JSON nor TOML"),
        (json.dumps([{"task": "a", "expected": "b"}] * 41), "40 are the limit"),
        (json.dumps([{"task": "a" * 700, "expected": "b"}]), "600 are the limit"),
    ],
)
def test_a_wrong_list_is_answered_with_the_item_and_the_field(text, said):
    with pytest.raises(UsageError, match=said):
        checklist_from_file(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.json"):
        checklist_from_file(tmp_path / "gone.json")
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        checklist_from_file(tmp_path / "x")


def test_generate_refuses_a_wrong_list_before_anything_is_queued(tmp_path, monkeypatch):
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    (tmp_path / "list.json").write_text('[{"tsk": "a"}]')
    result = CliRunner().invoke(generate, ["A page.", "--checklist", str(tmp_path / "list.json")])
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "home" / "appliance.db").exists()
    assert "--checklist" in CliRunner().invoke(generate, ["--help"]).output


def test_a_list_of_the_users_own_is_queued_with_the_run(tmp_path):
    checklist = checklist_from_file('[{"task": "Add a loaf.", "expected": "It is listed."}]')
    with Store(tmp_path) as store:
        run = store.add_run(REQUEST, checklist=checklist)
        assert store.checklist(run.id) == checklist


def test_what_is_shown_names_origin_proof_and_what_was_not_taken():
    checklist, _ = derived(answer([*GOOD, item("Use the list.", "It works well.")]))
    shown = lines(told(checklist))
    assert shown[0] == "checklist (writer):"
    assert "[delete task]" in shown[3]
    assert shown[-1].startswith("  not taken: Use the list. (untestable")


def test_a_run_shows_its_checklist_on_stderr(store, capsys):
    run = store.add_run(REQUEST)
    with Live(store, run.id) as live:
        live("checklist", told(derived(answer(GOOD))[0]))
    shown = capsys.readouterr()
    assert "1. Type a title and press Add. → The task is listed below the form.  [add task]" in shown.err
    assert shown.out == ""


def test_what_is_shown_is_named_without_what_it_is_for():
    brief = "Build a dashboard. It should have data visualization capabilities to clearly display complex policies."
    subjects = [item.subject for item in rules_items(brief) if item.proof == "shows-text"]
    assert "visualization" in subjects


def test_what_is_listed_after_a_deed_is_done_to_each():
    brief = (
        "A shop website. Users should be able to add barbers, services, and send messages, sort and filter services."
    )
    tasks = [item.task for item in rules_items(brief)]
    assert {"Add barbers.", "Add services.", "Sort services.", "Filter services."} <= set(tasks)


def test_what_no_page_can_show_is_no_test():
    tasks = [item.task for item in rules_items("The platform should ensure user privacy, and perform operations.")]
    assert "privacy" not in " ".join(tasks)
    assert "Perform operations." not in tasks
