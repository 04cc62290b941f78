from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from appliance.assembly import RealRooms, RealWorkshop, podman_settings
from appliance.bench.checks import Checks, CheckVerdict, SiteChecks, checks_digest, load_checks, run_checks
from appliance.bench.judges import Figures, figures, judge_by_model, judge_pages, specimens
from appliance.bench.lift import Made, Results, lift, measure_site, plan, readable
from appliance.bench.made_by import code_digest
from appliance.brief import bench_cases
from appliance.config import Config, load_config
from appliance.decide import FIXED
from appliance.errors import UsageError
from appliance.output import json_option, print_json, print_table, say
from appliance.requests import Wishes, make_request, shelf
from appliance.steps import Files, Step
from appliance.store import Store
from appliance.worker import execute, stop_on_signals, worker_lease
from models.llama import LlamaChild, LlamaSettings
from sandbox.image import build_image

READY_TIMEOUT_S = 20.0
JUDGE_CONTEXT_TOKENS = 8192


@click.group()
def command() -> None:
    """Measure the loop and the judges on this machine."""


class Stopped(Exception):
    """The user stopped the measurement; finished sites are kept."""


@dataclass(frozen=True, slots=True)
class StoredMaker:
    """Makes runs like any other, in the store that all runs lie in. A run that this very code was asked for in the same
    words is taken up where it stands instead of being made twice."""

    store: Store
    config: Config
    stop: threading.Event

    def loop(self, brief: str, seed: int) -> Made:
        return self._made(brief, Wishes(seed=seed))

    def drafts(self, brief: str, seed: int, count: int) -> Made:
        """Sampling seeds are the run's seed times 1000 plus the step, so these are new ones."""
        return self._made(brief, Wishes(seed=seed + 5000, steps=count, drafts=count))

    def _made(self, brief: str, wishes: Wishes) -> Made:
        request = replace(make_request(self.config, brief, wishes), extras={"code": code_digest()})
        same = [run for run in self.store.runs() if run.request == request and run.origin_run is None]
        run = same[0] if same else self.store.add_run(request)
        if run.status != "done":
            execute(run, self.store, RealWorkshop(self.config), self.stop, lambda *_: None, on_stop="stopped")
            if self.stop.is_set():
                raise Stopped
        return Made(run.id, tuple(self.store.steps(run.id)), self._files, self._seconds(run.id))

    def _seconds(self, run_id: str) -> float:
        """From the start of the work to its end; of a run that was interrupted, only what came after."""
        at = [
            (event.data["status"], datetime.fromisoformat(event.at))
            for event in self.store.events(run_id, limit=100_000)
            if event.kind == "status"
        ]
        starts = [moment for status, moment in at if status == "running"]
        return (at[-1][1] - starts[-1]).total_seconds() if starts else 0.0

    def _files(self, step: Step) -> Files:
        return self.store.files(step.built or step.snapshot)


@dataclass(frozen=True, slots=True)
class SandboxedChecks:
    """Runs a site's checks on its files in a sandbox of their own."""

    config: Config

    def __call__(self, files: Files, site: SiteChecks) -> Sequence[CheckVerdict]:
        rooms = RealRooms(self.config)
        with ExitStack() as stack:
            container = stack.enter_context(rooms.container("static"))
            preview = stack.enter_context(rooms.preview(container))
            container.replace(files)
            preview.wait_ready(READY_TIMEOUT_S)
            return run_checks(stack.enter_context(rooms.browser(preview.url)), site)


@command.command("run")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results; an interrupted run goes on there.")
@click.option("--checks", "folder", type=click.Path(path_type=Path), help="Checks of your own instead of the shipped.")
@click.option("--seeds", type=click.IntRange(1, 20), default=1, show_default=True)
@click.option("--sites", help="Only these sites, by id, with commas between.")
@json_option
def run(out: Path | None, folder: Path | None, seeds: int, sites: str | None, as_json: bool) -> int:
    """Make sites of shipped briefs in one shot, as drafts alone and by the loop, and run the checks on each."""
    config, _ = load_config(os.environ)
    checks = _chosen(load_checks(folder), sites)
    results = Results(out or config.home / "bench" / "lift")
    briefs = {name: case.instruction for name, case in bench_cases().items()}
    workshop = RealWorkshop(config)
    with Store(config.home) as store, stop_on_signals() as stop, worker_lease(store, workshop, lambda *_: None):
        todo = plan(checks, range(1, seeds + 1), results.done())
        maker = StoredMaker(store, config, stop)
        for n, (site, seed) in enumerate(todo, 1):
            say(f"{n} of {len(todo)}: site {site}, seed {seed}")
            try:
                lines, cases = measure_site(checks[site], briefs[site], seed, maker, FIXED, SandboxedChecks(config))
                lines = [replace(line, code=code_digest()) for line in lines]
            except Stopped:
                say(f"stopped; the same command goes on in {results.folder}")
                return 130
            results.add(lines, cases)
            say("   " + ", ".join(f"{line.mode} {100 * line.accuracy:.0f} %, {line.tokens} tokens" for line in lines))
    return _print(results, config, as_json)


