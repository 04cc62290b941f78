"""Short ways to write a measurement down."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from appliance.bench.checks import CheckVerdict
from appliance.bench.measure import Judged, Made
from appliance.bench.results import CaseLine, Setting, SiteLine
from appliance.bench.webgen_bench import BenchSite
from appliance.steps import Usage
from tests.appliance import builders

BRIEF = "A bakery page with bread, orders and opening hours."
SITE = msgspec.convert(
    {
        "id": "b1",
        "instruction": BRIEF,
        "Category": {"primary_category": "Content Presentation", "subcategories": []},
        "ui_instruct": [
            {"task": "Order bread.", "expected_result": "It is ordered.", "task_category": {"primary_category": "F"}},
            {"task": "Look at the colours.", "task_category": {"primary_category": "D"}},
        ],
    },
    type=BenchSite,
)
SETTING = Setting("checked", "0" * 64, "checks", True, ("one-shot", "loop"), "m", "small", 8, 4, 7500, "abc", "f" * 64)


def made_step(n, appearance, tokens, *, kind="draft", function=None, **more):
    made = builders.step(n, appearance, functionality=function, kind=kind, **more)
    seen = replace(made.observation.audit, text_chars=400, words="Bread and orders in our bakery, opening hours")
    return replace(made, usage=Usage(completion_tokens=tokens), observation=replace(made.observation, audit=seen))


class Scripted:
    """A maker whose runs are given; remembers what it was asked for."""

    def __init__(self, loop, extra=(), **others):
        self.runs, self.extra = {"loop": tuple(loop), **others}, tuple(extra)
        self.asked, self.further = [], []

    def make(self, kind, brief, seed):
        self.asked.append(kind)
        return Made(kind, tuple(self.runs[kind]), lambda step: {"index.html": step.snapshot.encode()}, 100.0)

    def drafts(self, brief, seed, count):
        self.further.append(count)
        return Made("more", self.extra, lambda step: {"index.html": b"more " + step.snapshot.encode()}, 30.0)


class Answers:
    """Judges a page by what a table says of its words."""

    name = "table"

    def __init__(self, table):
        self.table, self.judged = table, []

    def __call__(self, files, site, step, picture):
        page = files["index.html"].decode()
        self.judged.append(page)
        return Judged([CheckVerdict(n, answer, "seen") for n, answer in enumerate(self.table[page])])


def lines(site, seed, **accuracy):
    """One case a site and mode: YES above a half."""
    values = {mode.replace("_", "-"): value for mode, value in accuracy.items()}
    sites = [SiteLine(site, seed, mode, "r", 1, value, 3.0, True, 100, 9.0) for mode, value in values.items()]
    cases = [CaseLine(site, seed, mode, 0, "YES" if value > 0.5 else "NO", "…", "F") for mode, value in values.items()]
    return sites, cases
