"""Shards as people run them: processes that know nothing of each other, and folders that are put together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.chaos.job import script_of
from appliance.config import data_folder
from models.scripted import ScriptedModel
from tests.models.chat_server import serving

pytestmark = [pytest.mark.podman, pytest.mark.browser, pytest.mark.slow]
PROGRAM = Path(sys.executable).with_name("appliance")
SITES = "000005,000031"


def home(tmp_path, name):
    """A data folder of one's own, with this account's sandbox images."""
    made = tmp_path / name
    made.mkdir()
    (made / "sandbox").symlink_to(data_folder({}) / "sandbox")
    return made


def bench(folder, *arguments, url=""):
    engine = {"APPLIANCE_ENGINE__BASE_URL": url, "APPLIANCE_ENGINE__REMOTE_MODEL": "story"} if url else {}
    environment = {**os.environ, "APPLIANCE_HOME": str(folder), **engine}
    command = [PROGRAM, "bench", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process):
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out


def lines(folder, name):
    return (folder / name).read_text().splitlines()


def test_two_processes_make_the_shards_of_one_measurement(tmp_path):
    folders = [tmp_path / f"shard{n}" for n in (1, 2)]
    with serving() as server:
        server.model = ScriptedModel(script_of("strong"))
        asked = ("run", "--sites", SITES, "--mode", "one-shot")
        shards = [
            bench(
                home(tmp_path, f"home{n}"), *asked, "--shard", f"{n}/2", "--out", tmp_path / f"shard{n}", url=server.url
            )
            for n in (1, 2)
        ]
        for shard in shards:
            said(shard)
    folders = [tmp_path / f"shard{n}" for n in (1, 2)]
    made = [
        json.loads(line)["site"] for folder in folders for line in (folder / "sites.jsonl").read_text().splitlines()
    ]
    assert sorted(made) == SITES.split(","), "each site in one shard"
    merged = json.loads(said(bench(tmp_path, "merge", *folders, "--out", tmp_path / "whole", "--json")))
    found = merged["modes"]["one-shot"]
    assert (found["sites"], found["runs"], found["start_failed"]) == (2, 2, 0.0)
    assert found["cases"] == sum(len(lines(folder, "cases.jsonl")) for folder in folders)
    assert len(list((tmp_path / "whole" / "pictures").iterdir())) == 2
