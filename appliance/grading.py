"""From an observation to verdicts and Scores: which judge is asked for what, and what is said when there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Protocol

from appliance.coverage import covered
from appliance.function_judge import JUDGE, grade_function, prove
from appliance.judge import functionality_unmeasured
from appliance.rubric import grade_of
from appliance.steps import Audit, ChecklistItem, Grade, Observation, Proof, Scores, Verdict
from appliance.vision_judge import Preference

SEEN: frozenset[Proof] = frozenset({"shows-text", "none"})
"""Proofs of things that are there to be seen; all others are of things that are done, or of colours."""
POINTS = {"YES": 1.0, "PARTIAL": 0.5, "NO": 0.0}


class AppearanceJudge(Protocol):
    @property
    def judge(self) -> str: ...

    def grade(self, audit: Audit, brief: str, pictures: Mapping[str, bytes]) -> Grade: ...


class Comparing(Protocol):
    def prefer(self, brief: str, first: bytes, second: bytes) -> Preference: ...


@dataclass(frozen=True, slots=True)
class Judges:
    """`functionality_reason` is shown while nobody exercises pages. `pairs` compares two looks where that is wanted."""

    appearance: AppearanceJudge
    functionality_reason: str = "nothing was clicked"
    pairs: Comparing | None = None

    def verdicts(self, observation: Observation, items: Sequence[ChecklistItem]) -> tuple[Verdict, ...]:
        """One for each item, by facts alone; empty where no page was seen."""
        if observation.audit is None or observation.exploration is None:
            return ()
        proven = prove(items, observation.exploration, observation.audit)
        return tuple(_completed(verdict, items[verdict.item], observation) for verdict in proven)

    def grade(
        self,
        observation: Observation,
        brief: str,
        items: Sequence[ChecklistItem] = (),
        pictures: Mapping[str, bytes] | None = None,
    ) -> Scores:
        """A step that shows no page is graded 0 for its look; what was not measured is None."""
        unmeasured = functionality_unmeasured(self.functionality_reason)
        if observation.audit is None:
            return Scores(Grade(0.0, f"no page to look at: {observation.error}", self.appearance.judge), unmeasured)
        look = self.appearance.grade(observation.audit, brief, pictures or {})
        return Scores(look, self.functionality(observation, items))

    def functionality(self, observation: Observation, items: Sequence[ChecklistItem] = ()) -> Grade:
        """By what the reference's tester says, by verdicts on what a GUI agent did, or by what the explorer found."""
        if observation.gui_grade is not None:
            return observation.gui_grade
        if observation.traces:
            return grade_of(observation.verdicts)
        if observation.exploration is None:
            reason = observation.error or self.functionality_reason
            return functionality_unmeasured(f"not exercised: {reason}")
        wants = any(item.proof not in ("none", "colour", "shows-text") for item in items)
        facts = grade_function(observation.exploration, asks_for_function=wants)
        return with_checklist(facts, observation.verdicts)


def with_checklist(facts: Grade, verdicts: Sequence[Verdict]) -> Grade:
    """Half from what the page offers and how much of it works, half from the share of the checklist that facts prove.

    Without the second half a page with one link that works would beat one that does most of what was asked. What
    nobody could judge is not proven: else a page would lose by showing for the first time half of what was asked.
    """
    points = [POINTS.get(verdict.answer, 0.0) for verdict in verdicts]
    if not points or facts.judge != JUDGE or all(verdict.answer not in POINTS for verdict in verdicts):
        return facts
    share = fmean(points)
    unjudged = sum(verdict.answer not in POINTS for verdict in verdicts)
    said = f"checklist: {sum(points):g} of {len(points)} items proven, {unjudged} of them not judged"
    score = 5 * share if facts.score is None else (facts.score + 5 * share) / 2
    return replace(facts, score=round(score, 2), reason=f"{said}; {facts.reason}")


def _completed(verdict: Verdict, item: ChecklistItem, observation: Observation) -> Verdict:
    """What the explorer left open: things to be seen are looked for in the outline, and a promise that nothing on
    the page even offers is refuted."""
    if verdict.answer != "unjudged" or observation.audit is None or observation.exploration is None:
        return verdict
    if item.kind == "design" or item.proof == "colour":
        return verdict
    if item.proof in SEEN:
        return covered(verdict.item, item, observation.audit)
    offered = any(fact.proof == item.proof for fact in observation.exploration.facts)
    if offered or observation.exploration.unfinished:
        return verdict
    return replace(verdict, answer="NO", evidence=f"nothing on the page offers to {item.proof} anything")
