"""The loop: move, model, files, look, grade, commit, decide. One call of `work` takes a run to its end or to a stop.

All state is in the store; `work` may be killed at any moment and called again, and goes on from the last finished step.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from msgspec import to_builtins

from appliance import prompts
from appliance.artifact import STRICT, Reading, parse_artifact
from appliance.assets import complete
from appliance.changes import apply_changes
from appliance.context import ContextFull, Turn, conversation
from appliance.decide import Rules, is_error, lineage, merit
from appliance.errors import is_missing_part
from appliance.feedback import feedback
from appliance.findings import (
    BARE,
    CHECKLIST,
    EMPTY_SECTION,
    bare_entries,
    describe,
    finding_key,
    item_number,
    promised_item,
)
from appliance.grading import Judges
from appliance.mend import AnyPatch, mend_messages, read_patch
from appliance.mend_facts import FactsPatch
from appliance.mend_markup import feature_patch
from appliance.mend_patch import PAGE, MarkupPatch
from appliance.profiles import Profile
from appliance.reference import as_the_reference_keeps
from appliance.regressions import replays_of
from appliance.site import FIXED_SITE, Look, Rooms, Site, SiteSettings
from appliance.steps import (
    Artifact,
    Backtrack,
    Build,
    Checklist,
    ChecklistItem,
    Exploration,
    Files,
    FileWrite,
    Finding,
    Finish,
    Observation,
    Picture,
    RequestGuiTest,
    Scores,
    Step,
    StepKind,
    Stop,
    Usage,
)
from appliance.store import CompletionRecord, HandEdit, Run, Store
from appliance.strategy import Draft, Mend, next_move, owes_words
from appliance.strategy import Turn as TakeTurn
from appliance.tester import SiteTester
from appliance.writing import Cancelled, Writer, usage_of
from models.chat import ChatModel
from models.errors import ContextOverflow, ModelError
from sandbox.browser import Browser
from sandbox.errors import SandboxError
from sandbox.workspace import snapshot

REPAIR_TOKENS = 1200
"""Enough for a script of a page; a repair that finds no end by then is none."""
BY_HAND = "by hand: "


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the loop works with. `cancelled` is asked often and must be cheap."""

    store: Store
    model: ChatModel
    rooms: Rooms
    judges: Judges
    profile: Profile
    rules: Rules
    cancelled: Callable[[], bool]
    tell: Callable[[str, Mapping[str, Any]], None]
    """Tell the user: kind and data of an event."""
    explore: Callable[[Browser], Exploration] | None = None
    """Exercises each page that passed the audit; None where the rules have no such tester."""
    make_checklist: Callable[[ChatModel, str], Checklist] | None = None
    """Derives the acceptance tests of a run that was given none."""
    begin_step: Callable[[], None] = lambda: None
    """Told before each move: models that take turns in memory may change places once from here on."""
    site: SiteSettings = FIXED_SITE
    tester: SiteTester | None = None
    """Clicks through the checklist when the coder asks for it; None where no model is qualified."""
    sees: bool = False
    """Whether the coder can be shown pictures."""
    weights: str = ""
    """Which model file and adapters write, for the token records; empty where none are kept."""


def work(run: Run, parts: Parts) -> Stop:
    """Make steps until the run stops. Raises Cancelled; errors of the machine pass through."""

    def tell_stage(name: str) -> None:
        parts.tell("stage", {"stage": name})

    with Site(parts.rooms, run.request.stack, tell_stage, parts.explore, parts.site) as site:
        site.start()
        for wall in site.missing_walls:
            parts.tell("warning", {"text": f"missing wall, {wall.name}: {wall.meaning} {wall.remedy}"})
        loop = _Loop(run, parts, site)
        items = loop.checklist.items
        while edit := parts.store.next_edit(run.id):
            loop.edit(edit)
            if edit.was != "queued" and parts.store.next_edit(run.id) is None:
                return Stop(f"{edit.path} was changed by hand", finished=edit.was == "done")
        while True:
            steps, tip = parts.store.steps(run.id), parts.store.run(run.id).tip
            if parts.cancelled():
                raise Cancelled
            parts.begin_step()
            match next_move(steps, tip, parts.profile, run.request.drafts, parts.rules, items):
                case Stop() as stop:
                    return stop
                case Backtrack(to):
                    parts.store.move_tip(run.id, to, _why_back(steps, tip, to))
                case Draft(ns):
                    loop.drafts(ns)
                case Mend(findings):
                    with loop.surviving(steps, tip, finding_key(findings[0])):
                        loop.mend(steps, tip, findings)
                case TakeTurn():
                    try:
                        with loop.surviving(steps, tip):
                            loop.turn(steps, tip)
                    except (ContextFull, ContextOverflow) as full:
                        if not steps:
                            raise
                        return Stop(f"context full: {full}")


