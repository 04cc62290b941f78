"""The functionality judge for a capable model: one verdict per checklist item, by rubric, over recorded evidence.

The record is what was done and what the page then showed; what the tester thought of it is left out. A verdict must
quote words that stand in the record, else it does not count. What is exactly known (nothing changed, the explorer
refuted it) beats the model. Not defended here: a page that shows a false result as visible text, where only text is
looked at.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from appliance.prompts import fill
from appliance.steps import Answer, ChecklistItem, Grade, GuiTrace, Verdict
from models.chat import ChatMessage, ChatModel, Completion, JsonSchema, Sampling
from models.errors import ContextOverflow
from models.json_answer import read_json

NOTHING_CHANGED = "Nothing on the page changed."
BEST_POINTS = 5.0
_QUOTE_CHARS = 120
_ANSWERS: tuple[Answer, ...] = ("YES", "PARTIAL", "NO")

SCHEMA = JsonSchema(
    {
        "type": "object",
        "properties": {
            "quote": {"type": "string", "minLength": 1, "maxLength": _QUOTE_CHARS},
            "answer": {"type": "string", "enum": list(_ANSWERS)},
        },
        "required": ["quote", "answer"],
        "additionalProperties": False,
    }
)
_SPEAKS_TO_THE_JUDGE = re.compile(
    r"\bignore (?:all|any|the|your|previous|prior)\b|\banswer (?:with )?[\"'“]?(?:yes|partial|no)\b"
    r"|\b(?:dear|attention|note to(?: the)?|instructions? (?:to|for)(?: the)?)"
    r" (?:judge|grader|tester|reviewer|evaluator|model|ai)\b"
    r"|\b(?:this|the|every|all) tests? (?:has |have |is |are )?pass(?:ed|es)?\b|\b[45] ?/ ?5\b|\bfull marks\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^(?:acts|new on the page|gone from the page|stored|errors|address|the page in the end)\b\W*")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was recorded while one checklist item was tried. Texts are the page's visible lines."""

    acts: tuple[str, ...] = ()
    """What was done and what each act was seen to change, in order."""
    before: str = ""
    after: str = ""
    url_before: str = ""
    url_after: str = ""
    storage: tuple[str, ...] = ()
    """What the site has stored in the end, `key: value`."""
    console: tuple[str, ...] = ()
    """Exceptions, console errors and failed requests meanwhile."""
    pictures: tuple[bytes, ...] = ()
    changed: bool = True
    """False where it was measured that no act changed anything at all."""


def evidence_of(trace: GuiTrace) -> Evidence:
    """What a GUI test saw, without the driver's thoughts and its own answer."""
    return Evidence(
        acts=tuple(f"{act.words}: {act.effect}" if act.effect else act.words for act in trace.acts),
        before=trace.text_before,
        after=trace.text_after,
        url_before=trace.acts[0].url if trace.acts else trace.start,
        url_after=trace.url_after,
        storage=tuple(f"{key}: {value}" for key, value in trace.storage_after.items()),
        console=tuple(error for act in trace.acts for error in act.errors),
        changed=any(act.changed for act in trace.acts) or not trace.acts,
    )


@dataclass(frozen=True, slots=True)
class RubricSettings:
    """`votes` over 1 asks as often with other seeds; a tie goes to the worse answer."""

    votes: int = 1
    vision: bool = False
    page_chars: int = 2400
    """Of each page text; what is left out is said in the record."""
    max_tokens: int = 100
    seed: int = 1


