"""`models check`: what a model can do is measured once, on this machine, and kept as a card beside it.

Five parts: answers under a schema and pages in the profile's writing, one known picture, three tests on a shipped page
whose success is read from the page's state, forty judge cases with known answers, and speed. A role is given by the
thresholds of the catalog alone. Not measured: taste, and how good the pages are; that is the loop's to find out.
"""

from __future__ import annotations

import io
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from PIL import Image, ImageDraw

from appliance.artifact import parse_artifact
from appliance.cards import VERSION, Card, Figures, roles_of
from appliance.gui_agent import GuiSettings, run_test
from appliance.profiles import Profile
from appliance.prompts import beginning, fill, opening
from appliance.rubric import Evidence, RubricJudge, RubricSettings
from appliance.site import Rooms
from appliance.steps import Answer, ChecklistItem, ItemKind, RunRequest
from models.catalog import Thresholds
from models.chat import ChatMessage, ChatModel, JsonSchema, Sampling
from models.errors import ModelError
from models.json_answer import read_json
from sandbox.errors import SandboxError
from sandbox.hands import Hands

_COLOURS = {"red": "#d02020", "green": "#208030", "blue": "#2040c0", "yellow": "#e8c020"}
_READY_S = 20.0


@dataclass(frozen=True, slots=True)
class JudgeCase:
    item: ChecklistItem
    evidence: Evidence
    answer: Answer
    trap: str


@dataclass(frozen=True, slots=True)
class GuiCase:
    item: ChecklistItem
    state: str
    """Page script that returns true when the task was done, and nothing else."""


@cache
def judge_cases() -> tuple[JudgeCase, ...]:
    return tuple(_judge_case(entry) for entry in _table("judge.toml")["case"])


def _judge_case(entry: Mapping[str, Any]) -> JudgeCase:
    kind: ItemKind = entry.get("kind", "functional")
    item = ChecklistItem(entry["task"], entry["expected"], kind)
    evidence = msgspec.convert({name: entry[name] for name in Evidence.__dataclass_fields__ if name in entry}, Evidence)
    return JudgeCase(item, evidence, entry["answer"], entry.get("trap", ""))


@cache
def gui_cases() -> tuple[GuiCase, ...]:
    entries = _table("gui.toml")["test"]
    return tuple(GuiCase(ChecklistItem(one["task"], one["expected"], "functional"), one["state"]) for one in entries)


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("appliance").joinpath("qualification", name).read_text("utf-8"))


# -- the measuring ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """The model to be checked: what it is called, the hash of its file, how it is used, and whether it sees."""

    name: str
    sha256: str
    profile: Profile
    sees: bool


def check_model(
    model: ChatModel,
    subject: Subject,
    rooms: Rooms,
    thresholds: Thresholds,
    tell: Callable[[str], None],
) -> Card:
    """Takes minutes with a small model. What the machine cannot try (no browser) is left out and named."""
    began = time.monotonic()
    left_out: list[str] = []
    tell("speed")
    figures = _speed(model)
    tell("answers in JSON")
    figures = replace(figures, json_answers=_json_answers(model), json_asked=len(_JSON_ASKED))
    tell("pages")
    pages = _pages(model, subject.profile)
    figures = replace(figures, pages=sum(pages), pages_asked=len(pages))
    if subject.sees:
        tell("a known picture")
        right = _picture_answers(model)
        figures = replace(figures, picture_answers=sum(right), pictures_asked=len(right))
    tell("three tests on a page")
    try:
        done = gui_results(model, rooms, subject.sees)
        figures = replace(figures, gui_tests=sum(done), gui_asked=len(done))
    except (SandboxError, OSError) as error:
        left_out.append(f"tests on a page: {error}")
    tell(f"{len(judge_cases())} judge cases")
    answers = judge_answers(model, tell)
    figures = _with_judging(figures, answers)
    figures = replace(figures, seconds=round(time.monotonic() - began, 1))
    return Card(
        model=subject.name,
        sha256=subject.sha256,
        engine=model.engine,
        checked_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=VERSION,
        figures=figures,
        roles=roles_of(figures, thresholds, sees=subject.sees),
        judge_answers=Counter(f"{case.answer} → {said}" for case, said in zip(judge_cases(), answers, strict=True)),
        left_out=tuple(left_out),
    )


def judge_answers(model: ChatModel, tell: Callable[[str], None] = lambda _: None) -> tuple[Answer, ...]:
    """The model's own answer to each case. What is measured exactly elsewhere does not help it here."""
    judge = RubricJudge(model, RubricSettings(max_tokens=90))
    answers: list[Answer] = []
    for n, case in enumerate(judge_cases()):
        answers.append(judge.opinion(n, case.item, case.evidence).answer)
        if n % 10 == 9:
            tell(f"{n + 1} of {len(judge_cases())} judge cases")
    return tuple(answers)


def _with_judging(figures: Figures, answers: Sequence[Answer]) -> Figures:
    pairs = [(case.answer, said) for case, said in zip(judge_cases(), answers, strict=True)]
    return replace(
        figures,
        judge_asked=len(pairs),
        judge_cases=sum(right == said for right, said in pairs),
        judge_false_yes=sum((right, said) == ("NO", "YES") for right, said in pairs),
        judge_unjudged=sum(said == "unjudged" for _, said in pairs),
    )


def gui_results(model: ChatModel, rooms: Rooms, sees: bool) -> tuple[bool, ...]:
    """Whether each of the three tasks was done, by the state of the page."""
    settings = GuiSettings(vision=sees)
    with _shipped_page(rooms) as hands:
        return tuple(_was_done(model, hands, case, settings) for case in gui_cases())


