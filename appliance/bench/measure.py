"""One brief with one seed in all modes: made, delivered, judged case by case.

Drafts alone get further drafts until they cost as many completion tokens as the loop, and the best is chosen by the
same scores. Whoever measures is blind to how a site came about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.bench.checks import CheckVerdict, accuracy
from appliance.bench.modes import Kind, Mode, delivered, kind_of
from appliance.bench.results import CaseLine, SiteLine
from appliance.bench.webgen_bench import BenchSite
from appliance.coverage import named_share, stems
from appliance.decide import Rules, best_step, shows_page
from appliance.steps import Files, Grade, Step

LEAST_CHARS = 150
LEAST_NAMED = 0.15
"""A render counts only with text of its own that speaks of the brief: below this share of its words it does not."""
ON_THE_CONSOLE = ("exception", "console-error", "request-failed", "external-url")


@dataclass(frozen=True, slots=True)
class Made:
    """What one run left: its steps in order, their files and pictures, and what it cost."""

    run: str
    steps: tuple[Step, ...]
    files: Callable[[Step], Files]
    seconds: float
    picture: Callable[[Step], bytes] = lambda _: b""
    """The desktop's PNG; empty where there is none."""
    watt_hours: float | None = None


class Maker(Protocol):
    def make(self, kind: Kind, brief: str, seed: int) -> Made: ...

    def drafts(self, brief: str, seed: int, count: int) -> Made:
        """Further drafts, other ones than the loop's."""


@dataclass(frozen=True, slots=True)
class Judged:
    verdicts: Sequence[CheckVerdict]
    appearance: Grade | None = None
    """Where the judge looks at the page too; else the loop's own grade is told."""


class CaseJudge(Protocol):
    name: str

    def __call__(self, files: Files, site: BenchSite, step: Step, picture: bytes) -> Judged: ...


Keep = Callable[[SiteLine, bytes], None]


@dataclass(frozen=True, slots=True)
class _Chosen:
    made: Made
    step: Step | None
    spent: Sequence[Step]
    seconds: float


def make_site(site: BenchSite, seed: int, modes: Sequence[Mode], maker: Maker, rules: Rules) -> None:
    """Only make what `measure_site` will judge: a model that judges may need the memory of the one that writes."""
    _choices(site, seed, modes, maker, rules)


def measure_site(
    site: BenchSite,
    seed: int,
    modes: Sequence[Mode],
    maker: Maker,
    rules: Rules,
    judge: CaseJudge,
    keep: Keep = lambda line, picture: None,
) -> tuple[list[SiteLine], list[CaseLine]]:
    sites: list[SiteLine] = []
    cases: list[CaseLine] = []
    known: dict[tuple[str, str], Judged] = {}
    for mode, chosen in _choices(site, seed, modes, maker, rules).items():
        step, made = chosen.step, chosen.made
        judged, picture = Judged(_none(site)), b""
        if step is not None:
            picture = made.picture(step)
            key = (made.run, step.snapshot)
            judged = known.get(key) or judge(made.files(step), site, step, picture)
            known[key] = judged
        line = _line(site, seed, mode, chosen, judged)
        keep(line, picture)
        sites.append(line)
        cases += [_case(site, seed, mode, one, judge.name) for one in judged.verdicts]
    return sites, cases


def _case(site: BenchSite, seed: int, mode: Mode, verdict: CheckVerdict, judge: str) -> CaseLine:
    case = site.ui_instruct[verdict.case]
    return CaseLine(
        site.id,
        seed,
        mode,
        verdict.case,
        verdict.answer,
        verdict.evidence,
        case.task_category.primary_category,
        judge,
        case.task,
    )


def _line(site: BenchSite, seed: int, mode: Mode, chosen: _Chosen, judged: Judged) -> SiteLine:
    step = chosen.step
    look = judged.appearance or (step.scores.appearance if step else None)
    return SiteLine(
        site=site.id,
        seed=seed,
        mode=mode,
        run=chosen.made.run,
        step=step.n if step else None,
        accuracy=round(accuracy(judged.verdicts), 4),
        appearance=(look.score or 0.0) if look else 0.0,
        valid=step is not None and is_valid(step, site.instruction),
        tokens=_tokens(chosen.spent),
        seconds=round(chosen.seconds, 1),
        category=site.Category.primary_category,
        prompt_tokens=sum(one.usage.prompt_tokens for one in chosen.spent),
        console_clean=_console_clean(step),
        appearance_judge=look.judge if look else "",
        watt_hours=chosen.made.watt_hours if mode not in ("one-shot", "drafts") else None,
    )


def is_valid(step: Step, brief: str) -> bool:
    """A page that shows, with text of its own that speaks of what the brief asks for."""
    seen = step.observation.audit
    if seen is None or not shows_page(step) or seen.text_chars < LEAST_CHARS:
        return False
    return named_share(stems(brief), seen.words) >= LEAST_NAMED


def _console_clean(step: Step | None) -> bool | None:
    if step is None or step.observation.audit is None:
        return None
    return not any(found.kind in ON_THE_CONSOLE for found in step.observation.audit.findings)


# -- what each mode delivers -----------------------------------------------------------------------------------------


def _choices(site: BenchSite, seed: int, modes: Sequence[Mode], maker: Maker, rules: Rules) -> dict[Mode, _Chosen]:
    runs: dict[Kind, Made] = {}
    chosen: dict[Mode, _Chosen] = {}
    for mode in modes:
        kind = kind_of(mode, modes)
        if kind not in runs:
            runs[kind] = maker.make(kind, site.instruction, seed)
        made = runs[kind]
        if mode == "drafts":
            chosen[mode] = _drafts(made, maker, site.instruction, seed, rules)
        elif mode == "one-shot":
            first = made.steps[:1]
            chosen[mode] = _Chosen(made, delivered(mode, first, rules), first, sum(step.seconds for step in first))
        else:
            chosen[mode] = _Chosen(made, delivered(mode, made.steps, rules), made.steps, made.seconds)
    return chosen


def _drafts(made: Made, maker: Maker, brief: str, seed: int, rules: Rules) -> _Chosen:
    """Drafts of both sources by the same choice; the further ones are numbered after the loop's."""
    own = [step for step in made.steps if step.kind == "draft"]
    seconds = sum(step.seconds for step in own)
    best = best_step(own, rules)
    more = _more_drafts(own, _tokens(made.steps))
    if not more:
        return _Chosen(made, best, own, seconds)
    extra = maker.drafts(brief, seed, more)
    spent, seconds = [*own, *extra.steps], seconds + extra.seconds
    other = best_step(extra.steps, rules)
    if other is None or (best is not None and best_step([other, best], rules) is best):
        return _Chosen(made, best, spent, seconds)
    return _Chosen(extra, other, spent, seconds)


def _tokens(steps: Iterable[Step]) -> int:
    return sum(step.usage.completion_tokens for step in steps)


def _more_drafts(drafts: Sequence[Step], spent: int) -> int:
    """How many drafts of the same mean length bring the drafts alone to what the loop spent; rounded up."""
    own = _tokens(drafts)
    if not drafts or not own:
        return 0
    return max(0, -(-(spent - own) * len(drafts) // own))


def _none(site: BenchSite) -> Sequence[CheckVerdict]:
    return [CheckVerdict(n, "NO", "start failed: no step shows a page") for n in range(len(site.ui_instruct))]
