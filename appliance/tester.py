"""Testing a site with models: the GUI agent works through the checklist, a judge decides by what was seen to happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from appliance.gui_agent import FIXED, GuiSettings, KeepPicture, run_test
from appliance.rubric import RubricJudge, combined, evidence_of
from appliance.steps import ChecklistItem, Grade, GuiTrace, Verdict
from models.chat import ChatModel
from sandbox.browser import Browser
from sandbox.hands import Hands


@dataclass(frozen=True, slots=True)
class Tested:
    traces: tuple[GuiTrace, ...]
    verdicts: tuple[Verdict, ...]
    """One for each checklist item, exact facts before the judge's opinion."""
    grade: Grade | None = None
    """Where the tester grades the whole test itself."""
    error: str = ""
    """Why the test came to no result; only where that makes the step an error."""


class SiteTester(Protocol):
    def test(
        self, browser: Browser, items: Sequence[ChecklistItem], exact: Sequence[Verdict], keep: KeepPicture
    ) -> Tested: ...


@dataclass(frozen=True, slots=True)
class Tester:
    """Both models are qualified for their roles, or the user was told who does the work instead and there is none."""

    agent: ChatModel
    judge: RubricJudge
    settings: GuiSettings = FIXED
    cancelled: Callable[[], bool] = lambda: False

    def test(
        self, browser: Browser, items: Sequence[ChecklistItem], exact: Sequence[Verdict], keep: KeepPicture
    ) -> Tested:
        """Every item that is about using the site. The agent acts on all of them before the judge sees any, so that
        two models that take turns in memory change places once."""
        wanted = [n for n, item in enumerate(items) if item.kind != "design"]
        traces = []
        with Hands(browser) as hands:
            for n in wanted:
                if self.cancelled():
                    break
                trace = run_test(self.agent, hands, items[n], self.settings, keep=keep, cancelled=self.cancelled)
                traces.append(replace(trace, item=n))
        opinions = [self.judge.judge_item(trace.item, items[trace.item], evidence_of(trace)) for trace in traces]
        return Tested(tuple(traces), combined(opinions, exact))
