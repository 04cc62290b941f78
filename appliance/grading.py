"""From an observation to Scores: which judge is asked for what, and what is said when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from appliance.steps import Audit, Grade, Observation, Scores


class AppearanceJudge(Protocol):
    @property
    def name(self) -> str:
        """Name and version, e.g. `rules@1`."""

    def grade(self, audit: Audit, brief: str) -> Grade: ...


@dataclass(frozen=True, slots=True)
class Judges:
    """`functionality_reason` is shown while no judge of functions is installed."""

    appearance: AppearanceJudge
    functionality_reason: str = "no judge of functions is installed; nothing was clicked"

    def grade(self, observation: Observation, brief: str) -> Scores:
        """A step that shows no page is graded 0 for its look; what was not measured is None."""
        unmeasured = Grade(None, self.functionality_reason, judge="none")
        if observation.audit is None:
            return Scores(Grade(0.0, f"no page to look at: {observation.error}", self.appearance.name), unmeasured)
        return Scores(self.appearance.grade(observation.audit, brief), unmeasured)