class RubricJudge:
    """`rubric:MODEL@1`. Judges one item at a time; the model stays the caller's."""

    def __init__(
        self,
        model: ChatModel,
        settings: RubricSettings | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.model, self.settings, self.cancelled = model, settings or RubricSettings(), cancelled

    @property
    def judge(self) -> str:
        return f"rubric:{self.model.name}@1"

    def judge_item(self, n: int, item: ChecklistItem, evidence: Evidence) -> Verdict:
        """The verdict on item `n`. What was measured exactly is not left to the model."""
        if contradicts(item, evidence):
            return Verdict(n, "NO", self.judge, "measured: no act changed anything at all")
        votes = [self.opinion(n, item, evidence, seed) for seed in range(max(1, self.settings.votes))]
        return _majority(votes) if len(votes) > 1 else votes[0]

    def opinion(self, n: int, item: ChecklistItem, evidence: Evidence, vote: int = 0) -> Verdict:
        """The model's own answer; `unjudged` with the reason where it gives none that can be used."""
        messages = self._messages(item, evidence)
        several = self.settings.votes > 1
        sampling = Sampling(
            temperature=0.7 if several else 0.0, max_tokens=self.settings.max_tokens, seed=self.settings.seed + vote
        )
        problem = ""
        for _ in range(2):
            try:
                completion = self.model.chat(messages, sampling, constraint=SCHEMA, cancelled=self.cancelled)
            except ContextOverflow:
                return self._unjudged(n, "the record does not fit the model's context")
            answer, quote, problem = _read(completion)
            problem = problem or _fault(quote, evidence)
            if answer and not problem:
                return Verdict(n, answer, self.judge, f"“{quote}”")
            if completion.finish == "cancelled":
                break
            messages = [
                *messages[:2],
                ChatMessage("assistant", completion.text[:300]),
                ChatMessage("user", f"That cannot be used: {problem}. Quote words of the record and answer again."),
            ]
        return self._unjudged(n, problem)

    def _unjudged(self, n: int, reason: str) -> Verdict:
        return Verdict(n, "unjudged", self.judge, f"not judged: {reason}")

    def _messages(self, item: ChecklistItem, evidence: Evidence) -> list[ChatMessage]:
        text = record(evidence, self.settings.page_chars)
        # A page cannot write this line itself: it depends on everything between the two.
        code = hashlib.sha256(text.encode()).hexdigest()[:12]
        user = fill(
            "rubric.user",
            task=item.task,
            expected=item.expected,
            open=f"=== record {code}",
            record=text,
            close=f"=== end {code}",
        )
        pictures = evidence.pictures if self.settings.vision else ()
        return [ChatMessage("system", fill("rubric.system")), ChatMessage("user", user, pictures)]


def contradicts(item: ChecklistItem, evidence: Evidence) -> bool:
    """Something was to be done, and nothing at all came of it."""
    return item.kind == "functional" and bool(evidence.acts) and not evidence.changed


def record(evidence: Evidence, page_chars: int) -> str:
    """The evidence as the model reads it. Long texts say how much of them is not shown."""
    came, went = changes(evidence)
    parts = [_listed("Acts", evidence.acts)]
    if came or went:
        parts += [_listed("New on the page", came), _listed("Gone from the page", went)]
    elif evidence.acts:
        parts.append(NOTHING_CHANGED)
    else:
        parts.append("Nothing was done, the page was only looked at.")
    if evidence.url_before != evidence.url_after:
        parts.append(f"Address: {evidence.url_before} → {evidence.url_after}")
    parts += [_listed("Stored", evidence.storage), _listed("Errors", evidence.console)]
    parts.append(f"The page in the end:\n{_capped(evidence.after, page_chars)}")
    return "\n".join(part for part in parts if part)


def changes(evidence: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines that came and lines that went, each as often as it did."""
    before, after = Counter(_lines(evidence.before)), Counter(_lines(evidence.after))
    return tuple((after - before).elements()), tuple((before - after).elements())


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _listed(name: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{name}:", *(f"- {_capped(line, 300)}" for line in lines[:30])]) if lines else ""


def _capped(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[:chars]} [… {len(text) - chars} characters not shown]"


def _read(completion: Completion) -> tuple[Answer | None, str, str]:
    """Answer, quote, and what is wrong with them."""
    try:
        found = read_json(completion.text)
    except ValueError:
        return None, "", "it got cut off" if completion.finish == "length" else "it is no JSON"
    if not isinstance(found, dict):
        return None, "", "it is no JSON object"
    answer = next((one for one in _ANSWERS if one == found.get("answer")), None)
    if answer is None:
        return None, "", f"“answer” is none of {', '.join(_ANSWERS)}"
    quote = found.get("quote")
    return answer, quote.strip()[:_QUOTE_CHARS] if isinstance(quote, str) else "", ""


def _fault(quote: str, evidence: Evidence) -> str:
    """Why the quote is no evidence; empty when it is."""
    wanted = _normal(_LABEL.sub("", _normal(quote)))
    if len(wanted) < 2:
        return "no evidence quoted"
    came, went = changes(evidence)
    pieces = [*evidence.acts, *came, *went, evidence.after, evidence.before, *evidence.storage, *evidence.console]
    pieces += [evidence.url_before, evidence.url_after, NOTHING_CHANGED if not came and not went else ""]
    if not any(wanted in _normal(piece) for piece in pieces):
        return "no evidence quoted: those words do not stand in the record"
    return "what was quoted speaks to the judge, it is no evidence" if _SPEAKS_TO_THE_JUDGE.search(quote) else ""


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" \t\n\"'“”‘’-–.,;:…").casefold()


def _majority(votes: Sequence[Verdict]) -> Verdict:
    counts: Counter[Answer] = Counter(vote.answer for vote in votes if vote.answer != "unjudged")
    if sum(counts.values()) * 2 <= len(votes):
        unjudged = next(vote for vote in votes if vote.answer == "unjudged")
        return replace(unjudged, evidence=f"{unjudged.evidence} ({len(votes)} votes)")
    most = max(counts.values())
    worst_first: tuple[Answer, ...] = ("NO", "PARTIAL", "YES")
    answer = next(one for one in worst_first if counts[one] == most)
    said = next(vote for vote in votes if vote.answer == answer)
    return replace(said, evidence=f"{said.evidence} ({most} of {len(votes)} votes)")


# -- verdicts together -----------------------------------------------------------------------------------------------


def combined(opinions: Sequence[Verdict], exact: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """One verdict per item: an exact refutation beats a model's YES, an exact proof lifts a NO to PARTIAL.

    Each sequence holds at most one verdict per item. What neither has judged stays `unjudged`.
    """
    models, facts = {one.item: one for one in opinions}, {one.item: one for one in exact}
    return tuple(_together(models.get(n), facts.get(n)) for n in sorted(models.keys() | facts.keys()))


def _together(opinion: Verdict | None, exact: Verdict | None) -> Verdict:
    if opinion is None or exact is None:
        only = opinion or exact
        assert only is not None
        return only
    match exact.answer, opinion.answer:
        case "NO", _:
            return exact
        case "PARTIAL", "YES":
            return exact
        case "unjudged", _:
            return opinion
        case _, "unjudged":
            return exact
        case "YES", "NO":
            both = f"{exact.evidence}; but {opinion.judge}: {opinion.evidence}"
            return Verdict(exact.item, "PARTIAL", exact.judge, both)
        case _:
            return opinion


def grade_of(verdicts: Sequence[Verdict]) -> Grade:
    """0–5 by the share of judged items that hold, a PARTIAL counting half; None where nothing was judged."""
    judged = [verdict for verdict in verdicts if verdict.answer != "unjudged"]
    if not judged:
        why = verdicts[0].evidence if verdicts else "there is no checklist"
        return Grade(None, f"nothing was judged: {why}", "none")
    counts = Counter(verdict.answer for verdict in judged)
    share = (counts["YES"] + counts["PARTIAL"] / 2) / len(judged)
    said = f"{counts['YES']} of {len(judged)} judged items hold"
    said += f", {counts['PARTIAL']} in part" if counts["PARTIAL"] else ""
    said += f"; {len(verdicts) - len(judged)} not judged" if len(verdicts) > len(judged) else ""
    failed = [verdict for verdict in judged if verdict.answer != "YES"]
    return Grade(
        round(BEST_POINTS * share, 2),
        f"{said}.",
        ", ".join(sorted({verdict.judge for verdict in judged})),
        f"item {failed[0].item + 1}: {failed[0].evidence}" if failed else "",
        tuple(f"item {verdict.item + 1} {verdict.answer}: {verdict.evidence}" for verdict in verdicts),
    )
