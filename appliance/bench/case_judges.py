"""Who decides the test cases: executable checks, or a model that clicks through each case as the benchmark's does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from appliance.bench.checks import EVIDENCE_CHARS, Checks, CheckVerdict, run_checks
from appliance.bench.measure import Judged
from appliance.bench.webgen_bench import BenchSite
from appliance.gui_agent import GuiSettings, run_test
from appliance.steps import ChecklistItem, Files, GuiTrace, Step
from appliance.vision_judge import VisionJudge
from models.chat import ChatModel
from sandbox.browser import Browser
from sandbox.container import Container
from sandbox.hands import Hands
from sandbox.preview import Preview

READY_TIMEOUT_S = 20.0
BENCH_TEST = GuiSettings(answers=("YES", "PARTIAL", "NO"), same_again=0, width=1024, height=768)
"""As the benchmark's driver works: 15 actions, be they the same again, and with the last one an answer is forced."""


class Rooms(Protocol):
    def container(self, stack: str) -> Container: ...
    def preview(self, container: Container) -> Preview: ...
    def browser(self, url: str) -> Browser: ...


@contextmanager
def opened(rooms: Rooms, files: Files) -> Iterator[Browser]:
    """The site in a sandbox of its own."""
    with (
        rooms.container("static") as container,
        rooms.preview(container) as preview,
    ):
        container.replace(files)
        preview.wait_ready(READY_TIMEOUT_S)
        with rooms.browser(preview.url) as browser:
            yield browser


class CheckedCases:
    """By the executable checks of a site."""

    def __init__(self, rooms: Rooms, checks: Checks) -> None:
        self.name = "checks"
        self._rooms, self._checks = rooms, checks

    def __call__(self, files: Files, site: BenchSite, step: Step, picture: bytes) -> Judged:
        with opened(self._rooms, files) as browser:
            return Judged(run_checks(browser, self._checks[site.id]))


class ClickedCases:
    """By a model. Each case starts from a fresh page with an empty store; what it did is kept as evidence. A model that
    sees also grades the looks. A test that came to no answer counts as NO, as in the benchmark, and says so."""

    def __init__(
        self, rooms: Rooms, model: ChatModel, name: str, *, sees: bool, evidence: Path, tell: Callable[[str], None]
    ) -> None:
        self.name = f"gui:{name}"
        self._rooms, self._model, self._evidence, self._tell = rooms, model, evidence, tell
        self._settings = replace(BENCH_TEST, vision=sees)
        self._eyes = VisionJudge(lambda: model, name) if sees else None

    def __call__(self, files: Files, site: BenchSite, step: Step, picture: bytes) -> Judged:
        verdicts = []
        with opened(self._rooms, files) as browser, Hands(browser) as hands:
            for n, case in enumerate(site.ui_instruct):
                item = ChecklistItem(case.task, case.expected_result, "functional")
                trace = run_test(self._model, hands, item, self._settings)
                verdicts.append(_verdict(n, trace))
                self._keep(site, step, n, trace)
                self._tell(f"   case {n + 1} of {len(site.ui_instruct)}: {verdicts[-1].answer}")
        audit = step.observation.audit
        grade = None
        if self._eyes and audit:
            grade = self._eyes.grade(audit, site.instruction, {"desktop": picture} if picture else {})
        return Judged(verdicts, grade)

    def _keep(self, site: BenchSite, step: Step, n: int, trace: GuiTrace) -> None:
        self._evidence.mkdir(parents=True, exist_ok=True)
        name = f"{site.id}-{step.snapshot[:12]}-{n}.json"
        (self._evidence / name).write_text(json.dumps(asdict(trace), ensure_ascii=False, indent=1) + "\n", "utf-8")


def _verdict(n: int, trace: GuiTrace) -> CheckVerdict:
    if trace.answer == "unjudged":
        return CheckVerdict(n, "NO", f"no verdict: {trace.reason}"[:EVIDENCE_CHARS])
    acts = f"after {len(trace.acts)} action(s): {trace.reason}"
    return CheckVerdict(n, trace.answer, " ".join(acts.split())[:EVIDENCE_CHARS])
