"""The command line as a user meets it: real processes, exit codes, one sentence for each failure."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import step

from appliance.export import export_run
from appliance.steps import RunRequest
from appliance.store import Store
from sandbox.workspace import snapshot

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("appliance")


def run(home, *arguments, stdin=None, **variables):
    environment = {**os.environ, "APPLIANCE_HOME": str(home), **variables}
    return subprocess.run([PROGRAM, *arguments], env=environment, input=stdin, capture_output=True, timeout=60)


def test_every_command_has_help_and_stands_in_the_readme(tmp_path):
    shown = run(tmp_path, "--help").stdout.decode()
    readme = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^  (\w+)  +\S", shown, re.MULTILINE)
    assert {"generate", "runs", "models", "sandbox", "worker", "doctor", "config", "demo"} <= set(commands)
    for command in commands:
        described = run(tmp_path, command, "--help")
        assert described.returncode == 0, command
        assert f"appliance {command}" in readme, command
        for sub in re.findall(r"^  (\w+)  +\S", described.stdout.decode().partition("Commands:")[2], re.MULTILINE):
            assert run(tmp_path, command, sub, "--help").returncode == 0
            assert re.search(rf"appliance {command} [^\n]*\b{sub}\b", readme), f"{command} {sub}"


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["generate", ""], None, 2, "empty"),
        (["generate", "-"], b"\xff\xfe\x00", 2, "UTF-8"),
        (["generate", "-"], b"x" * 100_000, 2, "limit"),
        (["generate", "@/nowhere/brief"], None, 2, "/nowhere/brief"),
        (["generate", "a bakery"], None, 3, "models pull"),
        (["generate", "a bakery", "--model", "gpt-9"], None, 3, "gpt-9"),
        (["generate", "a bakery", "--steps", "0"], None, 2, "--steps"),
        (["generate"], None, 2, "BRIEF"),
        (["runs", "show", "nope"], None, 2, "no such run"),
        (["runs", "export", "nope", "--out", "/tmp/x"], None, 2, "no such run"),
        (["bake"], None, 2, "bake"),
        (["models", "verify", "gpt-9"], None, 3, "gpt-9"),
        (["demo", "--case", "999999"], None, 2, "999999"),
    ],
)
def test_wrong_input_ends_in_one_sentence_and_the_right_exit_code(tmp_path, arguments, stdin, code, said):
    done = run(tmp_path / "home", *arguments, stdin=stdin)
    words = done.stderr.decode()
    assert done.returncode == code, words
    assert said in words
    assert "Traceback" not in words
    assert done.stdout == b""


def test_a_mistake_in_the_configuration_names_key_and_place(tmp_path):
    done = run(tmp_path, "runs", "list", APPLIANCE_GENERATE__STEPPS="3")
    assert done.returncode == 2
    assert b"APPLIANCE_GENERATE__STEPPS" in done.stderr


def test_config_show_names_the_origin_of_each_value(tmp_path):
    done = run(tmp_path, "config", "show", "--json", APPLIANCE_GENERATE__STEPS="3")
    rows = {row["key"]: row for row in json.loads(done.stdout)}
    assert rows["generate.steps"] == {"key": "generate.steps", "value": 3, "origin": "APPLIANCE_GENERATE__STEPS"}


def finished_run(home):
    files = {"index.html": b"<h1>bread</h1>", "kit/a.svg": b"<svg/>"}
    with Store(home) as store:
        made = store.add_run(RunRequest(brief="a bakery", profile="small", model="scripted"))
        store.add_step(
            made.id, step(1, snapshot=snapshot({"index.html": b"old"}).id), {"index.html": b"old"}, [], {}, tip=1
        )
        store.add_step(made.id, step(2, parent=1, snapshot=snapshot(files).id), files, [], {}, tip=2)
        store.set_status(made.id, "done", "step limit", best=2)
    return made.id


def test_a_finished_run_is_listed_shown_and_exported_in_three_forms(tmp_path):
    home = tmp_path / "home"
    run_id = finished_run(home)
    assert json.loads(run(home, "runs", "list", "--json").stdout)[0]["run"] == run_id
    shown = json.loads(run(home, "runs", "show", "last", "--json").stdout)
    assert shown["best_step"] == 2
    assert shown["scores"] == {"appearance": 4.0, "functionality": None}
    assert run(home, "runs", "export", run_id, "--out", str(tmp_path / "folder")).returncode == 0
    assert (tmp_path / "folder/site/index.html").read_bytes() == b"<h1>bread</h1>"
    assert (tmp_path / "folder/site/kit/a.svg").exists()
    assert run(home, "runs", "export", run_id, "--zip", "--out", str(tmp_path / "zip")).returncode == 0
    listing = subprocess.run([sys.executable, "-m", "zipfile", "-l", tmp_path / "zip/site.zip"], capture_output=True)
    assert b"site/index.html" in listing.stdout
    assert run(home, "runs", "export", run_id, "--git", "--out", str(tmp_path / "git")).returncode == 0
    log = subprocess.run(["git", "-C", tmp_path / "git", "log", "--format=%s"], capture_output=True, text=True)
    assert log.stdout.splitlines() == ["step 2: build", "step 1: build"]


def test_an_export_never_writes_over_anything(tmp_path):
    home = tmp_path / "home"
    run_id = finished_run(home)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for target in (tmp_path / "mine", tmp_path / "mine" / "letter.txt"):
        done = run(home, "runs", "export", run_id, "--out", str(target))
        assert done.returncode == 2
        assert b"not empty" in done.stderr
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert run(home, "runs", "export", run_id, "--out", "/proc/nowhere").returncode == 2


def test_deleting_asks_first(tmp_path):
    run_id = finished_run(tmp_path)
    assert run(tmp_path, "runs", "delete", run_id, stdin=b"n\n").returncode == 130
    assert run(tmp_path, "runs", "delete", run_id, "--yes").returncode == 0
    assert json.loads(run(tmp_path, "runs", "list", "--json").stdout) == []


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path):
    done = run("/proc/nowhere", "runs", "list")
    assert done.returncode == 3
    assert b"/proc/nowhere" in done.stderr
    assert b"Traceback" not in done.stderr


def test_doctor_names_each_missing_thing_with_its_remedy(tmp_path):
    done = run(tmp_path, "doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 3
    assert checks["models"]["state"] == "missing"
    assert "models pull" in checks["models"]["remedy"]
    assert checks["browser"]["state"] == "ok"


def test_a_site_that_brings_a_git_configuration_runs_nothing(tmp_path):
    """What a model wrote is exported as files; git must not read its `.gitconfig` and `.gitattributes`."""
    mark = tmp_path / "ran"
    files = {
        "index.html": b"<h1>bread</h1>",
        ".gitconfig": f'[core]\n fsmonitor = "touch {mark}; false"\n[filter "x"]\n clean = touch {mark}\n'.encode(),
        ".gitattributes": b"* filter=x\n",
    }
    with Store(tmp_path / "home") as store:
        made = store.add_run(RunRequest(brief="a bakery", profile="small", model="m"))
        store.add_step(made.id, step(1, snapshot=snapshot(files).id), files, [], {}, tip=1)
        export_run(store, store.run(made.id), tmp_path / "out", "git")
    assert (tmp_path / "out" / ".gitconfig").is_file()
    assert not mark.exists()
