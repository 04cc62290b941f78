"""The ways in which a site can come about that a measurement compares, and what each of them delivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from appliance.decide import FAITHFUL, Rules, deliverable, shows_page
from appliance.errors import UsageError
from appliance.steps import Step

Mode = Literal["one-shot", "drafts", "loop", "faithful", "execution", "screenshot", "gui", "backtrack", "select-best"]
Kind = Literal["one-shot", "loop", "faithful", "execution", "screenshot", "gui", "backtrack"]
"""How a run is made. Selecting the best step needs no run of its own."""
LIFT: tuple[Mode, ...] = ("one-shot", "drafts", "loop")
ABLATION: tuple[Mode, ...] = ("execution", "screenshot", "gui", "backtrack", "select-best")
"""Each adds one part of the method to the mode before it (the paper's table)."""
_ALL: tuple[Mode, ...] = ("one-shot", "drafts", "loop", "faithful", *ABLATION)


def read_modes(text: str) -> tuple[Mode, ...]:
    """Names with commas between; `lift` and `ablation` stand for several. Raises UsageError."""
    groups: dict[str, tuple[Mode, ...]] = {"lift": LIFT, "ablation": ABLATION, **{mode: (mode,) for mode in _ALL}}
    named = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in named if name not in groups]:
        raise UsageError(f"There is no mode {', '.join(unknown)}; there are {', '.join(groups)}.")
    wanted = {mode for name in named for mode in groups[name]}
    if not wanted:
        raise UsageError(f"Name a mode: {', '.join(groups)}.")
    if "drafts" in wanted and "loop" not in wanted:
        raise UsageError("The drafts alone get as many tokens as the loop, so measure `loop` beside `drafts`.")
    return tuple(mode for mode in _ALL if mode in wanted)


def kind_of(mode: Mode, modes: Sequence[Mode]) -> Kind:
    """Which run a mode looks at: one shot is the loop's own first draft where the loop is measured too."""
    if mode == "drafts" or (mode == "one-shot" and "loop" in modes):
        return "loop"
    return "backtrack" if mode == "select-best" else mode


def delivered(mode: Mode, steps: Sequence[Step], rules: Rules) -> Step | None:
    """The step that is judged; None where it shows no page."""
    match mode:
        case "loop" | "select-best":
            return deliverable(steps, rules)
        case "faithful":
            return deliverable(steps, FAITHFUL)
        case "one-shot":
            return _shown(steps[:1])
        case _:
            return _shown(steps[-1:])


def _shown(steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if shows_page(step)), None)
