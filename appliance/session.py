"""One run from the command line's side: let a worker do it or do it here, show it live, print the result."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from appliance.account import export_stream
from appliance.assembly import RealWorkshop
from appliance.config import Config
from appliance.errors import ExportRefused, NothingToExport, RunBusy
from appliance.export import export_run, summary
from appliance.live import Live
from appliance.output import print_json, print_table, say, score, tell
from appliance.store import WORKER, Run, Store
from appliance.visible import visible
from appliance.worker import Outcome, Workshop, execute, stop_on_signals, worker_lease

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where the result goes: a folder the user named, and how it is told."""

    out: Path | None
    as_json: bool

    def check(self) -> None:
        """Refuse a taken folder before minutes are spent."""
        if self.out and self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise ExportRefused(f"{self.out} already exists and is not empty; name a new folder with --out.")


def run_and_report(store: Store, config: Config, run: Run, delivery: Delivery, workshop: Workshop | None = None) -> int:
    """Take a queued run to its end and print what came of it. Returns the exit code."""
    stream = export_stream() if delivery.out else None
    workshop = workshop or RealWorkshop(config)
    with Live(store, run.id) as live:
        outcome = _follow(store, run, live) if store.lease_holder(WORKER) else _here(store, run, workshop, live)
    exported = _deliver(store, run.id, delivery, stream)
    _print(store, store.run(run.id), outcome, exported, delivery)
    return outcome.exit_code


def _here(store: Store, run: Run, workshop: Workshop, live: Live) -> Outcome:
    """Be the worker until this run is over."""
    try:
        with stop_on_signals() as stop, worker_lease(store, workshop, live):
            for orphan in store.runs(status="running"):
                store.set_status(orphan.id, "stopped", f"interrupted; `appliance runs resume {orphan.id}` goes on")
            return execute(run, store, workshop, stop, live, on_stop="stopped")
    except RunBusy:  # another one became the worker in between
        return _follow(store, run, live)


def _follow(store: Store, run: Run, live: Live) -> Outcome:
    """Watch another process do it. Ctrl-C cancels the run there."""
    say("  a worker is running and takes this run")
    seen = 0
    with stop_on_signals() as stop:
        while True:
            if stop.is_set() and not store.cancel_requested(run.id):
                store.cancel(run.id)
            for event in store.events(run.id, after=seen):
                seen = event.id
                live(event.kind, event.data)
            now = store.run(run.id)
            if now.status in ("done", "stopped", "failed"):
                code = {"done": 0, "stopped": 130}.get(now.status, 1)
                return Outcome(now.status, now.stop_reason, code)
            time.sleep(_POLL_S)


def _deliver(store: Store, run_id: str, delivery: Delivery, stream: BinaryIO | None) -> str:
    """The export the user asked for, or the one in the data folder."""
    run = store.run(run_id)
    if delivery.out is None:
        return run.export
    with suppress(NothingToExport):  # the outcome says so already
        export_run(store, run, delivery.out.absolute(), "folder", stream)
        return str(delivery.out)
    return ""


def result(store: Store, run: Run, exported: str) -> dict[str, Any]:
    """What `--json` prints at the end; the keys are relied on by other people's scripts."""
    steps = store.steps(run.id)
    best = next((step for step in steps if step.n == run.delivered), None)
    return {
        "run": run.id,
        "status": run.status,
        "stop_reason": run.stop_reason,
        "best_step": run.delivered,
        "scores": {
            "appearance": best.scores.appearance.score if best else None,
            "functionality": best.scores.functionality.score if best else None,
        },
        "judges": {
            "appearance": best.scores.appearance.judge if best else None,
            "functionality": best.scores.functionality.judge if best else None,
        },
        "engine": run.engine,
        "warnings": warnings(store, run),
        "steps": [summary(step) for step in steps],
        "export": exported or None,
    }


def warnings(store: Store, run: Run) -> list[str]:
    """Missing walls, an unused GPU: each once."""
    told = (event.data["text"] for event in store.events(run.id) if event.kind == "warning")
    return list(dict.fromkeys(told))


def _print(store: Store, run: Run, outcome: Outcome, exported: str, delivery: Delivery) -> None:
    if delivery.as_json:
        print_json(result(store, run, exported))
        return
    print_steps(store, run)
    say("")
    for text in warnings(store, run):
        click.secho(visible(f"warning: {text}"), fg="red")
    tell(f"run {run.id}: {outcome.status} ({outcome.reason}), engine {run.engine or 'none'}")
    if outcome.status in ("stopped", "failed"):
        tell(f"to go on:     appliance runs resume {run.id}")
    if exported:
        tell(f"best step:    {run.delivered}")
        tell(f"site:         {exported}/site")
        tell(f"screenshots:  {exported}/screenshots")
        tell(f"open it:      point a browser at {exported}/site/index.html")
        tell("or see how it came about, and change it: appliance serve")


def print_steps(store: Store, run: Run) -> None:
    rows = []
    for step in store.steps(run.id):
        row = summary(step)
        mark = "best" if step.n == run.delivered else "rejected" if step.verdict == "rejected" else ""
        told = row["error"] or row["reason"]
        rows.append(
            (
                *(
                    str(step.n),
                    _short(row["aim"] or row["kind"]),
                    score(row["appearance"]),
                    score(row["functionality"]),
                ),
                *(f"{row['seconds']:.0f}", str(row["completion_tokens"]), mark, _short(told, 100)),
            )
        )
    print_table(("step", "what", "appearance", "function", "seconds", "tokens", "", "why"), rows, right=(0, 2, 3, 4, 5))
    scores = [step.scores for step in store.steps(run.id)]
    if scores:
        looks = sorted({one.appearance.judge for one in scores})
        functions = sorted({one.functionality.judge for one in scores} - {"none"}) or ["nobody"]
        tell(f"appearance graded by {', '.join(looks)}, function by {', '.join(functions)} (0–5; – means not judged)")


def _short(text: str, chars: int = 34) -> str:
    return text if len(text) <= chars else f"{text[: chars - 1].rstrip()}…"
