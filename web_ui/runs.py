"""One run: live board, steps, comparison, and what a user may do with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance import requests
from appliance.errors import UsageError
from appliance.requests import shown_status
from appliance.steps import Checklist, Step
from appliance.store import WORKER, Event, Run, Store
from web_ui.cards import StepCard, Tick, cards, text_of, ticks
from web_ui.desk import desk, opened, shown_step
from web_ui.events import stream
from web_ui.timeline import Timeline, timeline
from web_ui.words import spoken

views = Blueprint("runs", __name__, url_prefix="/runs/<run_id>")
_LIVE = ("queued", "running")
_CONTEXT_LINES = 3
_STORY = ("queued", "status", "backtrack", "compaction", "compared", "warning", "error", "ended", "chosen")


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the page shows of a run, from one reading of the store. `seen`: id of the newest event it knows."""

    run: Run
    status: str
    steps: tuple[Step, ...]
    best: StepCard | None
    cards: tuple[StepCard, ...]
    drawing: Timeline
    checklist: Checklist | None
    ticks: tuple[Tick, ...]
    seen: int
    since: int
    """Id of the newest step's event: what is being written came after it."""
    worker: bool
    position: int
    """Place in the queue, from 1; 0 when it is not in it."""
    why: tuple[str, int]
    """Why the best step is the best: the text's key, and how many versions it was compared with."""
    warnings: tuple[str, ...]
    judges: tuple[str, ...]
    stage: str

    @property
    def live(self) -> bool:
        return self.status in _LIVE


def board(store: Store, run_id: str) -> Board:
    seen = store.last_event(run_id)
    run = store.run(run_id)
    steps = store.steps(run.id)
    best = requests.best_among(run, steps)
    made = cards(store, run, steps, best.n if best else None, desk().counts)
    checklist = store.checklist(run.id)
    told = store.events_of(run.id, ("warning", "judges"))
    queue = [one.id for one in reversed(store.runs(status="queued", limit=1000))] if run.status == "queued" else []
    return Board(
        run=run,
        status=shown_status(store, run),
        steps=tuple(steps),
        best=next((card for card in made if best and card.step.n == best.n), None),
        cards=tuple(made),
        drawing=timeline(steps, best.n if best else None),
        checklist=checklist,
        ticks=tuple(ticks(checklist, best)),
        seen=seen,
        since=store.last_event(run.id, "step"),
        worker=store.lease_holder(WORKER) is not None,
        position=queue.index(run.id) + 1 if run.id in queue else 0,
        why=_why(run, best, steps),
        warnings=tuple(dict.fromkeys(_warnings(told))),
        judges=next((tuple(event.data["roles"]) for event in reversed(told) if event.kind == "judges"), ()),
        stage=store.last_stage(run.id),
    )


def _why(run: Run, best: Step | None, steps: Sequence[Step]) -> tuple[str, int]:
    sound = [step for step in steps if step.verdict == "kept" and not step.has_error]
    if run.chosen is not None:
        return "best.because_chosen", 0
    if best is None or best.has_error:
        return "best.because_least", 0
    return ("best.because_faithful" if run.request.rules == "faithful" else "best.because"), len(sound)


def _warnings(told: list[Event]) -> Iterator[str]:
    for event in told:
        if event.kind == "warning":
            yield event.data["text"]


@views.get("")
def show(run_id: str) -> str:
    with opened(run_id) as (store, run):
        return render_template("run.html", board=board(store, run.id), tab="timeline", stages=spoken().group("stage"))


@views.get("/board")
def board_now(run_id: str) -> str:
    with opened(run_id) as (store, run):
        return render_template("_board.html", board=board(store, run.id), stages=spoken().group("stage"))


@views.get("/events")
def events(run_id: str) -> Response:
    with opened(run_id) as (_, run):
        after = request.headers.get("Last-Event-ID") or request.args.get("after", "0")
        if not after.isdecimal():
            abort(400)
    its = desk()
    lines = stream(its.pool, its.bell, run.id, int(after), its.stop)
    return Response(lines, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


@views.get("/steps/<int:n>")
def step(run_id: str, n: int) -> str:
    """A step in full; as part of the page when the page asks for it."""
    with opened(run_id) as (store, run):
        found = requests.find_step(store, run, n)
        steps = store.steps(run.id)
        best = requests.best_among(run, steps)
        made = cards(store, run, steps, best.n if best else None, desk().counts)
        record = store.completion(run.id, n)
        template = "_step.html" if request.headers.get("HX-Request") else "step.html"
        return render_template(
            template,
            run=run,
            card=next(card for card in made if card.step.n == n),
            best=best,
            status=shown_status(store, run),
            record=record,
            ticks=ticks(store.checklist(run.id), found),
            earlier=max((other.n for other in steps if other.n < n), default=None),
            later=min((other.n for other in steps if other.n > n), default=None),
            tab="timeline",
        )


@dataclass(frozen=True, slots=True)
class FileDiff:
    """Lines of a unified diff, each with what it is: `add`, `remove`, `place`, `same`. Empty for what is no text."""

    path: str
    lines: tuple[tuple[str, str], ...]
    had: bool
    has: bool


_KIND_OF = {"+": "add", "-": "remove", "@": "place"}


def file_diffs(store: Store, before: str, after: str) -> list[FileDiff]:
    """What changed between two snapshots, file by file."""
    old, new = store.manifest(before), store.manifest(after)
    paths = sorted(path for path in {*old, *new} if old.get(path) != new.get(path))
    return [_file_diff(store, path, old.get(path), new.get(path)) for path in paths]


def _file_diff(store: Store, path: str, old: str | None, new: str | None) -> FileDiff:
    texts = [text_of(store.blob(sha256)) if sha256 else "" for sha256 in (old, new)]
    before, after = texts
    there = (old is not None, new is not None)
    if before is None or after is None:
        return FileDiff(path, (), *there)
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), n=_CONTEXT_LINES, lineterm="")
    return FileDiff(path, tuple((_KIND_OF.get(line[:1], "same"), line) for line in list(found)[2:]), *there)


