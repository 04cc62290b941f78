"""The appearance judge that is a model: it looks at screenshots of a page and knows what was asked for.

The pictures are all it learns of the page: neither the page's words nor the audit's findings, which quote them, go into
its prompt. Exact facts come first: a page that is blank or broken gets its 0 without a question, and a page with an
uncaught exception or without styles gets no more than the published ceiling, however well it looks.
A model that gives no usable answer in two tries leaves the score unmeasured, and the reason says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from statistics import median
from typing import Any, Literal

from PIL import Image

from appliance.judge import Ceiling, RulesJudge, reached_ceilings
from appliance.prompts import fill
from appliance.steps import Audit, Grade
from models.chat import ChatMessage, ChatModel, JsonSchema, Sampling
from models.errors import AnswerUnusable, ContextOverflow, ModelError
from models.json_answer import greedy_object, parse_answer

GRADES = (0, 1, 2, 3, 4, 5)
_SHRINK, _MOST_SHRINKS = 0.75, 5
_FAITHFUL_SIZE = (1024, 768)


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """What repairs of the reference are on, and how often the model is asked.

    `shows_brief`: the prompt quotes what was asked for. `closed_answer`: one call under a JSON schema with the six
    grades as a closed choice, asked again once when the answer cannot be used; otherwise two calls, description and
    grade, read from the first brace to the last. `gates`: exact facts before and above the model's opinion.
    `both_widths`: the phone picture is shown too. With more than one vote the median counts. `first_digit`: with two
    calls, the grade is the first digit after the first word "grade", as the reference's benchmark reads it, be it in
    the middle of the analysis.
    Pictures keep their upper part where they are taller than `height_px`. `text_chars` bounds each text of an answer.
    """

    shows_brief: bool = True
    closed_answer: bool = True
    gates: bool = True
    both_widths: bool = True
    first_digit: bool = False
    votes: int = 1
    width_px: int = 1024
    height_px: int = 1536
    text_chars: int = 600
    max_tokens: int = 700


FIXED_EYES = VisionSettings()
FAITHFUL_EYES = VisionSettings(shows_brief=False, closed_answer=False, gates=False, both_widths=False)


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two pages looks better. None: the judge could not say, or says otherwise when they change places."""

    better: Literal["first", "second"] | None
    reason: str
    judge: str


@dataclass(frozen=True, slots=True)
class Opinion:
    grade: int
    description: str
    error_message: str
    suggestions: str


