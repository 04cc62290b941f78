"""Short ways to write steps down, for tests of decisions."""

from __future__ import annotations

from dataclasses import replace

from appliance.steps import Audit, Finding, Grade, Observation, Scores, Step, Usage

UNMEASURED = Grade(None, "not measured", "none")


def audit(*findings: Finding) -> Audit:
    return Audit(200, 0.1, "T", 100, findings, ())


def step(
    n, appearance=4.0, *, functionality=None, error=False, parent=None, kind="build", findings=(), stage="done", **more
):
    grade = Grade(appearance, "because", "rules@1")
    function = UNMEASURED if functionality is None else Grade(functionality, "because", "explorer@1")
    seen = audit(*findings) if stage == "done" else None
    observation = Observation(stage, error="broken" if error else "", audit=seen)
    made = Step(n, kind, parent, f"snap{n}", observation, Scores(grade, function), Usage(), has_error=error)
    return replace(made, **more)


def chain(*steps):
    """Steps in one line, each the parent of the next."""
    return [replace(made, n=i + 1, parent=i or None) for i, made in enumerate(steps)]