def _was_done(model: ChatModel, hands: Hands, case: GuiCase, settings: GuiSettings) -> bool:
    run_test(model, hands, case.item, settings)
    try:
        return hands.browser.evaluate(case.state) is True
    except SandboxError:  # the page was lost meanwhile
        return False


@contextmanager
def _shipped_page(rooms: Rooms) -> Iterator[Hands]:
    page = files("appliance").joinpath("qualification", "index.html").read_bytes()
    with rooms.container("static") as container:
        container.replace({"index.html": page})
        with (
            rooms.preview(container) as preview,
            rooms.browser(preview.url) as browser,
            Hands(browser) as hands,
        ):
            preview.wait_ready(_READY_S)
            yield hands


_JSON_ASKED: tuple[tuple[str, str], ...] = (
    ("A red bicycle with two wheels costs 240 euros.", "bicycle"),
    ("The green lamp on the desk costs 35 dollars.", "lamp"),
    ("Three blue mugs are sold for 18 pounds.", "mug"),
    ("A yellow coat, hardly worn, for 60 francs.", "coat"),
    ("One red chair made of oak, 90 euros.", "chair"),
    ('A blue bag with the words "to go" on it for 25 dollars.', "bag"),
)


def _json_answers(model: ChatModel) -> int:
    """Valid under the schema and about the right thing: a form that is kept with nonsense in it is no answer."""
    schema = {
        "type": "object",
        "properties": {
            "thing": {"type": "string", "maxLength": 30},
            "colour": {"type": "string", "enum": list(_COLOURS)},
        },
        "required": ["thing", "colour"],
        "additionalProperties": False,
    }
    right = 0
    for text, thing in _JSON_ASKED:
        messages = [
            ChatMessage("user", f"Which thing is offered here, and what colour has it? Answer in JSON.\n\n{text}")
        ]
        completion = model.chat(messages, Sampling(temperature=0, max_tokens=40), constraint=JsonSchema(schema))
        answer = _object(completion.text)
        colour = next(colour for colour in _COLOURS if colour in text)
        right += (
            set(answer) == {"thing", "colour"} and answer["colour"] == colour and thing in str(answer["thing"]).lower()
        )
    return right


def _object(text: str) -> dict[str, Any]:
    try:
        found = read_json(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _pages(model: ChatModel, profile: Profile) -> tuple[bool, ...]:
    """Three first drafts in the profile's own writing: whole, with a page, and nothing that could not be read."""
    request = RunRequest(fill("qualification.page"), profile.name, model.name)
    room = min(profile.max_tokens, 1800, model.context_tokens // 4)
    samplings = [
        Sampling(profile.temperature, profile.top_p, room, seed, repeat_penalty=profile.repeat_penalty)
        for seed in (1, 2, 3)
    ]
    start = beginning(request, profile, {})
    completions = model.drafts(opening(request, profile, {}), samplings, prefill=start)
    return tuple(_is_whole(start + one.text, cut=one.finish == "length") for one in completions)


def _is_whole(reply: str, *, cut: bool) -> bool:
    artifact = parse_artifact(reply, cut=cut)
    page = next((one for one in artifact.changes if getattr(one, "path", "") == "index.html"), None)
    text = getattr(page, "content", "").lower()
    return not artifact.problems and not artifact.truncated and "<body" in text and "</html>" in text


def known_picture() -> bytes:
    """Three red circles and two blue squares on white, as PNG."""
    image = Image.new("RGB", (448, 448), "white")
    draw = ImageDraw.Draw(image)
    for x, y in ((40, 40), (300, 70), (170, 300)):
        draw.ellipse((x, y, x + 90, y + 90), fill=_COLOURS["red"])
    for x, y in ((170, 110), (320, 320)):
        draw.rectangle((x, y, x + 80, y + 80), fill=_COLOURS["blue"])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _picture_answers(model: ChatModel) -> tuple[bool, ...]:
    asked: tuple[tuple[str, list[object], object], ...] = (
        ("How many red circles are in the picture?", list(range(1, 8)), 3),
        ("Which colour have the squares?", list(_COLOURS), "blue"),
    )
    right = []
    for question, choices, answer in asked:
        schema = {"type": "object", "properties": {"answer": {"enum": choices}}, "required": ["answer"]}
        message = ChatMessage("user", f"{question} Answer in JSON.", (known_picture(),))
        try:
            completion = model.chat([message], Sampling(temperature=0, max_tokens=30), constraint=JsonSchema(schema))
        except ModelError:  # it promised to see and cannot
            right.append(False)
            continue
        right.append(_object(completion.text).get("answer") == answer)
    return tuple(right)


def _speed(model: ChatModel) -> Figures:
    """Of one conversation: a prompt of some hundred tokens, then an answer of 48."""
    words = " ".join(f"{n} loaves of bread" for n in range(100, 220))
    messages = [ChatMessage("user", f"Write the numbers from one to fifty in words. Do not mind this: {words}.")]
    read = model.chat(messages, Sampling(temperature=0, max_tokens=1))
    said = model.chat(messages, Sampling(temperature=0, max_tokens=48))
    reading = read.seconds / max(1, read.evaluated_tokens)
    speaking = said.seconds - reading * said.evaluated_tokens
    return Figures(
        prompt_tokens_s=round(read.evaluated_tokens / max(read.seconds, 1e-6), 1),
        generated_tokens_s=round(said.completion_tokens / max(speaking, 1e-6), 1) if speaking > 0 else 0.0,
    )
