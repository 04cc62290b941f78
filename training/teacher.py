"""Trajectories of a bigger model from files, to be imitated: a JSON object with `messages` on each line.

That is the paper's own format; what else stands in a line is left alone. The lines are kept as tokens of one model file
and taught only to that file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from appliance.errors import UsageError
from models.chat import ChatMessage
from models.fetch import InstalledModel
from models.transcripts import Transcriber
from training.batches import Turn
from training.rewards import StepReward
from training.step_grpo import StepGroup, TrainStep

FOLDER = "teacher"
LARGEST_LINE = 8 << 20
_ROLES = ("system", "user", "assistant")


class _Message(msgspec.Struct):
    role: str
    content: str


class _Line(msgspec.Struct):
    messages: list[_Message]


@dataclass(frozen=True, slots=True)
class Taught:
    """What a file gave. `new` is False where the same conversations were imported before."""

    conversations: int
    answers: int
    tokens: int
    new: bool


def read_conversations(path: Path) -> Iterator[list[ChatMessage]]:
    """Raises UsageError with the line that is not one."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _conversation(line, f"{path.name}, line {number}")


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


def _conversation(line: bytes, where: str) -> list[ChatMessage]:
    if len(line) > LARGEST_LINE:
        raise UsageError(f"{where} is longer than {LARGEST_LINE >> 20} MiB; a conversation is not.")
    try:
        messages = msgspec.json.decode(line, type=_Line).messages
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{where} is no conversation ({error}); each line is a JSON object with `messages`."
        ) from error
    if wrong := next((one.role for one in messages if one.role not in _ROLES), None):
        raise UsageError(f"{where} has the role “{wrong}”; known are {', '.join(_ROLES)}.")
    if not _has_answers(one.role for one in messages):
        raise UsageError(f"{where} has no answer of an assistant after a user's message, so there is nothing to learn.")
    return [ChatMessage(one.role, one.content) for one in messages]  # type: ignore[arg-type]


def _has_answers(roles: Iterable[str]) -> bool:
    asked = False
    for role in roles:
        if role == "assistant" and asked:
            return True
        asked = asked or role == "user"
    return False


def _step(prompt: tuple[int, ...], tokens: tuple[int, ...]) -> TrainStep:
    """Worth 1, like everything that is imitated; how likely it was to its author is not known and not asked."""
    return TrainStep(StepReward(1.0), (Turn(prompt, tokens, (0.0,) * len(tokens), 0, None),))
