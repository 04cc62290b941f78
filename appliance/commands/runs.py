from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from appliance import requests
from appliance.account import export_stream
from appliance.config import Config, load_config
from appliance.export import Form, export_run
from appliance.output import json_option, print_json, print_table, score, tell
from appliance.requests import shown_status
from appliance.session import Delivery, print_steps, result, run_and_report
from appliance.store import Store

_out = click.option(
    "--out", type=click.Path(path_type=Path), help="Export into this folder, which must be new or empty."
)


@click.group()
def command() -> None:
    """List, show, resume, continue, fork, cancel, export, delete runs. RUN is an id, a beginning of one, or `last`."""


@contextmanager
def _opened() -> Iterator[tuple[Config, Store]]:
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        yield config, store


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """All runs, newest first."""
    with _opened() as (_, store):
        rows = [
            {"run": run.id, "status": shown_status(store, run), "best_step": run.delivered, "brief": run.request.brief}
            for run in store.runs()
        ]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("run", "status", "best", "brief"),
            [(str(r["run"]), str(r["status"]), str(r["best_step"] or "–"), str(r["brief"])[:80]) for r in rows],
        )
    else:
        tell('No runs yet; make one with: appliance generate "a page for a bakery"')


@command.command()
@click.argument("run_id", metavar="RUN")
@json_option
def show(run_id: str, as_json: bool) -> None:
    """One run with its steps and scores."""
    with _opened() as (_, store):
        run = store.run(run_id)
        if as_json:
            print_json(
                {**result(store, run, run.export), "status": shown_status(store, run), "brief": run.request.brief}
            )
            return
        tell(f"{run.request.brief}\n")
        print_steps(store, run)
        tell(f"\nrun {run.id}: {shown_status(store, run)} {run.stop_reason}")
        if run.export:
            tell(f"export: {run.export}")


@command.command()
@click.argument("run_id", metavar="RUN")
@click.option("--steps", type=click.IntRange(1, 200), help="A new limit of steps for the whole run.")
@_out
@json_option
def resume(run_id: str, steps: int | None, out: Path | None, as_json: bool) -> int:
    """Go on with a run that was stopped, failed or interrupted, from its last finished step."""
    delivery = Delivery(out, as_json)
    delivery.check()
    with _opened() as (config, store):
        run = store.run(run_id)
        return run_and_report(store, config, requests.resume(store, run, steps), delivery)


@command.command("continue")
@click.argument("run_id", metavar="RUN")
@click.argument("wish")
@click.option("--steps", type=click.IntRange(1, 200), help="The most steps that may be made.")
@_out
@json_option
def continue_(run_id: str, wish: str, steps: int | None, out: Path | None, as_json: bool) -> int:
    """Change a finished site: WISH is what should be different. The old run stays as it is."""
    delivery = Delivery(out, as_json)
    delivery.check()
    with _opened() as (config, store):
        run = store.run(run_id)
        forked = requests.fork(store, run, requests.require_best(store, run), wish, steps=steps)
        return run_and_report(store, config, forked, delivery)


@command.command()
@click.argument("run_id", metavar="RUN")
@click.option("--step", "n", type=int, required=True, help="The step to start from.")
@click.option("--instruction", default="", help="What should be different.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Another seed.")
@click.option("--steps", type=click.IntRange(1, 200), help="The most steps that may be made.")
@_out
@json_option
def fork(
    run_id: str, n: int, instruction: str, seed: int | None, steps: int | None, out: Path | None, as_json: bool
) -> int:
    """Start a new run from one step of another. The old run stays as it is."""
    delivery = Delivery(out, as_json)
    delivery.check()
    with _opened() as (config, store):
        run = store.run(run_id)
        start = requests.find_step(store, run, n)
        forked = requests.fork(store, run, start, instruction, steps=steps, seed=seed)
        return run_and_report(store, config, forked, delivery)


@command.command()
@click.argument("run_id", metavar="RUN")
def cancel(run_id: str) -> None:
    """Stop a run; what is finished is kept."""
    with _opened() as (_, store):
        tell(requests.cancel(store, store.run(run_id)))


@command.command()
@click.argument("run_id", metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder that is new or empty.")
@click.option("--zip", "form", flag_value="zip", help="As site.zip in that folder.")
@click.option("--git", "form", flag_value="git", help="As a git repository with one commit for each step.")
@json_option
def export(run_id: str, out: Path, form: str | None, as_json: bool) -> None:
    """Put the best step's site, its screenshots and a report into a folder."""
    stream = export_stream()
    chosen: Form = "zip" if form == "zip" else "git" if form == "git" else "folder"
    with _opened() as (_, store):
        run = store.run(run_id)
        exported = export_run(store, run, out.absolute(), chosen, stream)
    if as_json:
        print_json({"run": run.id, "export": str(out), "step": exported.step.n})
    else:
        look = score(exported.step.scores.appearance.score)
        tell(f"Step {exported.step.n} (appearance {look}) of run {run.id} is in {out}.")


@command.command()
@click.argument("run_id", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(run_id: str, yes: bool) -> None:
    """Remove a run and all its steps for good. Exports stay."""
    with _opened() as (_, store):
        run = store.run(run_id)
        store.require_idle(run.id)
        if not yes:
            click.confirm(f"Delete run {run.id} with {len(store.steps(run.id))} steps for good?", abort=True)
        store.delete_run(run.id)
        tell(f"Run {run.id} is deleted.")
