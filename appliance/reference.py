"""Testing as the paper's reference does it, for the faithful mode: one instruction for the whole site, written before
any code; one drive with YES or NO at its end; a grade of 1 to 5 by a text model that reads the driver's words and never
sees the page. (arXiv 2509.22644 and its published code.)

Its faults are settings, so that what each one costs can be measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from appliance.gui_agent import FAITHFUL, GuiSettings, KeepPicture, run_test
from appliance.prompts import fill
from appliance.steps import Checklist, ChecklistItem, Files, Grade, GuiTrace, Verdict
from appliance.tester import Tested
from models.chat import ChatMessage, ChatModel, Sampling
from models.errors import AnswerUnusable, ModelError
from models.json_answer import greedy_object
from sandbox.browser import Browser
from sandbox.hands import Hands

INSTRUCTION_TRIES = 5
GRADES = (1, 2, 3, 4, 5)
_INSTRUCTION = re.compile(r"""<boltAction\s+type=["']gui_agent_test["']\s*>(.*?)</boltAction>""", re.DOTALL)
_NOT_KEPT = frozenset({"node_modules", "dist", ".next", "package-lock.json"})


@dataclass(frozen=True, slots=True)
class ReferenceSettings:
    """The reference's two faults: `inverted` tells the grader that a test which reveals a flaw has passed;
    `yes_anywhere` makes the test passed, and takes its suggestions away, for the letters YES in the driver's words."""

    inverted: bool = True
    yes_anywhere: bool = True
    gui: GuiSettings = FAITHFUL
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.5, max_tokens=900, seed=1))


@dataclass(frozen=True, slots=True)
class ReferenceTester:
    """`driver` clicks, `grader` writes the instruction and grades; they may be one model."""

    driver: ChatModel
    grader: ChatModel
    settings: ReferenceSettings = field(default_factory=ReferenceSettings)
    cancelled: Callable[[], bool] = lambda: False

    def plan(self, brief: str) -> Checklist:
        """The one instruction. Raises AnswerUnusable after five replies without one, and what the model raises."""
        messages = [ChatMessage("user", fill("reference.instruction", brief=brief))]
        for n in range(INSTRUCTION_TRIES):
            sampling = replace(self.settings.sampling, seed=1 + n)
            found = _INSTRUCTION.search(self._said(messages, sampling))
            if found and found[1].strip():
                task = f"{found[1].strip()}\n\n{fill('reference.tail').strip()}"
                item = ChecklistItem(task, "All of it is fully achieved", "functional")
                return Checklist((item,), (), self.grader.name)
        raise AnswerUnusable(
            f"The model wrote no test instruction in {INSTRUCTION_TRIES} tries; use another judge model, or leave out"
            " --faithful."
        )

    def test(
        self, browser: Browser, items: Sequence[ChecklistItem], exact: Sequence[Verdict], keep: KeepPicture
    ) -> Tested:
        with Hands(browser) as hands:
            trace = run_test(self.driver, hands, items[0], self.settings.gui, keep=keep, cancelled=self.cancelled)
        if trace.ended != "answered":
            why = f"the GUI test came to no answer: {trace.reason}"
            return Tested((trace,), (), Grade(0.0, why, self.judge), why)
        grade, error = self._graded(trace)
        return Tested((trace,), (), grade, error)

    @property
    def judge(self) -> str:
        return f"reference:{self.grader.name}@1"

    def _graded(self, trace: GuiTrace) -> tuple[Grade, str]:
        """A grade that cannot be read is 0, and a reply without suggestions an error, as in the reference."""
        polarity = "reveals a flaw" if self.settings.inverted else "shows everything working"
        asked = fill("reference.grade", polarity=polarity, task=trace.task, words=words_of(trace))
        try:
            said = greedy_object(self._said([ChatMessage("user", asked)], self.settings.sampling))
        except ModelError as failed:
            return Grade(0.0, f"not graded: {failed}", self.judge), f"the GUI test was not graded: {failed}"
        passed, suggestions = said.get("test_passed") is True, str(said.get("improvement_suggestions", ""))
        if self._is_yes(trace):
            passed, suggestions = True, ""
        value = said.get("grade")
        points = float(value) if isinstance(value, int) and value in GRADES else 0.0
        counts = "passed" if passed else "failed"
        reason = f"the test counts as {counts}; the driver said {trace.answer}: {trace.reason}"
        error = "" if "improvement_suggestions" in said else "the GUI test's summary lacks improvement suggestions"
        return Grade(points, reason, self.judge, suggestions), error

    def _is_yes(self, trace: GuiTrace) -> bool:
        return "YES" in f"{trace.answer}; {trace.reason}" if self.settings.yes_anywhere else trace.answer == "YES"

    def _said(self, messages: Sequence[ChatMessage], sampling: Sampling) -> str:
        done = self.grader.chat(messages, sampling, cancelled=self.cancelled)
        if done.finish == "cancelled":
            raise ModelError("the judge was cancelled")
        return done.text


def words_of(trace: GuiTrace) -> str:
    """What the driver thought and did; what it saw is a placeholder, for the reference's grader is blind."""
    turns = [f"Thought: {act.thought}\nAction: {act.words}" for act in trace.acts]
    return "\n[screenshot]\n".join([*turns, f"Action: ANSWER; {trace.answer} {trace.reason}"])


def as_the_reference_keeps(files: Files) -> dict[str, bytes]:
    """Lockfiles and build folders are dropped, and what is no UTF-8 text is destroyed."""
    kept = {path: content for path, content in files.items() if not _NOT_KEPT.intersection(PurePosixPath(path).parts)}
    return {path: content.decode("utf-8", "replace").encode() for path, content in kept.items()}
