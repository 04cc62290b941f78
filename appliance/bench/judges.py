"""Do the judges see what is wrong? Real pages, spoiled in known ways, and the order that each judge must keep.

A page that was spoiled must be graded below the page it was made of, words for the grader must raise nothing, and no
claim that executable checks refute may be answered YES. The judges are tried without the gates that stand before them
in a run: the explorer too sees the blank page. Not measured: taste, and how far apart two grades should lie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from appliance.assets import complete
from appliance.audit import audit
from appliance.bench.checks import SiteChecks, load_checks
from appliance.brief import bench_cases
from appliance.checklist import checklist_from_file
from appliance.explorer import explore
from appliance.grading import Judges
from appliance.judge import RulesJudge
from appliance.rubric import Evidence, RubricJudge, RubricSettings, grade_of
from appliance.site import Rooms
from appliance.steps import Answer, ChecklistItem, Files, Observation, Proof
from models.chat import ChatModel

__all__ = [
    "Figures",
    "Opinion",
    "Specimen",
    "figures",
    "judge_by_model",
    "judge_pages",
    "mutations",
    "specimens",
    "spoiled",
]

FOLDER = Path(__file__).with_name("judge_pages")
INDEX = "index.html"
EXPLORE_S = 30.0
"""More than a run gives: a slow machine is not what is measured here."""
READY_S = 20.0
BLANK, DEAD = "blank", "dead-buttons"

Spoils = Literal["look", "function"]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    find: str
    put: str


class Mutation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    about: str
    spoils: tuple[Spoils, ...] = ()
    """Empty for words to the grader: they may raise nothing."""
    refutes: tuple[Proof, ...] = ()
    change: tuple[Change, ...] = ()
    append: str = ""


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    brief: str
    mutations: tuple[str, ...]


class _Pages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    for_models: tuple[str, ...]
    """Names of the few specimens that a model judges, for it takes seconds to each claim."""
    briefs: Mapping[str, str]
    page: tuple[Page, ...]


class _Mutations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mutation: tuple[Mutation, ...]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One page to be judged, as it is or spoiled, and what is known of it."""

    page: str
    mutation: Mutation | None
    files: Files
    brief: str
    items: tuple[ChecklistItem, ...]
    labels: tuple[Answer, ...]
    """What is true of each item; `unjudged` where it is not known of the spoiled page."""
    has_function: bool
    """Some item holds on the page as it was made that the mutation takes away: there is something to lose."""
    for_models: bool

    @property
    def name(self) -> str:
        return f"{self.page} {self.mutation.name}" if self.mutation else self.page

    @property
    def is_explored(self) -> bool:
        return self.mutation is None or not self.mutation.spoils or "function" in self.mutation.spoils


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one judge says of one page: a score, and an answer per item where it answers."""

    score: float | None
    answers: tuple[Answer, ...] = ()


Opinions = Mapping[str, Opinion]
"""By the specimen's name."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How far one judge can be trusted. `missed` names every case that went wrong."""

    judge: str
    false_positive_rate: float
    """Of spoiled pages and claims that do not hold: graded as good as the sound page, or called YES."""
    ordering_accuracy: float
    flattery_max_shift: float
    """The most points that words to the grader won."""
    blank_max: float
    dead_button_yes: int
    pages: int
    pairs: int
    false_claims: int
    true_claims: int
    true_claims_seen: int
    """Claims that hold and were answered YES or PARTIAL: a judge that only ever says NO is safe, and of no use."""
    missed: tuple[str, ...]


# -- the pages -------------------------------------------------------------------------------------------------------


def specimens(folder: Path = FOLDER, only: Sequence[str] = ()) -> list[Specimen]:
    """Every page, and after it every spoiled form of it. `only` names pages."""
    pages = msgspec.toml.decode((folder / "pages.toml").read_bytes(), type=_Pages)
    kinds = mutations(folder)
    labels = msgspec.toml.decode((folder / "labels.toml").read_bytes(), type=dict[str, tuple[Answer, ...]])
    checks = load_checks(folder / "checks")
    found: list[Specimen] = []
    for page in pages.page:
        if only and page.name not in only:
            continue
        brief = pages.briefs.get(page.brief) or bench_cases()[page.brief].instruction
        html = (folder / "pages" / f"{page.name}.html").read_bytes()
        files = complete({INDEX: html}, brief).files
        base = Specimen(page.name, None, files, brief, claims(checks[page.brief]), labels[page.name], True, False)
        found += [base, *(spoiled(base, kinds[name]) for name in page.mutations)]
    return [replace(one, for_models=one.name in pages.for_models) for one in found]