class VisionJudge:
    """`eyes` gives the loaded model when it is needed, and may raise ModelError; `name` is the model's."""

    def __init__(
        self,
        eyes: Callable[[], ChatModel],
        name: str,
        settings: VisionSettings = FIXED_EYES,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.judge = f"vlm:{name}@1"
        self._eyes, self._settings, self._cancelled = eyes, settings, cancelled

    def grade(self, audit: Audit, brief: str, pictures: Mapping[str, bytes]) -> Grade:
        """`pictures` are PNGs by name, the desktop's first. Never raises for what the model says or fails to say."""
        ceilings = reached_ceilings(audit) if self._settings.gates else []
        if any(ceiling.points == 0 for ceiling in ceilings):
            return replace(RulesJudge().grade(audit, brief, pictures), judge=self.judge)
        if not pictures:
            return self._unmeasured("there is no screenshot to look at")
        try:
            asked = self._asked(brief, pictures)
            if not self._settings.closed_answer:
                return self._in_two_calls(asked)
            return _capped(self._by_votes(asked), ceilings)
        except ModelError as error:
            return self._unmeasured(str(error))

    def prefer(self, brief: str, first: bytes, second: bytes) -> Preference:
        """Asked in both orders: a judge that always likes the first place best has no preference."""
        try:
            forth, back = (self._compared(brief, pair) for pair in ((first, second), (second, first)))
        except ModelError as error:
            return Preference(None, f"not compared: {error}", self.judge)
        match forth["better"], back["better"]:
            case "A", "B":
                return Preference("first", forth["reason"], self.judge)
            case "B", "A":
                return Preference("second", forth["reason"], self.judge)
        return Preference(None, "the judge has no preference that outlasts a change of places", self.judge)

    def _asked(self, brief: str, pictures: Mapping[str, bytes]) -> tuple[ChatMessage, ...]:
        """The prompt with pictures as large as the context allows. Raises ContextOverflow."""
        settings = self._settings
        shown = list(pictures.values())[: 2 if settings.both_widths else 1]
        if not settings.closed_answer:
            return (ChatMessage("user", "", (_cropped(shown[0], _FAITHFUL_SIZE),)),)
        words = fill("appearance.user", brief=quoted(brief)) if settings.shows_brief else fill("appearance.blind")
        system = ChatMessage("system", fill("appearance.system"))
        return self._fitting(
            lambda size: (system, ChatMessage("user", words, tuple(_cropped(png, size) for png in shown)))
        )

    def _fitting(self, written: Callable[[tuple[int, int]], tuple[ChatMessage, ...]]) -> tuple[ChatMessage, ...]:
        model = self._eyes()
        width, height = self._settings.width_px, self._settings.height_px
        for _ in range(_MOST_SHRINKS):
            messages = written((width, height))
            # The same room once more: a second try quotes the first answer.
            if model.count_tokens(messages) + 2 * self._settings.max_tokens <= model.context_tokens:
                return messages
            width, height = int(width * _SHRINK), int(height * _SHRINK)
        raise ContextOverflow(
            f"the screenshots do not fit into a context of {model.context_tokens} tokens; load a larger one"
        )

    def _by_votes(self, asked: tuple[ChatMessage, ...]) -> Grade:
        opinions: list[Opinion] = []
        problems: list[str] = []
        for vote in range(self._settings.votes):
            try:
                opinions.append(self._opinion(self._answer(asked, grade_schema(self._settings.text_chars), vote)))
            except AnswerUnusable as error:
                problems.append(str(error))
        if not opinions:
            return self._unmeasured(f"no usable answer in two tries: {problems[0]}")
        return self._counted(opinions, problems)

    def _counted(self, opinions: Sequence[Opinion], problems: Sequence[str]) -> Grade:
        """The median; words are those of the vote nearest to it."""
        grades = [opinion.grade for opinion in opinions]
        middle = float(median(grades))
        speaker = min(opinions, key=lambda opinion: abs(opinion.grade - middle))
        votes = f"votes {', '.join(map(str, grades))}; spread {max(grades) - min(grades)}"
        evidence = [votes] if self._settings.votes > 1 else []
        evidence += [f"unusable vote: {problem}" for problem in problems]
        if speaker.error_message:
            evidence.append(f"error seen: {speaker.error_message}")
        reason = speaker.error_message or speaker.description or "no reason given"
        seen = speaker.error_message or speaker.description
        return Grade(middle, reason, self.judge, speaker.suggestions, tuple(evidence), seen)

    def _opinion(self, answer: Mapping[str, Any]) -> Opinion:
        texts = (answer[key][: self._settings.text_chars] for key in ("description", "error_message", "suggestions"))
        return Opinion(answer["grade"], *texts)

    def _answer(self, asked: tuple[ChatMessage, ...], schema: Mapping[str, Any], vote: int) -> Any:
        """The parsed answer of one vote. Raises AnswerUnusable after the second useless one, ModelError at once.

        An engine without grammars asks again itself, so that its AnswerUnusable is final too.
        """
        # A single vote is the likeliest answer; several must be able to differ.
        first = Sampling(temperature=0.7 if vote else 0.0, max_tokens=self._settings.max_tokens, seed=1 + vote)
        text = self._said(asked, first, schema)
        try:
            return parse_answer(text, schema)
        except AnswerUnusable as error:
            again = ChatMessage("user", fill("appearance.again", problem=str(error)))
            talk = (*asked, ChatMessage("assistant", text or "…"), again)
        return parse_answer(self._said(talk, replace(first, temperature=0.7, seed=1001 + vote), schema), schema)

    def _said(self, messages: tuple[ChatMessage, ...], sampling: Sampling, schema: Mapping[str, Any] | None) -> str:
        constraint = None if schema is None else JsonSchema(schema)
        done = self._eyes().chat(messages, sampling, constraint=constraint, cancelled=self._cancelled)
        if done.finish == "cancelled":
            raise ModelError("the judge was cancelled")
        return done.text

    def _compared(self, brief: str, pair: tuple[bytes, bytes]) -> Any:
        words = fill("appearance.user", brief=quoted(brief))
        system = ChatMessage("system", fill("appearance.pair.system"))
        asked = self._fitting(
            lambda size: (system, ChatMessage("user", words, tuple(_cropped(png, size) for png in pair)))
        )
        return self._answer(asked, pair_schema(self._settings.text_chars), 0)

    def _in_two_calls(self, asked: tuple[ChatMessage, ...]) -> Grade:
        """As the reference does it: a reply without braces or with broken JSON is no grade."""
        sampling = Sampling(temperature=0.0, max_tokens=self._settings.max_tokens, seed=1)
        replies = [
            self._said((replace(asked[0], content=fill(f"appearance.faithful.{name}")),), sampling, None)
            for name in ("description", "grade")
        ]
        seen, graded = map(greedy_object, replies)
        grade = _first_digit(replies[1]) if self._settings.first_digit else graded.get("grade")
        if isinstance(grade, bool) or grade not in GRADES:
            return self._unmeasured(f"failed to get a grade ({grade!r})")
        suggestion = str(seen.get("suggestions", ""))
        shown = str(seen.get("error_message") or seen.get("screenshot_description") or "")
        return Grade(float(grade), shown or str(graded.get("analysis", "")), self.judge, suggestion, seen=shown)

    def _unmeasured(self, why: str) -> Grade:
        return Grade(None, f"not measured: {why}", self.judge)


def grade_schema(text_chars: int) -> Mapping[str, Any]:
    text = {"type": "string", "maxLength": text_chars}
    words = {"description": text, "error_message": text, "suggestions": text}
    return _closed({**words, "grade": {"enum": [*GRADES]}})


def pair_schema(text_chars: int) -> Mapping[str, Any]:
    return _closed({"reason": {"type": "string", "maxLength": text_chars}, "better": {"enum": ["A", "B", "same"]}})


def _closed(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def quoted(brief: str) -> str:
    """Every line behind a bar, so that nothing in it can end the quotation."""
    return "\n".join(f"| {line}" for line in brief.splitlines())


def _capped(grade: Grade, ceilings: Sequence[Ceiling]) -> Grade:
    lowest = min(ceilings, key=lambda one: one.points, default=None)
    if grade.score is None or lowest is None or grade.score <= lowest.points:
        return grade
    why = f"at most {lowest.points:g} because {lowest.reason} (the judge said {grade.score:g}). {grade.reason}"
    return replace(grade, score=lowest.points, reason=why)


def _first_digit(text: str) -> int | None:
    found = re.search(r"grade\D*(\d)", text, re.IGNORECASE | re.DOTALL)
    return int(found[1]) if found else None


def _cropped(png: bytes, size: tuple[int, int]) -> bytes:
    """Scaled down to the width, never up; cut below the height, and cut first, because pages can be very long."""
    width, height = size
    with Image.open(BytesIO(png)) as opened:
        scale = min(1.0, width / opened.width)
        image = opened.crop((0, 0, opened.width, min(opened.height, math.ceil(height / scale)))).convert("RGB")
    if scale < 1:
        image = image.resize((width, max(1, min(height, round(image.height * scale)))), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)  # it goes no further than the next process
    return buffer.getvalue()