def _why_back(steps: Sequence[Step], tip: int | None, to: int | None) -> str:
    if tip is None and to is not None:
        return f"step {to} is the best of {len(steps)} drafts"
    return "a bad stretch" if to is not None else "a bad stretch with nothing worth keeping: starting afresh"


class _Loop:
    """The moves of one run. Each ends with a committed step."""

    def __init__(self, run: Run, parts: Parts, site: Site) -> None:
        self.run, self.parts, self.site = run, parts, site
        self.request = run.request
        self.reading = STRICT if parts.rules.strict_reading else Reading()
        self.writer = Writer(run, parts.store, parts.model, parts.profile, parts.cancelled, parts.tell, parts.weights)
        self.checklist = self._agreed_checklist()

    def _agreed_checklist(self) -> Checklist:
        """Fixed before any code: the user's own, the one a killed attempt made, or a new one."""
        checklist = self.parts.store.checklist(self.run.id)
        if checklist is None and self.parts.make_checklist is not None:
            self.parts.tell("stage", {"stage": "planning"})
            checklist = self.parts.make_checklist(self.parts.model, self.request.brief)
            self.parts.store.set_checklist(self.run.id, checklist)
            self.parts.tell("checklist", to_builtins(checklist))
        return checklist or Checklist()

    # -- moves -----------------------------------------------------------------------------------------------------

    def drafts(self, ns: tuple[int, ...]) -> None:
        """Several drafts of one start, decoded together; what a killed attempt has finished is not repeated."""
        base = self.parts.store.files(self.run.base)
        messages = prompts.opening(self.request, self.parts.profile, base, self._picture())
        self.writer.drafts(ns, messages, prompts.beginning(self.request, self.parts.profile, base))
        for i, n in enumerate(ns):
            began = time.monotonic()
            record = self.writer.written(n)
            artifact = parse_artifact(record.reply, cut=record.finish == "length", reading=self.reading)
            aim = f"draft {i + 1} of {len(ns)}"
            self._commit(n, "draft", None, base, artifact, usage_of(record), began, aim)

    def turn(self, steps: Sequence[Step], tip: int | None) -> None:
        """One turn of the stepwise conversation."""
        n, began = len(steps) + 1, time.monotonic()
        base = self._files(steps, tip)
        turns = self._turns(lineage(steps, tip))
        start = self.parts.store.files(self.run.base)
        opening = prompts.opening(self.request, self.parts.profile, start, self._picture())
        budget = self.parts.model.context_tokens - self.parts.profile.max_tokens
        talk = conversation(opening, turns, self.parts.model.count_tokens, budget)
        if talk.compacted_turns:
            self.parts.tell("compaction", {"n": n, "turns": talk.compacted_turns, "tokens": talk.tokens})
        record = self.writer.reply(n, talk.messages)
        artifact = parse_artifact(record.reply, cut=record.finish == "length", reading=self.reading)
        notes = (f"{talk.compacted_turns} earlier turns were compacted",) if talk.compacted_turns else ()
        self._commit(n, _kind(artifact), tip, base, artifact, usage_of(record), began, "", notes)

    def mend(self, steps: Sequence[Step], tip: int | None, findings: Sequence[Finding]) -> None:
        """A scoped repair of one kind of finding; kept only if the score rises and nothing new breaks."""
        n, began, finding = len(steps) + 1, time.monotonic(), findings[0]
        base = self._files(steps, tip)
        tried = sum(step.finding_key == finding_key(finding) for step in steps)
        patch: AnyPatch
        item = self._wanted(finding)
        if item:
            page = base.get(PAGE, b"").decode("utf-8", "replace")
            patch = feature_patch(page, item, self.request.brief)
        else:
            patch = mend_messages(base, findings, self.request.brief, again=tried > 0)
        artifact, usage = self._repaired(n, patch)
        before = next(step for step in steps if step.n == tip)
        self._commit_repair(n, before, base, artifact, usage, began, finding, patch)

    def _repaired(self, n: int, patch: AnyPatch) -> tuple[Artifact, Usage]:
        """What the model makes of it, or what needs no model."""
        if isinstance(patch, MarkupPatch | FactsPatch) and patch.ready:
            return patch.ready, Usage()
        record = self.writer.reply(n, patch.messages, patch.start, REPAIR_TOKENS)
        return read_patch(patch, record.reply, cut=record.finish == "length"), usage_of(record)

    def _wanted(self, finding: Finding) -> ChecklistItem | None:
        """The test that a new section is to answer, for findings that ask for one."""
        if finding.kind == CHECKLIST:
            return self.checklist.items[item_number(finding)]
        return promised_item(finding) if finding.kind == EMPTY_SECTION else None

    def edit(self, edit: HandEdit) -> None:
        """A file that the user changed: looked at and graded like any other step."""
        steps = self.parts.store.steps(self.run.id)
        base, began = self._files(steps, edit.parent), time.monotonic()
        artifact = Artifact(Build(), (FileWrite(edit.path, edit.content),))
        look = self._looked(base, artifact, edit.parent)
        step = self._step(steps[-1].n + 1, "edit", edit.parent, look, Usage(), began, f"{BY_HAND}{edit.path}")
        self._store(step, look, tip=step.n, edit=edit)

    @contextmanager
    def surviving(self, steps: Sequence[Step], tip: int | None, key: str = "") -> Iterator[None]:
        """A part that fails costs this step: it is stored as broken, and the tip stays. Not for ever, and not where
        the same would happen again: a missing part is the user's to mend."""
        try:
            yield
        except (ContextFull, ContextOverflow):
            raise
        except (ModelError, SandboxError) as error:
            rules = self.parts.rules
            if sum(step.signal == "broke" for step in steps) >= rules.breaks or not (steps or rules.first_may_break):
                raise
            if is_missing_part(error) or len(self.parts.store.steps(self.run.id)) > len(steps):
                raise
            self._commit_broken(len(steps) + 1, steps, tip, key, error)

    def _commit_broken(self, n: int, steps: Sequence[Step], tip: int | None, key: str, error: Exception) -> None:
        self.parts.tell("warning", {"text": f"step {n} broke and the run goes on: {error}"})
        record = self.parts.store.completion(self.run.id, n)
        look = Look(Observation("parse", error=f"the step broke: {error}"), {}, self._files(steps, tip))
        step = self._step(n, "build", tip, look, usage_of(record) if record else Usage(), time.monotonic(), "")
        self._store(replace(step, verdict="rejected", signal="broke", finding_key=key), look, tip=tip)

    def _picture(self) -> bytes:
        """The user's picture for a model that sees; empty for others, which are told its colours."""
        likeness = self.request.likeness
        return self.parts.store.blob(likeness.sha256) if likeness and self.parts.sees else b""

    # -- looking and committing ------------------------------------------------------------------------------------

    def _files(self, steps: Sequence[Step], tip: int | None) -> dict[str, bytes]:
        if tip is None:
            return self.parts.store.files(self.run.base)
        return self.parts.store.files(next(step for step in steps if step.n == tip).snapshot)

    def _turns(self, steps: Sequence[Step]) -> list[Turn]:
        """The conversation so far. What the user did by hand is told with the answer to the turn before it."""
        turns: list[Turn] = []
        for step in steps:
            if step.kind == "edit" and turns:
                files = self._files(steps, step.n)
                path = step.aim.removeprefix(BY_HAND)
                told = prompts.changed_by_hand(path, files.get(path, b"").decode("utf-8", "replace"))
                turns[-1] = replace(turns[-1], feedback=f"{turns[-1].feedback}\n\n{told}", files=files)
            elif step.kind not in ("edit", "restore") and (record := self.writer.record(step.n)):  # else it broke early
                turns.append(self._past(step, record))
        return turns

    def _past(self, step: Step, record: CompletionRecord) -> Turn:
        artifact = parse_artifact(record.reply, cut=record.finish == "length", reading=self.reading)
        said = feedback(step, self.request, self.checklist.items, artifact.problems, self.parts.rules)
        return Turn(record.reply, said, self.parts.store.files(step.snapshot))

    def _looked(self, base: Files, artifact: Artifact, parent: int | None) -> Look:
        """Apply the artifact and look; an artifact without a usable change stops at the first gate."""
        files, refused = apply_changes(base, artifact.changes)
        problems = (*artifact.problems, *refused)
        notes = (*artifact.rescues, *problems)
        if not artifact.changes or files == dict(base):
            why = problems[0] if problems else "the reply changes no file"
            return Look(Observation("parse", error=why, notes=notes), {}, base)
        if self.parts.rules.lossy_snapshots:
            files = as_the_reference_keeps(files)
        completed = complete(files, self.request.brief, stack=self.request.stack)
        replays = replays_of(lineage(self.parts.store.steps(self.run.id), parent)) if self.parts.explore else ()
        look = self.site.look(completed.files, self.request.brief, replays)
        observation = replace(look.observation, notes=(*notes, *completed.notes, *look.observation.notes))
        verdicts = self.parts.judges.verdicts(observation, self.checklist.items)
        return replace(look, observation=replace(observation, verdicts=verdicts))

    def _graded(self, look: Look, inherited: Scores | None) -> Scores:
        self.parts.tell("stage", {"stage": "judging"})
        judges, items = self.parts.judges, self.checklist.items
        if inherited is not None:
            return replace(inherited, functionality=judges.functionality(look.observation, items))
        return judges.grade(look.observation, self.request.brief, items, look.pictures)

    def _commit(
        self,
        n: int,
        kind: StepKind,
        parent: int | None,
        base: Files,
        artifact: Artifact,
        usage: Usage,
        began: float,
        aim: str,
        notes: tuple[str, ...] = (),
    ) -> None:
        inherited: Scores | None = None
        if isinstance(artifact.action, Finish | RequestGuiTest) and not artifact.changes:
            look, inherited = self._inherited(parent, base)
            if isinstance(artifact.action, RequestGuiTest) and self.parts.tester and not look.observation.error:
                look = self._tested(look, self.parts.tester)
        else:
            look = self._looked(base, artifact, parent)
        look = replace(look, observation=replace(look.observation, notes=(*notes, *look.observation.notes)))
        step = self._step(n, kind, parent, look, usage, began, aim, inherited)
        step = replace(step, signal=_signal(artifact))
        self._store(step, look, tip=None if kind == "draft" else n)

    def _inherited(self, parent: int | None, base: Files) -> tuple[Look, Scores | None]:
        """A signal alone changes nothing: the step shows what its parent showed, and its look is graded as before."""
        if parent is None:
            return Look(Observation("parse", error="the first reply holds no file"), {}, base), None
        step = next(step for step in self.parts.store.steps(self.run.id) if step.n == parent)
        return Look(step.observation, {}, base, self.parts.store.files(step.built)), step.scores

    def _tested(self, look: Look, tester: SiteTester) -> Look:
        """The same page, with what the GUI agent did on it and what the judge made of that."""
        self.parts.tell("stage", {"stage": "testing"})
        shots: dict[str, bytes] = {}

        def keep(png: bytes) -> str:
            shots[name := f"act-{len(shots) + 1}"] = png
            return _picture(name, png).sha256

        items, exact = self.checklist.items, look.observation.verdicts
        tested = self.site.visit(look.built or look.files, lambda page: tester.test(page, items, exact, keep))
        self._raise_if_cancelled()
        observation = replace(
            look.observation,
            traces=tested.traces,
            verdicts=tested.verdicts,
            gui_grade=tested.grade,
            error=tested.error,
        )
        return replace(look, observation=observation, pictures=shots)

    def _raise_if_cancelled(self) -> None:
        if self.parts.cancelled():
            raise Cancelled

    def _commit_repair(
        self,
        n: int,
        before: Step,
        base: Files,
        artifact: Artifact,
        usage: Usage,
        began: float,
        finding: Finding,
        patch: AnyPatch,
    ) -> None:
        look = self._looked(base, artifact, before.n)
        by = "" if patch.messages else ", no model"
        aim = f"repair ({patch.scope}{by}): {describe(finding)}"[:300]
        step = self._step(n, "repair", before.n, look, usage, began, aim)
        better = self._adds_facts(step, before) if finding.kind == BARE else self._is_better(step, before, look)
        excused = patch.scope == "feature" and owes_words(step, before)
        kept = (better or excused) and _is_sound(step, before)
        step = replace(step, verdict="kept" if kept else "rejected", finding_key=finding_key(finding))
        self._store(step, look, tip=n if kept else before.n)

    def _adds_facts(self, step: Step, before: Step) -> bool:
        """No grade counts what entries tell, so here nothing may fall and fewer of them may be bare."""
        audits = (step.observation.audit, before.observation.audit)
        left, were = (len(bare_entries(audit)) if audit else 0 for audit in audits)
        return left < were and merit(step, self.parts.rules) >= merit(before, self.parts.rules)

    def _is_better(self, step: Step, before: Step, look: Look) -> bool:
        """Both scores together must rise; where looks are compared in pairs, that decides instead of their grades."""
        pairs, shown = self.parts.judges.pairs, next(iter(before.observation.pictures), None)
        if pairs is None or shown is None or not look.pictures:
            return merit(step, self.parts.rules) > merit(before, self.parts.rules)
        new, old = step.scores.functionality.score, before.scores.functionality.score
        if new != old:
            return (new or 0.0) > (old or 0.0)
        preferred = pairs.prefer(self.request.brief, self.parts.store.blob(shown.sha256), look.pictures["desktop"])
        self.parts.tell(
            "compared", {"n": step.n, "with": before.n, "better": preferred.better, "why": preferred.reason}
        )
        return preferred.better == "second"

    def _step(
        self,
        n: int,
        kind: StepKind,
        parent: int | None,
        look: Look,
        usage: Usage,
        began: float,
        aim: str,
        inherited: Scores | None = None,
    ) -> Step:
        scores = self._graded(look, inherited)
        return Step(
            n=n,
            kind=kind,
            parent=parent,
            snapshot=snapshot(look.files).id,
            observation=look.observation,
            scores=scores,
            usage=usage,
            has_error=is_error(look.observation, scores, self.parts.rules),
            seconds=round(time.monotonic() - began + (usage.model_seconds if kind == "draft" else 0.0), 3),
            aim=aim,
        )

    def _store(self, step: Step, look: Look, *, tip: int | None, edit: HandEdit | None = None) -> None:
        if look.built:
            step = replace(step, built=snapshot(look.built).id)
        if look.pictures:
            shown = tuple(_picture(name, png) for name, png in look.pictures.items())
            pictures = (*step.observation.pictures, *shown)
            step = replace(step, observation=replace(step.observation, pictures=pictures))
        blobs = tuple(look.pictures.values())
        self.parts.store.add_step(self.run.id, step, look.files, blobs, look.built, tip=tip, edit=edit)
        self.parts.tell("step", {"n": step.n})


def _is_sound(step: Step, before: Step) -> bool:
    """A repair opens, adds no error and breaks no replay."""
    if step.observation.stage != "done" or (step.has_error and not before.has_error):
        return False
    return not set(step.observation.regressions) - set(before.observation.regressions)


def _picture(name: str, png: bytes) -> Picture:
    return Picture(name, hashlib.sha256(png).hexdigest(), int.from_bytes(png[16:20]))  # width: bytes 16-19 of the IHDR


def _kind(artifact: Artifact) -> StepKind:
    match artifact.action:
        case Finish():
            return "finish"
        case RequestGuiTest():
            return "gui_test"
        case _:
            return "build"


def _signal(artifact: Artifact) -> Any:
    return {Finish: "finish", RequestGuiTest: "gui_test"}.get(type(artifact.action), "")
