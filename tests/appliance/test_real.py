"""The whole path with real parts: a GGUF model, rootless Podman, Chromium, SQLite. Few and slow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.config import data_folder
from appliance.store import Store

pytestmark = [pytest.mark.model, pytest.mark.podman, pytest.mark.browser, pytest.mark.slow]

PROGRAM = Path(sys.executable).with_name("appliance")
BRIEF = "A page for a bakery: opening hours and a list of six kinds of bread. White background, teal components."
GENERATE = ("generate", BRIEF, "--model", "qwen2.5-coder-0.5b", "--json")


@pytest.fixture
def home(tmp_path):
    """An empty data folder that shares models and sandbox images with this account's own."""
    own = data_folder({})
    home = tmp_path / "home"
    home.mkdir()
    for name in ("models", "sandbox"):
        (home / name).symlink_to(own / name)
    return home


def start(home, *arguments):
    environment = {**os.environ, "APPLIANCE_HOME": str(home)}
    return subprocess.Popen(
        [PROGRAM, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def left_over(home):
    """Processes that still carry this data folder in their environment or arguments."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                text = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if str(home).encode() in text:
                found.append((folder / "cmdline").read_text().replace("\0", " ")[:120])
    return found


def loaded(home):
    """Those of them that hold much memory; a container waits for the next start's reaper."""
    return [command for command in left_over(home) if "llama_child" in command or "chrom" in command]


def containers():
    from appliance.assembly import podman_settings
    from appliance.config import load_config
    from sandbox.podman_engine import Podman

    config, _ = load_config({})
    with Podman.on_this_host(podman_settings(config)) as podman:
        return [container.name for container in podman.client().containers.list(all=True)]


def test_a_brief_becomes_a_site_with_real_parts(home, tmp_path):
    out = tmp_path / "site"
    process = start(home, *GENERATE, "--steps", "3", "--drafts", "2", "--out", str(out))
    said, shown = process.communicate(timeout=900)
    assert process.returncode == 0, shown
    result = json.loads(said)
    assert result["status"] == "done"
    assert result["engine"] in ("cpu", "cuda", "vulkan")
    assert result["judges"]["appearance"] == "rules@1"
    judged = result["scores"]["functionality"] is not None
    assert result["judges"]["functionality"] == ("explorer@1" if judged else "none")
    assert "checklist (rules@1)" in shown
    assert "explorer@1 judges instead" in shown or "the explorer tests the page instead" in shown
    assert all(step["completion_tokens"] > 0 and step["model_seconds"] > 0 for step in result["steps"])
    assert "<" in (out / "site" / "index.html").read_text()
    assert (out / "screenshots" / "desktop.png").read_bytes().startswith(b"\x89PNG")
    assert left_over(home) == []


def test_ctrl_c_leaves_nothing_behind_and_the_run_goes_on(home):
    process = start(home, *GENERATE, "--steps", "2", "--drafts", "1")
    for line in process.stderr:
        if "the model is writing" in line:
            break
    time.sleep(2)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert json.loads(said)["status"] == "stopped"
    assert left_over(home) == []
    assert containers() == []
    resumed = start(home, "runs", "resume", "last", "--json")
    said, shown = resumed.communicate(timeout=900)
    assert resumed.returncode in (0, 1), shown
    assert [step["n"] for step in json.loads(said)["steps"]][:1] == [1]


def test_kill_nine_in_the_middle_of_a_run_loses_no_finished_step(home):
    process = start(home, *GENERATE, "--steps", "6", "--drafts", "1")
    for line in process.stderr:
        if line.startswith("step 1"):
            break
    time.sleep(1)
    process.kill()
    process.communicate()
    with Store(home) as store:
        before = store.steps(store.run("last").id)
        assert before
        assert store.run("last").status == "running"
    deadline = time.monotonic() + 20
    while (alive := loaded(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert alive == [], "the model's process and the browser die with their parent"
    listed = subprocess.run(
        [PROGRAM, "runs", "list", "--json"], env={**os.environ, "APPLIANCE_HOME": str(home)}, capture_output=True
    )
    assert json.loads(listed.stdout)[0]["status"] == "interrupted"
    resumed = start(home, "runs", "resume", "last", "--steps", str(len(before) + 1), "--json")
    said, shown = resumed.communicate(timeout=900)
    assert [step["n"] for step in json.loads(said)["steps"]] == list(range(1, len(before) + 2)), shown
    assert containers() == [], "the container of the killed run is removed when the next one starts"
    with Store(home) as store:
        assert store.steps(store.run("last").id)[: len(before)] == before
        assert store.integrity() == "ok"


def test_a_worker_takes_what_generate_asks_for(home):
    worker = start(home, "worker")
    try:
        assert "worker on" in worker.stderr.readline()
        with Store(home) as store:
            while store.lease_holder("worker") is None:
                time.sleep(0.1)
        process = start(home, *GENERATE, "--one-shot")
        said, shown = process.communicate(timeout=900)
        assert "a worker is running" in shown
        assert json.loads(said)["status"] in ("done", "failed")
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert left_over(home) == []
