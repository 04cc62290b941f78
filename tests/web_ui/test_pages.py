"""What a visitor without a script gets from each page, and what the forms do."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
import zipfile
from dataclasses import replace
from urllib.parse import quote

import pytest
from PIL import Image

from appliance import audit, explorer_facts, requests
from appliance.errors import RunBusy
from appliance.ledger import LEASE, Ledger
from appliance.steps import GuiAct, GuiTrace, Picture
from sandbox.workspace import snapshot
from tests.appliance.rooms import fenced
from tests.web_ui.visits import BETTER, SECTION, config_of, work_on
from web_ui.jobs import Jobs
from web_ui.words import DEFAULT, languages


def test_a_new_site_is_queued_with_every_wish(visitor, store):
    answer = visitor.post(
        "/runs",
        {
            **{"brief": "A bakery with a search", "profile": "strong", "stack": "static", "steps": "7", "drafts": "3"},
            **{"seed": "42", "checklist": "Search for rye -> only rye bread is shown\nPress Order → a form opens"},
        },
    )
    run = store.run("last")
    assert answer.headers["Location"].endswith(run.id)
    asked = run.request
    assert (asked.brief, asked.profile, asked.stack, asked.steps) == ("A bakery with a search", "strong", "static", 7)
    assert (asked.drafts, asked.seed, asked.model) == (3, 42, "tiny")
    items = store.checklist(run.id).items
    assert [(item.task, item.expected) for item in items] == [
        ("Search for rye", "only rye bread is shown"),
        ("Press Order", "a form opens"),
    ]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"brief": "   "}, "The brief is empty"),
        ({"brief": "A bakery", "steps": "many"}, "“many” is no number from 1 to 200"),
        ({"brief": "A bakery", "steps": "201"}, "is no number from 1 to 200"),
        ({"brief": "A bakery", "stack": "php"}, "“php” is none of static, vite-react"),
        ({"brief": "A bakery", "profile": "nobody"}, "There is no profile"),
        ({"brief": "A bakery", "model": "nobody"}, "There is no model"),
        ({"brief": "A bakery", "checklist": "just a wish"}, "Test 1 of the checklist has no “-&gt;”"),
        ({"brief": "A bakery", "checklist": '[{"task": 1}]'}, "is not a text"),
        ({"brief": "A bakery", "checklist": "Do -> See", "faithful": "1"}, "leave out the checklist"),
        ({"brief": "x" * 20_001}, "20000 are the limit"),
        ({"brief": "A bakery\0"}, "NUL"),
    ],
)
def test_a_refused_form_says_why_and_keeps_what_was_typed(visitor, store, form, said):
    before = store.count_runs()
    answer = visitor.post("/runs", form)
    assert answer.status_code == 400
    assert said in answer.text
    assert form["brief"].strip("\0 ")[:100] in answer.text
    assert store.count_runs() == before


def test_the_queue_and_the_machines_state_are_told(visitor, store):
    first = visitor.post("/runs", {"brief": "First site"}).headers["Location"]
    second = visitor.post("/runs", {"brief": "Second site"}).headers["Location"]
    home = visitor.text("/")
    assert "Nothing is making sites right now" in home
    assert home.index("First site") < home.index("Second site")
    assert "Number 1 in the queue" in visitor.text(first)
    assert "Number 2 in the queue" in visitor.text(second)


def test_the_run_says_what_is_best_and_why(visitor, run, store):
    text = visitor.text(f"/runs/{run.id}")
    best = requests.best_of(store, run)
    assert f"Step {best.n} is the best" in text
    assert best.scores.appearance.reason in text
    assert f"{best.scores.appearance.score:.1f}" in text
    assert 'title="rules@1"' in text
    assert 'title="explorer@1"' in text
    for step in store.steps(run.id):
        assert f'id="step-{step.n}"' in text
        assert f'data-step="{step.n}"' in text
    assert text.count("<svg class=") == 1


def test_a_step_in_full(visitor, run):
    text = visitor.text(f"/runs/{run.id}/steps/2")
    assert "missing is not defined" in text
    assert "What the model wrote" in text
    fragment = visitor.text(f"/runs/{run.id}/steps/2", headers={"HX-Request": "true"})
    assert "<html" not in fragment
    assert visitor.get(f"/runs/{run.id}/steps/99").status_code == 404


def test_pictures_and_thumbnails(visitor, run, home):
    shutil.rmtree(home / "thumbnails", ignore_errors=True)
    picture = visitor.get(f"/runs/{run.id}/steps/1/desktop.png")
    assert picture.data.startswith(b"\x89PNG")
    small = visitor.get(f"/runs/{run.id}/steps/1/phone.webp")
    assert small.data[8:12] == b"WEBP"
    assert len(list((home / "thumbnails").iterdir())) == 1
    assert visitor.get(f"/runs/{run.id}/steps/1/other.png").status_code == 404


def test_two_steps_are_compared(visitor, run):
    text = visitor.text(f"/runs/{run.id}/compare?a=1&b=2")
    assert 'class="add"' in text
    assert "missing.go()" in text
    assert "data-slider" in text
    assert visitor.get(f"/runs/{run.id}/compare?a=1&b=77").status_code == 404


def test_all_parts_of_a_run_are_pages(visitor, run):
    for part in ("", "/preview", "/code", "/compare", "/tests", "/logs"):
        text = visitor.text(f"/runs/{run.id}{part}")
        assert text.count('aria-current="page"') >= 1
        assert "<h1>" in text


def test_safe_mode_shows_files_and_runs_nothing(visitor, run):
    assert "<iframe" in visitor.text(f"/runs/{run.id}/preview")
    safe = visitor.text(f"/runs/{run.id}/preview?safe=1")
    assert "<iframe" not in safe
    assert "Safe mode" in safe


def test_the_frame_of_a_preview_is_locked(visitor, run):
    frame = visitor.text(f"/runs/{run.id}/preview").split("<iframe")[1].split(">")[0]
    assert 'sandbox="allow-scripts allow-forms allow-modals allow-same-origin"' in frame
    assert ".localhost:8732/" in frame
    assert "allow-top-navigation" not in frame


def test_code_is_shown_and_an_edit_becomes_a_graded_step(visitor, run, store, home):
    page = visitor.text(f"/runs/{run.id}/code?step=1")
    assert "&lt;h1&gt;Bakery&lt;/h1&gt;" in page
    changed = BETTER.replace("Bakery</h1>", "Bakery by hand</h1>")
    answer = visitor.post(f"/runs/{run.id}/edit", {"step": "1", "path": "index.html", "content": changed})
    assert answer.status_code == 303
    assert store.run(run.id).status == "queued"
    work_on(home, [], store.run(run.id))
    step = store.steps(run.id)[-1]
    assert (step.kind, step.parent, step.aim) == ("edit", 1, "by hand: index.html")
    assert step.scores.appearance.score is not None
    assert store.run(run.id).status == "done"
    assert requests.best_of(store, store.run(run.id)).n == step.n
    assert "your choice" in visitor.text(f"/runs/{run.id}")
    visitor.post(f"/runs/{run.id}/choose", {})
    assert store.run(run.id).chosen is None


def test_an_edited_file_keeps_its_line_ends(visitor, run, store):
    content = "<h1>one</h1>\r\n<p>two</p>"  # as every browser sends a text area
    visitor.post(f"/runs/{run.id}/edit", {"step": "1", "path": "index.html", "content": content})
    assert store.next_edit(run.id).content == "<h1>one</h1>\n<p>two</p>"


@pytest.mark.parametrize("path", ["../x.html", "/etc/passwd", "a\\b", "", "x/../../y"])
def test_an_edit_stays_inside_the_site(visitor, run, store, path):
    answer = visitor.post(f"/runs/{run.id}/edit", {"step": "1", "path": path, "content": "x"})
    assert answer.status_code == 400
    assert store.next_edit(run.id) is None
    assert store.run(run.id).status == "done"


def test_restoring_adds_a_step_and_deletes_none(visitor, run, store):
    before = store.steps(run.id)
    visitor.post(f"/runs/{run.id}/restore", {"step": "1"})
    after = store.steps(run.id)
    assert after[:-1] == before
    assert (after[-1].kind, after[-1].snapshot, after[-1].parent) == ("restore", before[0].snapshot, 1)
    assert requests.best_of(store, store.run(run.id)).n == after[-1].n


def test_a_follow_up_wish_starts_from_the_best_step(visitor, run, store):
    answer = visitor.post(f"/runs/{run.id}/fork", {"wish": "Make the header green"})
    made = store.run("last")
    assert answer.headers["Location"].endswith(made.id)
    assert made.request.instruction == "Make the header green"
    assert made.origin_run == run.id
    assert made.base == requests.best_of(store, run).snapshot
    assert store.steps(run.id) == store.steps(run.id)


def test_a_fork_from_any_step_with_another_seed(visitor, run, store):
    visitor.post(f"/runs/{run.id}/fork", {"step": "1", "seed": "9", "wish": ""})
    made = store.run("last")
    assert (made.origin_step, made.request.seed, made.base) == (1, 9, store.steps(run.id)[0].snapshot)


def test_stop_and_go_on(visitor, store, home):
    visitor.post("/runs", {"brief": "A bakery", "steps": "3", "drafts": "1", "profile": "small"})
    run = store.run("last")
    visitor.post(f"/runs/{run.id}/cancel", {})
    assert store.run(run.id).status == "stopped"
    assert ">Continue<" in visitor.text(f"/runs/{run.id}")
    visitor.post(f"/runs/{run.id}/resume", {})
    ended = work_on(home, [fenced(BETTER), *[SECTION] * 5], store.run(run.id))
    assert ended.status == "done"


def test_what_is_being_worked_on_is_neither_edited_nor_deleted(visitor, run, store):
    store.take_lease("worker")
    store.set_status(run.id, "running")
    for path, form in (
        ("edit", {"step": "1", "path": "index.html", "content": "x"}),
        ("restore", {"step": "1"}),
        ("delete", {}),
    ):
        answer = visitor.post(f"/runs/{run.id}/{path}", form)
        assert answer.status_code == 409, path
        assert "being worked on" in answer.text
    assert len(store.steps(run.id)) == 5


def test_a_run_whose_worker_died_says_so(visitor, run, store):
    store.set_status(run.id, "running")
    text = visitor.text(f"/runs/{run.id}")
    assert "interrupted" in text
    assert "Its worker ended in the middle" in text


def test_deleted_in_another_tab(visitor, run):
    visitor.post(f"/runs/{run.id}/delete", {})
    for path in ("", "/events", "/board", "/steps/1", "/preview"):
        answer = visitor.get(f"/runs/{run.id}{path}")
        assert answer.status_code == 404, path
        assert "it may have been deleted" in answer.text


def test_taken_home_as_zip_git_and_folder(visitor, run, home, store):
    packed = zipfile.ZipFile(io.BytesIO(visitor.get(f"/runs/{run.id}/download/zip").data))
    names = packed.namelist()
    assert any(name.endswith("site/index.html") for name in names)
    assert any(name.endswith("screenshots/desktop.png") for name in names)
    report = json.loads(packed.read(next(name for name in names if name.endswith("report.json"))))
    assert report["run"] == run.id
    with tarfile.open(fileobj=io.BytesIO(visitor.get(f"/runs/{run.id}/download/git").data)) as tar:
        assert any(name.endswith(".git/HEAD") for name in tar.getnames())
    visitor.post(f"/runs/{run.id}/export", {"form": "folder"})
    target = store.run(run.id).export
    assert target.startswith(str(home / "exports"))
    assert target in visitor.text(f"/runs/{run.id}")
    assert visitor.get(f"/runs/{run.id}/download/exe").status_code == 404


def test_no_downloaded_file_is_run_by_the_browser(visitor, run):
    answer = visitor.get(f"/runs/{run.id}/raw?path=index.html&step=1")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Content-Disposition"] == "attachment"
    assert visitor.get(f"/runs/{run.id}/raw?path=../x").status_code == 404


def test_settings_say_who_set_them(visitor, home):
    text = visitor.text("/machine/settings")
    assert str(home / "config.toml") in text
    assert "generate.model" in text
    assert "default" in text


def test_disk_use_and_cleaning_up(visitor, run, home):
    visitor.get(f"/runs/{run.id}/steps/1/desktop.webp")
    assert "thumbnails" in visitor.text("/machine/disk")
    visitor.post("/machine/disk/clear", {"folder": "thumbnails"})
    assert not any((home / "thumbnails").iterdir())
    for folder in ("models", "..", "exports", ""):
        assert visitor.post("/machine/disk/clear", {"folder": folder}).status_code == 400
    assert (home / "models").is_dir()
    assert visitor.get(f"/runs/{run.id}/steps/1/desktop.webp").status_code == 200


def test_models_with_plan_and_card(visitor):
    text = visitor.text("/machine/models")
    assert "tiny" in text
    assert "in use" in text
    assert "Not measured yet" in text
    assert "fits: weights" in text


def test_the_machine_pages(visitor):
    for page in ("sandbox", "training", "settings", "disk", "models"):
        assert 'aria-current="page"' in visitor.text(f"/machine/{page}")
    assert visitor.get("/machine").status_code == 302


def test_importing_what_is_not_there(visitor):
    answer = visitor.post("/machine/models/import", {"path": "/nowhere/model.gguf"})
    assert answer.status_code == 400
    assert "There is no file /nowhere/model.gguf that this account can read" in answer.text


def test_every_text_has_a_translation(visitor):
    known = languages()
    for tag, texts in known.items():
        assert set(texts) == set(known[DEFAULT]), tag
    for key in known[DEFAULT]:
        fields = {tag: sorted(part[1] for part in _fields(texts[key])) for tag, texts in known.items()}
        assert len({tuple(found) for found in fields.values()}) == 1, key


def _fields(text):
    import string

    return [part for part in string.Formatter().parse(text) if part[1] is not None]


def test_every_fact_and_finding_has_words_of_its_own():
    texts = languages()[DEFAULT]
    assert {f"fact.{kind}" for kind in explorer_facts.KINDS} <= set(texts)
    assert {
        f"finding.{kind}" for kind in (*audit.KINDS, *(fact.finding for fact in explorer_facts.KINDS.values()))
    } <= set(texts)


def test_another_language(visitor):
    visitor.post("/language", {"language": "zh", "back": "/runs"})
    text = visitor.text("/")
    assert '<html lang="zh">' in text
    assert "描述一个网站" in text
    fresh = visitor.client.application.test_client()
    assert "描述一个网站" in fresh.get("/", base_url=visitor.base, headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text


def test_no_text_is_asked_for_that_nobody_wrote(visitor, run):
    """Every key in a template exists: with a language that has none the page would fail."""
    import re
    from pathlib import Path

    keys = languages()[DEFAULT]
    for path in Path("web_ui/templates").glob("*.html"):
        for key in re.findall(r"\bt\('([a-z_]+\.[a-z_]+)'", path.read_text("utf-8")):
            assert key in keys, f"{path.name}: {key}"


def test_ten_thousand_runs_are_paged(visitor, run, store):
    for _ in range(60):
        store.add_run(run.request)
    first, second = visitor.text("/runs"), visitor.text("/runs?page=2")
    assert first.count("<tr>") == 51
    assert second.count("<tr>") == 12
    assert "page 1 of 2" in first


def test_a_locked_database_is_said_to_be(home, visitor, run):
    import sqlite3

    visitor.text("/")
    other = sqlite3.connect(home / "appliance.db")
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert visitor.text(f"/runs/{run.id}")  # reading goes on beside a writer
        answer = visitor.post(f"/runs/{run.id}/choose", {"step": "1"})
    finally:
        other.rollback()
        other.close()
    assert answer.status_code == 503
    assert "stayed locked" in answer.text


def test_config_of_the_interface(home):
    assert config_of(home)[0].ui.port == 8731


def png(colour="#0b7a75"):
    content = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(content, "PNG")
    return content.getvalue()


def test_a_picture_of_how_it_should_look_goes_with_the_site(visitor, store):
    visitor.post(
        "/runs", {"brief": "A bakery", "image": (io.BytesIO(png()), "look.png")}, content_type="multipart/form-data"
    )
    run = store.run("last")
    assert run.request.likeness.background == "#0b7a75"
    assert store.blob(run.request.likeness.sha256).startswith(b"\x89PNG")
    other = store.add_run(run.request)
    store.delete_run(other.id)
    assert store.blob(run.request.likeness.sha256)


def test_what_is_no_picture_is_refused_and_the_brief_kept(visitor, store):
    before = store.count_runs()
    data = {"brief": "A bakery by the sea", "image": (io.BytesIO(b"MZ\x90"), "look.png")}
    answer = visitor.post("/runs", data, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert "look.png is no PNG, JPEG or WebP picture" in answer.text
    assert "A bakery by the sea" in answer.text
    assert store.count_runs() == before


def upload(visitor, name, content, **headers):
    return visitor.client.post(
        f"/machine/models/upload?name={name}",
        base_url=visitor.base,
        data=content,
        headers={"Origin": visitor.base, "X-Token": visitor.token(), **headers},
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.gguf", b"MZ\x90\0 a program", "is no GGUF file, whatever its name says"),
        ("model.exe", b"GGUF", "ends in .gguf"),
        ("..%2f..%2fx.sh", b"GGUF", "ends in .gguf"),
        ("", b"GGUF", "ends in .gguf"),
    ],
)
def test_what_is_no_model_is_not_kept(visitor, home, name, content, said):
    answer = upload(visitor, name, content)
    assert answer.status_code == 400
    assert said in answer.text
    assert not list((home / "uploads").glob("*")) if (home / "uploads").exists() else True


def test_a_model_is_sent_and_imported(visitor, home):
    content = (home / "tiny.gguf").read_bytes()
    assert upload(visitor, "second.gguf", content).status_code == 204
    jobs = visitor.client.application.extensions["desk"].jobs
    for _ in range(200):
        if jobs.list()[0].code is not None:
            break
        time.sleep(0.1)
    job = jobs.list()[0]
    assert (job.kind, job.code) == ("import", 0), job.lines
    assert "second" in visitor.text("/machine/models")
    assert list((home / "uploads").glob("*")) == []


def test_only_one_job_at_a_time(home):
    jobs = Jobs(["sh", "-c", "echo begun; sleep 20"])
    jobs.start("check", "tiny", [])
    with pytest.raises(RunBusy, match="tiny"):
        jobs.start("verify", "other", [])
    for _ in range(100):
        if jobs.list()[0].lines:
            break
        time.sleep(0.05)
    assert jobs.list()[0].lines == ("begun",)
    jobs.stop()
    for _ in range(100):
        if jobs.list()[0].code is not None:
            break
        time.sleep(0.05)
    assert jobs.list()[0].code != 0


def test_how_far_a_job_is_is_told_once_and_as_a_share(home):
    jobs = Jobs(["sh", "-c", "echo '  tiny: 5 %, 1 MiB of 20 MiB'; echo '  tiny: 10 %, 2 MiB of 20 MiB'; sleep 20"])
    jobs.start("import", "tiny", [])
    for _ in range(100):
        if jobs.list()[0].share == 0.1:
            break
        time.sleep(0.05)
    assert jobs.list()[0].share == 0.1
    assert jobs.list()[0].lines == ("  tiny: 10 %, 2 MiB of 20 MiB",)
    jobs.stop()


def test_what_training_has_to_beat_is_shown(visitor, store, run):
    text = visitor.text("/machine/training")
    looks, works = store.best_scores([run.id])[run.id]
    assert f"Finished sites: 1. On average {looks:.1f} for looks and {works:.1f} for works." in text


def test_nights_adapters_and_the_sites_of_both_arms_are_shown(visitor, store, run):
    ledger = Ledger(store)
    night = ledger.begin_night("tiny", {})
    arms = [store.add_run(replace(run.request, extras={"night": "1", "arm": arm})) for arm in ("champion", "candidate")]
    data = {"reward": 3.25, "gate": {"gain": 0.5}, "gate_runs": [arm.id for arm in arms]}
    ledger.add_adapter("abc123", "tiny", "w", "", night.id, {})
    ledger.advance(night, "done", data, "promoted abc123: gain +0.50")
    text = visitor.text("/machine/training")
    for said in ("3.2", "+0.5", "promoted abc123", "candidate", "before", "after", "no page"):
        assert said in text, said
    assert all(f"/runs/{arm.id}" in text for arm in arms)
    assert arms[0].id not in visitor.text("/runs")  # nobody asked for those
    assert "What the sites of each night earned" not in text
    second = ledger.begin_night("tiny", {}, "confirm")
    assert "measuring again" in visitor.text("/machine/training")
    ledger.advance(second, "done", {"reward": 4.0, "confirmation": {"reason": "gain +0.10"}}, "no signal")
    text = visitor.text("/machine/training")
    assert "What the sites of each night earned" in text
    assert "Measured again: gain +0.10." in text


def test_an_adapter_is_promoted_and_rolled_back_by_hand(visitor, store):
    ledger = Ledger(store)
    ledger.add_adapter("one", "tiny", "w", "", None, {})
    assert visitor.post("/machine/training/adapters/one/promote", {}).status_code == 303
    assert ledger.champion("tiny") == "one"
    assert "writes with adapter one" in visitor.text("/machine/models")
    visitor.post("/machine/training/adapters/one/rollback", {})
    assert ledger.champion("tiny") == ""
    assert visitor.post("/machine/training/adapters/one/eat", {}).status_code == 404
    assert visitor.post("/machine/training/adapters/nobody/promote", {}).status_code == 400


def test_the_window_of_nights_is_set_and_cleared_and_a_wrong_one_changes_nothing(visitor, store):
    assert visitor.post("/machine/training/schedule", {"window": "23:00-06:00", "days": "weekdays"}).status_code == 303
    assert "23:00-06:00 mon,tue,wed,thu,fri" in visitor.text("/machine/training")
    wrong = visitor.post("/machine/training/schedule", {"window": "noon", "days": "daily"})
    assert wrong.status_code == 400
    assert "write it like 23:00-06:00" in wrong.text
    assert str(Ledger(store).schedule()).startswith("23:00")
    visitor.post("/machine/training/schedule", {"clear": "1"})
    assert Ledger(store).schedule() is None


def test_a_night_at_work_is_told_with_its_end(visitor, store):
    ledger = Ledger(store)
    ledger.set_schedule("00:00-23:59", "daily")
    ledger.begin_night("tiny", {})
    assert "Training until" not in visitor.text("/")
    assert store.take_lease(LEASE)
    assert "Training until 23:59" in visitor.text("/")


def test_a_full_disk_is_said_to_be_and_the_brief_is_kept(visitor, store):
    before = store.count_runs()
    with visitor.client.application.extensions["desk"].pool.store() as used:
        used._connection.execute("PRAGMA max_page_count = 1")  # as a full disk answers: nothing more may be added
    answer = visitor.post("/runs", {"brief": "A bakery by the sea. " * 900})
    assert answer.status_code == 507
    assert "is full; free some space" in answer.text
    assert "A bakery by the sea" in answer.text
    assert store.count_runs() == before


def test_a_list_shows_the_shape_of_each_run(visitor, run):
    spark = visitor.text("/runs").split('class="spark"')[1].split("</svg>")[0]
    assert spark.count("polyline") == 2
    assert len(spark.split('class="looks" points="')[1].split('"')[0].split()) == 5


def test_a_damaged_model_takes_no_page_away_and_can_be_removed(visitor, home):
    (home / "models" / "broken").mkdir()
    (home / "models" / "broken" / "model.json").write_text("{")
    assert "A bakery" in visitor.text("/")
    text = visitor.text("/machine/models")
    assert "The record of the model &#39;broken&#39; is damaged" in text
    assert "tiny" in text
    visitor.post("/machine/models/broken/remove", {})
    assert not (home / "models" / "broken").exists()


def test_an_edit_that_changes_nothing_is_refused(visitor, run, store):
    content = store.files(store.step(run.id, 1).snapshot)["index.html"].decode()
    answer = visitor.post(f"/runs/{run.id}/edit", {"step": "1", "path": "index.html", "content": content})
    assert answer.status_code == 400
    assert "nothing was changed" in answer.text


def test_a_long_edit_in_any_script_is_taken(visitor, run, store):
    content = "面" * 150_000
    assert visitor.post(f"/runs/{run.id}/edit", {"step": "1", "path": "a.html", "content": content}).status_code == 303
    assert store.next_edit(run.id).content == content


@pytest.mark.parametrize(
    "path", ["/runs/{run}/steps/99999999999999999999", "/runs/{run}/tests?step=99999999999999999999"]
)
def test_a_number_that_no_step_can_have(visitor, run, path):
    assert visitor.get(path.format(run=run.id)).status_code == 404


def test_nothing_in_use_is_cleared(visitor, run, store, home):
    store.take_lease("worker")
    store.set_status(run.id, "running")
    (home / "tmp").mkdir(exist_ok=True)
    assert visitor.post("/machine/disk/clear", {"folder": "tmp"}).status_code == 409
    assert (home / "tmp").is_dir()


def test_who_has_the_machine_is_told(visitor, store):
    store.take_lease("worker")
    assert f"Process {os.getpid()} has the model" in visitor.text("/state")


def test_what_a_model_clicked_is_shown_as_a_film(visitor, run, store):
    old = store.step(run.id, 1)
    shot = store.blob(old.observation.pictures[0].sha256)
    picture = Picture("act-1", old.observation.pictures[0].sha256, 1280)
    act = GuiAct("click", 'click button "Order"', effect="a line came", picture=picture.sha256)
    trace = GuiTrace("Press Order", "A form opens", "clever", (act,), "YES", "it opened", "answered")
    seen = replace(old.observation, traces=(trace,), pictures=(*old.observation.pictures, picture))
    store.add_step(run.id, replace(old, n=9, observation=seen), store.files(old.snapshot), [shot], {}, tip=9)
    text = visitor.text(f"/runs/{run.id}/steps/9")
    assert "click button &#34;Order&#34;" in text
    assert "a line came" in text
    film = text.split('class="film"')[1].split('src="')[1].split('"')[0]
    assert visitor.get(film).data[8:12] == b"WEBP"
    assert "Press Order" in visitor.text(f"/runs/{run.id}/tests?step=9")


def test_what_is_in_a_file_name_is_text(visitor, run, store):
    name = "<img src=x onerror=alert(1)>.html"
    files = {"index.html": b"x", name: b"<script>alert(1)</script>"}
    step = replace(store.step(run.id, 1), n=9, snapshot=snapshot(files).id)
    store.add_step(run.id, step, files, [], {}, tip=9)
    for path in (
        f"/runs/{run.id}/code?step=9&path={quote(name)}",
        f"/runs/{run.id}/compare?a=1&b=9",
        f"/runs/{run.id}",
    ):
        text = visitor.text(path)
        assert "<img src=x" not in text
        assert "<script>alert" not in text
