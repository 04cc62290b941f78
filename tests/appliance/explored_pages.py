"""The explorer's twelve pages, sound or with their defects planted, and what a look at them found."""

from __future__ import annotations

import tomllib
from contextlib import contextmanager
from pathlib import Path

from appliance.explorer import explore
from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.local import LocalContainer
from sandbox.preview import Preview

FOLDER = Path(__file__).parent / "explored"
DEFECTS = tomllib.loads((FOLDER / "manifest.toml").read_text(encoding="utf-8"))["defect"]
PAGES = sorted({defect["page"] for defect in DEFECTS})


def sound(page):
    return {file.name: file.read_bytes() for file in (FOLDER / page).iterdir()}


def spoiled(page):
    files = sound(page)
    for defect in planted(page):
        name, old = defect.get("file", "index.html"), defect["sound"].encode()
        if files[name].count(old) != 1:
            raise ValueError(
                f"{page}: the sound text of {defect['place']!r} stands there {files[name].count(old)} times"
            )
        files[name] = files[name].replace(old, defect["spoiled"].encode())
    return files


def planted(page):
    return [defect for defect in DEFECTS if defect["page"] == page]


def failures(exploration):
    return [fact for fact in exploration.facts if not fact.holds]


def tells(fact, defect, kinds):
    return fact.kind in kinds and defect["place"].lower() in f"{fact.place} {fact.evidence}".lower()


def missed(defects, facts):
    """Planted defects that no false fact tells."""
    return [defect for defect in defects if not any(tells(fact, defect, defect["kinds"]) for fact in facts)]


def unfounded(defects, facts):
    """False facts that no planted defect explains."""
    return [
        fact
        for fact in facts
        if not any(tells(fact, defect, [*defect["kinds"], *defect.get("follows", [])]) for defect in defects)
    ]


@contextmanager
def exploring():
    """Yields `look(files)`: publish them, and explore them in Chromium."""
    with (
        LocalContainer(ContainerSettings()) as container,
        Preview(container) as preview,
        Browser(BrowserSettings(), preview.url) as browser,
    ):

        def look(files, *, budget_s=120.0):
            container.replace({name: text.encode() if isinstance(text, str) else text for name, text in files.items()})
            preview.wait_ready(10)
            return explore(browser, budget_s=budget_s)

        yield look