@views.get("/compare")
def compare(run_id: str) -> str:
    """Any two steps: pictures over each other, scores, and what changed in the files."""
    with opened(run_id) as (store, run):
        steps = store.steps(run.id)
        if not steps:
            raise UsageError(f"Run {run.id} has no steps yet; there is nothing to compare.")
        best = requests.best_among(run, steps)
        to = best if best and best.n != steps[0].n else steps[-1]
        first = requests.find_step(store, run, request.args.get("a", steps[0].n, int))
        second = requests.find_step(store, run, request.args.get("b", to.n, int))
        made = {card.step.n: card for card in cards(store, run, steps, best.n if best else None, desk().counts)}
        return render_template(
            "compare.html",
            run=run,
            status=shown_status(store, run),
            steps=steps,
            first=made[first.n],
            second=made[second.n],
            diffs=file_diffs(store, first.snapshot, second.snapshot),
            tab="diff",
        )


@views.get("/tests")
def tests(run_id: str) -> str:
    """The checklist with the evidence, what the explorer and the GUI agent did."""
    with opened(run_id) as (store, run):
        found = shown_step(store, run, request.args.get("step", None, int))
        return render_template(
            "tests.html",
            run=run,
            status=shown_status(store, run),
            step=found,
            checklist=store.checklist(run.id),
            ticks=ticks(store.checklist(run.id), found),
            tab="tests",
        )


@views.get("/logs")
def logs(run_id: str) -> str:
    with opened(run_id) as (store, run):
        return render_template(
            "logs.html",
            run=run,
            status=shown_status(store, run),
            steps=store.steps(run.id),
            events=store.events_of(run.id, _STORY),
            tab="logs",
        )


@views.get("/preview")
def preview(run_id: str) -> str:
    with opened(run_id) as (store, run):
        found = shown_step(store, run, request.args.get("step", None, int))
        safe = request.args.get("safe") == "1"
        shows = found is not None and bool(found.snapshot) and not safe
        address = desk().previews.address(run.id, found.n, request.host) if found and shows else None
        return render_template(
            "preview.html",
            run=run,
            status=shown_status(store, run),
            step=found,
            steps=store.steps(run.id),
            address=address,
            safe=safe,
            tab="preview",
        )


# -- what a user may do ----------------------------------------------------------------------------------------------


def _back(run_id: str) -> BaseResponse:
    return redirect(url_for("runs.show", run_id=run_id), 303)


@views.post("/cancel")
def cancel(run_id: str) -> BaseResponse:
    with opened(run_id) as (store, run):
        requests.cancel(store, run)
    return _back(run.id)


@views.post("/resume")
def resume(run_id: str) -> BaseResponse:
    with opened(run_id) as (store, run):
        more = request.form.get("steps", "")
        requests.resume(store, run, int(more) if more.isdecimal() and 0 < int(more) <= 200 else None)
    return _back(run.id)


@views.post("/fork")
def fork(run_id: str) -> BaseResponse:
    """A new run from a step, with a wish or without; the step that would be delivered where none is named."""
    with opened(run_id) as (store, run):
        n = request.form.get("step", "")
        start = requests.find_step(store, run, int(n)) if n.isdecimal() else requests.require_best(store, run)
        seed = request.form.get("seed", "")
        made = requests.fork(
            *(store, run, start, request.form.get("wish", "").strip()),
            seed=int(seed) if seed.isdecimal() and int(seed) < 2**31 else None,
        )
    return _back(made.id)


@views.post("/restore")
def restore(run_id: str) -> BaseResponse:
    """The step becomes the site again: as a new step, nothing is deleted."""
    with opened(run_id) as (store, run):
        n = request.form.get("step", "")
        store.restore_step(run.id, int(n) if n.isdecimal() else 0)
    return _back(run.id)


@views.post("/choose")
def choose(run_id: str) -> BaseResponse:
    """Which step is delivered: one named by the user, or again the one the scores say."""
    with opened(run_id) as (store, run):
        n = request.form.get("step", "")
        store.choose(run.id, requests.find_step(store, run, int(n)).n if n.isdecimal() else None)
    return _back(run.id)


@views.post("/delete")
def delete(run_id: str) -> BaseResponse:
    with opened(run_id) as (store, run):
        store.require_idle(run.id)
        store.delete_run(run.id)
    return redirect(url_for("pages.all_runs"), 303)
