"""From an observation to Scores: which judge is asked for what, and what is said when there is none."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.judge import RulesJudge, functionality_unmeasured
from appliance.steps import Grade, Observation, Scores


@dataclass(frozen=True, slots=True)
class Judges:
    """`functionality_reason` is shown while no judge of functions is installed."""

    appearance: RulesJudge
    functionality_reason: str = "no judge of functions is installed; nothing was clicked"

    def grade(self, observation: Observation, brief: str) -> Scores:
        """A step that shows no page is graded 0 for its look; what was not measured is None."""
        unmeasured = functionality_unmeasured(self.functionality_reason)
        if observation.audit is None:
            return Scores(Grade(0.0, f"no page to look at: {observation.error}", self.appearance.judge), unmeasured)
        return Scores(self.appearance.grade(observation.audit, brief), unmeasured)
