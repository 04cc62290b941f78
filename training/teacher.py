"""Trajectories of a bigger model from files, to be imitated: kept as tokens of one model file, taught only to that."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from appliance.errors import UsageError
from models.fetch import InstalledModel
from models.transcripts import Transcriber
from training.batches import Turn
from training.conversations import read_conversations
from training.rewards import StepReward
from training.step_grpo import StepGroup, TrainStep

FOLDER = "teacher"


@dataclass(frozen=True, slots=True)
class Taught:
    """What a file gave. `new` is False where the same conversations were imported before."""

    conversations: int
    answers: int
    tokens: int
    new: bool


def import_teacher(home: Path, model: InstalledModel, path: Path) -> Taught:
    """Nothing is kept unless every line is sound. Raises UsageError."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}; give one with a JSON object with `messages` on each line.")
    with closing(Transcriber(model.path)) as transcriber:
        groups = [
            StepGroup(
                f"{path.name}:{number}",
                (tuple(_step(answer.prompt, answer.tokens) for answer in transcriber.answers(messages)),),
            )
            for number, messages in enumerate(read_conversations(path), 1)
        ]
    if not groups:
        raise UsageError(f"{path.name} holds no conversation.")
    content = msgspec.json.encode([group.trajectories for group in groups])
    target = _folder(home, model.weights.sha256) / f"{hashlib.sha256(content).hexdigest()[:16]}.json"
    steps = [step for group in groups for one in group.trajectories for step in one]
    taught = Taught(len(groups), len(steps), sum(len(step.turns[0].tokens) for step in steps), not target.exists())
    if taught.new:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(groups))
        part.replace(target)
    return taught


def taught_groups(home: Path, weights: str) -> list[StepGroup]:
    """All that was imported for the file with this SHA-256."""
    found: list[StepGroup] = []
    for path in sorted(_folder(home, weights).glob("*.json")):
        found += msgspec.json.decode(path.read_bytes(), type=list[StepGroup])
    return found


def _folder(home: Path, weights: str) -> Path:
    return home / FOLDER / weights[:16]


def _step(prompt: tuple[int, ...], tokens: tuple[int, ...]) -> TrainStep:
    """Worth 1, like everything that is imitated; how likely it was to its author is not known and not asked."""
    return TrainStep(StepReward(1.0), (Turn(prompt, tokens, (0.0,) * len(tokens), 0, None),))