@command.command("report")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--write", type=click.Path(path_type=Path), help="Also write FILE.json, FILE.jsonl and FILE.md.")
@json_option
def report(folder: Path, write: Path | None, as_json: bool) -> int:
    """The figures of a measurement, from its folder."""
    config, _ = load_config(os.environ)
    results = Results(folder)
    if write is not None:
        figures = _figures(results, config)
        lines = [json.dumps(asdict(line), ensure_ascii=False) for line in results.cases()]
        write.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
        write.with_suffix(".jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        write.with_suffix(".md").write_text(readable(figures, results.sites()), "utf-8")
    return _print(results, config, as_json)


@command.command("judges")
@click.option("--model", "name", help="Also let this installed model judge, by the record alone. Takes minutes.")
@json_option
def judges(name: str | None, as_json: bool) -> int:
    """Try the judges on pages spoiled in known ways: the worse page must be graded worse, and praise win nothing."""
    config, _ = load_config(os.environ)
    began = time.monotonic()
    model = _model_settings(config, name) if name else None
    build_image("static", podman_settings(config), say)
    pages = specimens()
    said, seen = judge_pages(RealRooms(config), pages, say)
    found = [
        figures("rules", "look", pages, said["rules"]),
        figures("explorer", "function", pages, said["explorer"]),
    ]
    if model is not None and name is not None:
        with LlamaChild(model) as child:
            found.append(figures(name, "function", pages, judge_by_model(child, pages, seen, say)))
    say(f"{len(pages)} pages in {time.monotonic() - began:.0f} s")
    if as_json:
        print_json({one.judge: asdict(one) for one in found})
    else:
        _print_judges(found)
    return 0


def _model_settings(config: Config, name: str) -> LlamaSettings:
    """Asked before the minutes are spent on the pages, for the model may not be there."""
    installed = shelf(config).get(name)
    return LlamaSettings(
        path=installed.path,
        context_tokens=min(JUDGE_CONTEXT_TOKENS, installed.context_tokens),
        threads=config.engine.threads,
        gpu_layers=config.engine.gpu_layers,
    )


def _print_judges(found: Sequence[Figures]) -> None:
    rows = {one.judge: asdict(one) for one in found}
    names = [name for name in asdict(found[0]) if name not in ("judge", "missed")]
    print_table(("figure", *rows), [(name, *(str(row[name]) for row in rows.values())) for name in names])
    for one in found:
        for line in one.missed:
            say(f"{one.judge} missed {line}")


def _chosen(checks: Checks, sites: str | None) -> Checks:
    named = sites.split(",") if sites else list(checks)
    if unknown := sorted(set(named) - set(checks)):
        raise UsageError(f"There are no checks for {', '.join(unknown)}; there are {', '.join(sorted(checks))}.")
    if unknown := sorted(set(named) - set(bench_cases())):
        raise UsageError(f"There is no shipped brief for {', '.join(unknown)}; checks need one.")
    return {name: checks[name] for name in named}


def _figures(results: Results, config: Config) -> dict[str, Any]:
    request = make_request(config, "A page.", Wishes())
    facts: dict[str, Any] = {name: getattr(request, name) for name in ("model", "profile", "steps", "drafts")}
    facts["checks"] = hashlib.sha256(json.dumps(dict(checks_digest()), sort_keys=True).encode()).hexdigest()
    sites = [line for line in results.sites() if (line.site, line.seed) in results.done()]
    if not sites:
        raise UsageError(f"{results.folder} holds no finished site; `appliance bench run` measures.")
    return lift(sites, results.cases(), {**facts, "token_budget": request.token_budget})


def _print(results: Results, config: Config, as_json: bool) -> int:
    figures = _figures(results, config)
    if as_json:
        print_json(figures)
    else:
        print_table(("figure", "value"), [(name, _shown(value)) for name, value in figures.items()])
    return 0


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