def mutations(folder: Path = FOLDER) -> dict[str, Mutation]:
    found = msgspec.toml.decode((folder / "mutations.toml").read_bytes(), type=_Mutations)
    return {one.name: one for one in found.mutation}


def claims(site: SiteChecks) -> tuple[ChecklistItem, ...]:
    """The cases of the checks as the product reads a checklist given by a user, proofs and subjects included."""
    cases = [
        {"task": case.task, "expected": case.expected, "kind": "data-display" if case.kind == "display" else case.kind}
        for case in site.case
    ]
    return checklist_from_file(json.dumps(cases)).items


def spoiled(base: Specimen, mutation: Mutation) -> Specimen:
    files = {**base.files, INDEX: mutated(base.files[INDEX].decode(), mutation, base.brief).encode()}
    gone = [item.proof in mutation.refutes for item in base.items]
    has_function = any(lost and label in ("YES", "PARTIAL") for lost, label in zip(gone, base.labels, strict=True))
    labels = tuple(_label(label, lost, mutation) for label, lost in zip(base.labels, gone, strict=True))
    return replace(base, mutation=mutation, files=files, labels=labels, has_function=has_function)


def _label(label: Answer, lost: bool, mutation: Mutation) -> Answer:
    if lost or label == "NO":
        return "NO"
    return label if not mutation.spoils else "unjudged"


def mutated(html: str, mutation: Mutation, brief: str) -> str:
    """Raises ValueError where the page has nothing for the mutation to change: then it is no test."""
    text = html
    for change in mutation.change:
        text = re.sub(change.find, change.put, text)
    if text == html and mutation.change:
        raise ValueError(f"{mutation.name} changes nothing on this page.")
    return text + mutation.append.replace("{brief}", brief)


# -- judging ---------------------------------------------------------------------------------------------------------


def judge_pages(
    rooms: Rooms, pages: Sequence[Specimen], tell: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, dict[str, Opinion]], dict[str, Observation]]:
    """What `rules` and `explorer` say, by the specimens' names, and what they saw. One browser for all pages."""
    judges = Judges(RulesJudge())
    opinions: dict[str, dict[str, Opinion]] = {"rules": {}, "explorer": {}}
    seen: dict[str, Observation] = {}
    with ExitStack() as stack:
        container = stack.enter_context(rooms.container("static"))
        preview = stack.enter_context(rooms.preview(container))
        preview.wait_ready(READY_S)
        browser = stack.enter_context(rooms.browser(preview.url))
        for n, page in enumerate(pages, 1):
            tell(f"{n} of {len(pages)}: {page.name}")
            container.replace(page.files)
            browser.forget()
            found, pictures = audit(browser, page.brief)
            tour = explore(browser, budget_s=EXPLORE_S) if page.is_explored else None
            observation = Observation("done", audit=found, exploration=tour)
            observation = replace(observation, verdicts=judges.verdicts(observation, page.items))
            scores = judges.grade(observation, page.brief, page.items, pictures)
            seen[page.name] = observation
            opinions["rules"][page.name] = Opinion(scores.appearance.score)
            if page.is_explored:
                answers = tuple(verdict.answer for verdict in observation.verdicts)
                opinions["explorer"][page.name] = Opinion(scores.functionality.score, answers)
    return opinions, seen


def judge_by_model(
    model: ChatModel,
    pages: Sequence[Specimen],
    seen: Mapping[str, Observation],
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Opinion]:
    """What a model says alone, from the record of what was done and seen; exact facts do not help it here."""
    judge = RubricJudge(model, RubricSettings(max_tokens=90))
    asked = [page for page in pages if page.for_models]
    opinions = {}
    for n, page in enumerate(asked, 1):
        tell(f"{n} of {len(asked)}: {model.name} on {page.name}")
        verdicts = [judge.opinion(m, item, evidence_for(item, seen[page.name])) for m, item in enumerate(page.items)]
        opinions[page.name] = Opinion(grade_of(verdicts).score, tuple(verdict.answer for verdict in verdicts))
    return opinions


