"""The first page: a new site, the queue, the machine's state in words; and the list of all runs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance import requests
from appliance.brief import bench_cases
from appliance.checklist import checklist_from_file
from appliance.errors import ApplianceError, UsageError
from appliance.ledger import LEASE, Ledger
from appliance.likeness import MOST_BYTES, Likeness, read_likeness
from appliance.profiles import load_profiles
from appliance.requests import Wishes, check_tests, make_request, shown_status
from appliance.schedule import current_window
from appliance.steps import Checklist
from appliance.store import WORKER, Run, Store
from models.errors import ModelError
from sandbox.kit import kit_files
from web_ui.desk import desk, status_of
from web_ui.timeline import sparkline
from web_ui.words import COOKIE, languages

views = Blueprint("pages", __name__)
PER_PAGE = 50
_SHOWN_TEMPLATES = ("000071", "000066", "000009", "000080", "000005", "000021")
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Row:
    run: Run
    status: str
    looks: float | None
    works: float | None
    lines: tuple[str, str]
    """Points of both scores over all steps."""


@dataclass(frozen=True, slots=True)
class State:
    """What the machine does now. `worker`: the process that takes the queue and has the model, 0 where none lives."""

    worker: int
    running: Run | None
    stage: str
    queue: tuple[Run, ...]
    night_until: str
    """The end of the night that is being worked on, `06:00`, or `?` where it has none; empty where there is none."""


def rows(store: Store, runs: list[Run]) -> list[Row]:
    ids = [run.id for run in runs]
    scores, steps = store.best_scores(ids), store.score_lines(ids)
    return [
        Row(
            *(run, shown_status(store, run), *scores.get(run.id, (None, None))),
            lines=(
                sparkline([looks for looks, _ in steps.get(run.id, [])]),
                sparkline([works for _, works in steps.get(run.id, [])]),
            ),
        )
        for run in runs
    ]


def night_until(store: Store) -> str:
    ledger = Ledger(store)
    if store.lease_holder(LEASE) is None or ledger.open_night() is None:
        return ""
    schedule = ledger.schedule()
    window = current_window(schedule, datetime.now().astimezone()) if schedule else None
    return f"{window.ends:%H:%M}" if window else "?"


def state(store: Store) -> State:
    holder = store.lease_holder(WORKER)
    worker = holder.pid if holder else 0
    running = next(iter(store.runs(status="running", limit=1)), None) if worker else None
    stage = store.last_stage(running.id) if running else ""
    return State(
        worker,
        running,
        stage,
        tuple(reversed(store.runs(status="queued", limit=100, for_people=True))),
        night_until(store),
    )


@views.get("/")
def home() -> str:
    return _home({}, "")


def _home(form: dict[str, str], said: str) -> str:
    config = desk().config
    cases = bench_cases()
    with desk().pool.store() as store:
        return render_template(
            "home.html",
            form=form,
            said=said,
            state=state(store),
            recent=rows(store, store.runs(limit=6, for_people=True)),
            profiles=[name for name, one in load_profiles(config.profiles).items() if not one.for_nights],
            models=requests.shelf(config).names(),
            config=config,
            ideas=[cases[name] for name in _SHOWN_TEMPLATES if name in cases],
        )


@views.post("/runs")
def make() -> BaseResponse | tuple[str, int]:
    """Queue what the form asks for; a refused form comes back as it was filled in."""
    form = request.form
    try:
        wishes = Wishes(
            profile=form.get("profile") or None,
            model=form.get("model") or None,
            stack=_one_of(form.get("stack", ""), ("static", "vite-react")),
            steps=_number(form.get("steps", ""), 1, 200),
            drafts=_number(form.get("drafts", ""), 1, 16),
            seed=_number(form.get("seed", ""), 0, 2**31 - 1) or 1,
            faithful=bool(form.get("faithful")),
            likeness=_likeness(),
        )
        checklist = checklist_of(form.get("checklist", ""))
        check_tests(wishes, checklist)
        made = make_request(desk().config, form.get("brief", ""), wishes)
        with desk().pool.store() as store:
            run = store.add_run(made, checklist=checklist, picture=wishes.likeness.png if wishes.likeness else b"")
    except (ApplianceError, ModelError, ValueError) as error:
        return _home(form.to_dict(), str(error)), status_of(error)
    return redirect(url_for("runs.show", run_id=run.id), 303)


def _likeness() -> Likeness | None:
    """Raises UsageError."""
    given = request.files.get("image")
    if given is None or not given.filename:
        return None
    return read_likeness(given.stream.read(MOST_BYTES + 1), given.filename[:80])


def checklist_of(text: str) -> Checklist | None:
    """One test a line, `what a visitor does -> what must come of it`; or JSON, TOML as in a file. Raises UsageError."""
    text = text.strip()
    if not text:
        return None
    if text[0] in "[{":
        return checklist_from_file(text)
    entries = []
    for n, line in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        task, arrow, expected = re.sub("→|=>", "->", line).partition("->")
        if not (arrow and task.strip() and expected.strip()):
            raise UsageError(
                f"Test {n} of the checklist has no “->”; write: what a visitor does -> what must come of it."
            )
        entries.append({"task": task.strip(), "expected": expected.strip()})
    return checklist_from_file(json.dumps(entries))


def _one_of(text: str, choices: tuple[str, ...]) -> str | None:
    if text and text not in choices:
        raise ValueError(f"“{text[:40]}” is none of {', '.join(choices)}.")
    return text or None


def _number(text: str, least: int, most: int) -> int | None:
    """Raises ValueError."""
    if not text.strip():
        return None
    if not text.strip().isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"“{text[:20]}” is no number from {least} to {most}.")
    return int(text)


@views.get("/state")
def state_now() -> str:
    with desk().pool.store() as store:
        return render_template("_state.html", state=state(store))


@views.get("/runs")
def all_runs() -> str:
    page = max(1, request.args.get("page", 1, int))
    with desk().pool.store() as store:
        count = store.count_runs(for_people=True)
        found = rows(store, store.runs(limit=PER_PAGE, skip=(page - 1) * PER_PAGE, for_people=True))
        return render_template("runs.html", rows=found, page=page, pages=-(-count // PER_PAGE), count=count)


@views.post("/language")
def language() -> BaseResponse:
    wanted = request.form.get("language", "")
    if wanted not in languages():
        abort(400)
    back = request.form.get("back", "/")
    is_own = back.isprintable() and back.startswith("/") and not back.startswith(("//", "/\\"))
    response = redirect(back if is_own else "/", 303)
    response.set_cookie(COOKIE, wanted, max_age=_YEAR_S, samesite="Strict", httponly=True)
    return response


@views.get("/font.woff2")
def font() -> Response:
    """The kit's own typeface: shipped once, for the sites and for the interface."""
    response = make_response(kit_files()["fonts/inter-latin.woff2"])
    response.headers["Content-Type"] = "font/woff2"
    response.headers["Cache-Control"] = "public, max-age=604800"
    return response


@views.get("/help")
def help_() -> str:
    return render_template("help.html")
