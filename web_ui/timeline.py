"""The signature picture: scores of every step and the tree of trajectories, as coordinates for a drawing. Pure.

One column for each step. Above, both scores from 0 to 5. Below, the tree: the lineage of the delivered step on the
first track, every other branch on the first track that is free where it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.decide import lineage
from appliance.steps import Step

NARROWEST, WIDEST = 40, 160
WIDTH = 1168
"""What the columns of a short run share; a longer one is scrolled."""
LEFT = 32
TOP = 16
SCORES_HEIGHT = 176
NUMBERS_Y = TOP + SCORES_HEIGHT + 20
TREE_TOP = TOP + SCORES_HEIGHT + 40
TRACK = 24
TOP_SCORE = 5.0
NUDGE = 6

_Span = tuple[int, int, bool]
"""From the step a branch comes from to its last one, and whether it is a single try."""

Standing = Literal["best", "kept", "rejected", "left", "failed"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One step's column. `looks` and `works` are heights of its scores, None where not measured."""

    n: int
    x: int
    looks_x: int
    works_x: int
    """Beside each other where the scores are the same."""
    looks: float | None
    works: float | None
    y: int
    standing: Standing
    edge: str
    """Path from the parent, in the drawing's own language; empty for a root."""


@dataclass(frozen=True, slots=True)
class Timeline:
    width: int
    height: int
    column: int
    """Width of one step's column."""
    marks: tuple[Mark, ...]
    best: Mark | None
    looks: str
    """Points of the line through the appearance scores of the delivered step's lineage; so `works`."""
    works: str
    grid: tuple[tuple[int, float], ...]
    """Score and its height."""
    numbers_y: int = NUMBERS_Y
    """Height of the steps' numbers."""


def standing(step: Step, best: int | None, line: set[int]) -> Standing:
    """What became of a step. `line`: the delivered step's lineage."""
    if step.n == best:
        return "best"
    if step.verdict == "rejected":
        return "rejected"
    if step.observation.error:
        return "failed"
    return "kept" if step.n in line else "left"


def height_of(score: float | None) -> float | None:
    return None if score is None else round(TOP + SCORES_HEIGHT * (1 - score / TOP_SCORE), 1)


def timeline(steps: Sequence[Step], best: int | None) -> Timeline:
    """Steps in order of `n`."""
    chain = lineage(steps, best) if best is not None else []
    line = {step.n for step in chain}
    column = max(NARROWEST, min(WIDEST, WIDTH // max(len(steps), 1)))
    x_of = {step.n: LEFT + column * i + column // 2 for i, step in enumerate(steps)}
    track_of = _tracks(steps, line)
    marks = tuple(_mark(step, x_of, track_of, standing(step, best, line)) for step in steps)
    tracks = max(track_of.values(), default=0) + 1
    on_line = [mark for mark in marks if mark.n in line]
    return Timeline(
        width=LEFT + column * len(steps) + 16,
        height=TREE_TOP + TRACK * tracks + 8,
        column=column,
        marks=marks,
        best=next((mark for mark in marks if mark.n == best), None),
        looks=" ".join(f"{mark.x},{mark.looks}" for mark in on_line if mark.looks is not None),
        works=" ".join(f"{mark.x},{mark.works}" for mark in on_line if mark.works is not None),
        grid=tuple((score, round(TOP + SCORES_HEIGHT * (1 - score / TOP_SCORE), 1)) for score in range(6)),
    )


SPARK_WIDTH, SPARK_HEIGHT = 96, 24


def sparkline(scores: Sequence[float | None]) -> str:
    """Points of a small line through one score of all steps; what was not measured is left out."""
    apart = SPARK_WIDTH / max(len(scores) - 1, 1)
    measured = ((i * apart, score) for i, score in enumerate(scores) if score is not None)
    return " ".join(f"{x:.1f},{SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * score / TOP_SCORE:.1f}" for x, score in measured)


def _mark(step: Step, x_of: dict[int, int], track_of: dict[int, int], state: Standing) -> Mark:
    x, y = x_of[step.n], TREE_TOP + TRACK * track_of[step.n]
    looks, works = step.scores.appearance.score, step.scores.functionality.score
    edge = ""
    if step.parent in x_of:
        x0, y0 = x_of[step.parent], TREE_TOP + TRACK * track_of[step.parent]
        bend = f"V{y - 6}q0,6 6,6" if y > y0 else f"V{y + 6}q0,-6 6,-6" if y < y0 else ""
        edge = f"M{x0},{y0}{bend}H{x}"
    apart = NUDGE if looks is not None and works is not None and abs(looks - works) < 0.25 else 0
    return Mark(step.n, x, x - apart, x + apart, height_of(looks), height_of(works), y, state, edge)


def _tracks(steps: Sequence[Step], line: set[int]) -> dict[int, int]:
    """Track of each step: 0 for the line; a branch takes the first one that nobody else uses between its ends."""
    track_of = dict.fromkeys(line, 0)
    used: list[list[_Span]] = [[(step.n, step.n, False) for step in steps if step.n in line]]
    children = {step.n: [other.n for other in steps if other.parent == step.n] for step in steps}
    for step in steps:
        if step.n in track_of:
            continue
        branch = [step.n]
        while onward := [n for n in children[branch[-1]] if n not in track_of]:
            branch.append(onward[-1])
        is_leaf = len(branch) == 1 and step.parent is not None
        span = (step.parent if step.parent is not None else branch[0], branch[-1], is_leaf)
        track = next((i for i, taken in enumerate(used) if i and not _overlaps(taken, span)), len(used))
        if track == len(used):
            used.append([])
        used[track].append(span)
        track_of.update(dict.fromkeys(branch, track))
    return track_of


def _overlaps(taken: Sequence[_Span], span: _Span) -> bool:
    """Single tries from one step may share a track: they hang on one line."""
    start, end, is_leaf = span
    return any(
        first <= end and start <= last and not (leaf and is_leaf and first == start) for first, last, leaf in taken
    )