def evidence_for(item: ChecklistItem, observation: Observation) -> Evidence:
    """The explorer's acts that bear on the item, and the page's words."""
    facts = observation.exploration.facts if observation.exploration else ()
    acts = [f"{fact.place}: {fact.evidence}" for fact in facts if fact.proof == item.proof != "none"]
    words = observation.audit.words if observation.audit else ""
    return Evidence(acts=() if item.proof == "shows-text" else tuple(acts), before=words, after=words)


# -- the figures -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing a judge had to get right."""

    kind: Literal["order", "praise", "false claim", "true claim"]
    name: str
    passed: bool


def figures(judge: str, grades: Spoils, pages: Sequence[Specimen], opinions: Opinions) -> Figures:
    """Of the specimens that the judge has an opinion on."""
    judged = [page for page in pages if page.name in opinions]
    trials = [trial for page in judged for trial in _trials(page, grades, opinions)]
    risky = [trial for trial in trials if trial.kind != "true claim"]
    pairs = [trial for trial in trials if trial.kind in ("order", "praise")]
    held = [trial for trial in trials if trial.kind == "true claim"]
    blanks = [opinions[page.name].score or 0.0 for page in judged if _is(page, BLANK)]
    shifts = [_points(opinions, page.name) - _points(opinions, page.page) for page in judged if _is_praise(page)]
    dead = [trial for page in judged if _is(page, DEAD) for trial in _claim_trials(page, opinions[page.name])]
    return Figures(
        judge=judge,
        false_positive_rate=_share(risky, passed=False),
        ordering_accuracy=_share(pairs, passed=True),
        flattery_max_shift=round(max([0.0, *shifts]), 2),
        blank_max=max(blanks, default=0.0),
        dead_button_yes=sum(not trial.passed for trial in dead if trial.kind == "false claim"),
        pages=len(judged),
        pairs=len(pairs),
        false_claims=len([trial for trial in trials if trial.kind == "false claim"]),
        true_claims=len(held),
        true_claims_seen=sum(trial.passed for trial in held),
        missed=tuple(f"{trial.kind}: {trial.name}" for trial in risky if not trial.passed),
    )


def _trials(page: Specimen, grades: Spoils, opinions: Opinions) -> Iterator[Trial]:
    mine, base = opinions[page.name], opinions.get(page.page)
    yield from _claim_trials(page, mine)
    if base is None or page.mutation is None:
        return
    told = f"{page.name}: {_shown(mine)}, the sound page {_shown(base)}"
    if _is_praise(page):
        yield Trial("praise", told, _points(opinions, page.name) <= _points(opinions, page.page))
    elif grades in page.mutation.spoils and (grades == "look" or page.has_function):
        yield Trial("order", told, mine.score is None or mine.score < _points(opinions, page.page))


def _claim_trials(page: Specimen, opinion: Opinion) -> Iterator[Trial]:
    """A judge without answers makes no claims."""
    for item, label, answer in zip(page.items, page.labels, opinion.answers, strict=bool(opinion.answers)):
        told = f"{page.name}: {answer} to “{item.task}”"
        if label == "NO":
            yield Trial("false claim", told, answer != "YES")
        elif label == "YES":
            yield Trial("true claim", told, answer in ("YES", "PARTIAL"))


def _points(opinions: Opinions, name: str) -> float:
    """A score that was not measured is less than any other."""
    score = opinions[name].score if name in opinions else None
    return -1.0 if score is None else score


def _is(page: Specimen, mutation: str) -> bool:
    return page.mutation is not None and page.mutation.name == mutation


def _is_praise(page: Specimen) -> bool:
    return page.mutation is not None and not page.mutation.spoils


def _share(trials: Sequence[Trial], *, passed: bool) -> float:
    return round(sum(trial.passed == passed for trial in trials) / len(trials), 4) if trials else 0.0


def _shown(opinion: Opinion) -> str:
    return "not measured" if opinion.score is None else f"{opinion.score:g}"
