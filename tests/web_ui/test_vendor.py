"""What is shipped of others: unchanged, licensed, and asking nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "web_ui" / "static"
VENDOR = STATIC / "vendor"
RECORD = json.loads((VENDOR / "vendor.json").read_text("utf-8"))


def test_every_shipped_file_is_the_recorded_one():
    shipped = {path.name for path in VENDOR.iterdir()} - {"vendor.json", "LICENSES.txt"}
    assert shipped == set(RECORD["files"])
    for name, digest in RECORD["files"].items():
        assert base64.b64encode(hashlib.sha512((VENDOR / name).read_bytes()).digest()).decode() == digest, name


def test_the_record_is_what_the_lock_pins():
    lock = json.loads((STATIC.parent / "editor" / "package-lock.json").read_text("utf-8"))["packages"]
    pinned = {
        path.removeprefix("node_modules/"): {"version": entry["version"], "integrity": entry["integrity"]}
        for path, entry in lock.items()
        if path and not entry.get("dev")
    }
    assert pinned == RECORD["packages"]
    assert all(entry["integrity"].startswith("sha512-") for entry in pinned.values())


def test_every_package_has_its_licence_text():
    texts = (VENDOR / "LICENSES.txt").read_text("utf-8")
    for name, entry in RECORD["packages"].items():
        assert f"{name} {entry['version']}\n" in texts, name


def test_nothing_shipped_names_a_place_to_load_from():
    folders = ((STATIC, "*.*"), (STATIC.parent / "templates", "*.html"), (VENDOR, "*.css"), (VENDOR, "*.js"))
    own = [path for folder, pattern in folders for path in folder.glob(pattern)]
    loads = re.compile(rb"""(?:src|href|url|import|fetch|from)\s*[=(:]?\s*\(?["']?https?://""", re.IGNORECASE)
    for path in own:
        assert not loads.search(path.read_bytes()), path.name
        assert b"sourceMappingURL" not in path.read_bytes(), path.name
