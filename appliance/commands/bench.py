from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from appliance.assembly import RealRooms, RealWorkshop
from appliance.bench.case_judges import CheckedCases, ClickedCases
from appliance.bench.checks import Checks, checks_digest, load_checks
from appliance.bench.lift import readable
from appliance.bench.made_by import code_digest
from appliance.bench.measure import CaseJudge, make_site, measure_site
from appliance.bench.modes import LIFT, read_modes
from appliance.bench.page import report_page
from appliance.bench.results import Results, Setting, SiteLine, merge, plan
from appliance.bench.summary import against_other, readable_summary, summary
from appliance.bench.webgen_bench import BenchSite, Suite, read_suite
from appliance.commands.bench_judges import judges
from appliance.commands.bench_parts import Asked, Stopped, StoredMaker, model_settings, results_folder
from appliance.config import Config, load_config
from appliance.decide import FIXED
from appliance.errors import UsageError
from appliance.output import json_option, print_json, print_table, say, tell
from appliance.requests import shelf
from appliance.roles import judging_model
from appliance.store import Store
from appliance.worker import stop_on_signals, worker_lease
from models.llama import LlamaChild

CHECKED, WEBGEN_BENCH = "checked", "webgen-bench"
BY_CHECKS = "checks"
_DEFAULT_MODES = {CHECKED: "lift", WEBGEN_BENCH: "one-shot,loop"}


@click.group()
def command() -> None:
    """Measure the loop and the judges on this machine."""


command.add_command(judges)


@dataclass(frozen=True, slots=True)
class _Measurement:
    config: Config
    results: Results
    asked: Asked
    setting: Setting
    sites: dict[str, BenchSite]
    checks: Checks


@command.command("run")
@click.option(
    "--suite",
    type=click.Choice([CHECKED, WEBGEN_BENCH]),
    help="[default: checked] Sites with executable checks, or all of a data file.",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help="WebGen-Bench's test.jsonl; without it the shipped sites."
)
@click.option("--sites", help="Only these sites, by id, with commas between.")
@click.option("--mode", help="lift, one-shot, drafts, loop, faithful, ablation or its rows, with commas between.")
@click.option("--model", help="The model that writes, by its installed name.")
@click.option("--profile", help="How the model is used; by default as the catalog says.")
@click.option("--steps", type=click.IntRange(1, 200), help="The most steps of a run; by default the profile's.")
@click.option("--judge", help="Who decides the cases: checks, or the installed name of a model that clicks.")
@click.option("--seeds", type=click.IntRange(1, 20), default=1, show_default=True, help="Runs of each site and mode.")
@click.option("--shard", help="i/n: only each n-th site from the i-th on; `bench merge` puts shards together.")
@click.option("--at-once", type=click.IntRange(1, 64), help="Runs in hand at a time.  [default: engine.at_once]")
@click.option("--resume", is_flag=True, help="Go on in --out with the settings that were begun with.")
@click.option("--checks", "folder", type=click.Path(path_type=Path), help="Checks of your own instead of the shipped.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results; an interrupted run goes on there.")
@json_option
def run(
    suite: str | None,
    data: Path | None,
    sites: str | None,
    mode: str | None,
    model: str | None,
    profile: str | None,
    steps: int | None,
    judge: str | None,
    seeds: int,
    shard: str | None,
    at_once: int | None,
    resume: bool,
    folder: Path | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Make sites of benchmark briefs in several ways, and judge every test case of each."""
    config, _ = load_config(os.environ)
    results = Results(results_folder(config, out, suite or CHECKED))
    begun = results.setting()
    if resume and begun is None:
        raise UsageError(f"{results.folder} holds no measurement to go on with; leave out --resume to begin one.")
    if resume and begun is not None:
        suite, mode, judge = suite or begun.suite, mode or ",".join(begun.modes), judge or begun.judge
        at_once, again = at_once or begun.at_once, Asked.again(begun)
        model, profile, steps = model or again.model, profile or again.profile, steps or again.steps
    if at_once:
        config = replace(config, engine=replace(config.engine, at_once=at_once))
    asked = Asked(model or "", profile or "", steps)
    measurement = _measurement(config, results, asked, suite or CHECKED, mode, judge, data, sites, folder)
    which = _shard(shard)
    results.begin(measurement.setting)
    todo = plan(measurement.sites, range(1, seeds + 1), results.done(), which)
    with Store(config.home) as store, stop_on_signals() as stop, worker_lease(store, RealWorkshop(config), _quiet):
        try:
            _work(measurement, todo, stop)
        except Stopped:
            say(f"stopped; the same command goes on in {results.folder}")
            return 130
    return _print(results, as_json)


def _quiet(kind: str, data: Mapping[str, Any]) -> None:
    """Steps of runs are told in the store; here one line a site is enough."""


def _measurement(
    config: Config,
    results: Results,
    asked: Asked,
    suite: str,
    mode: str | None,
    judge: str | None,
    data: Path | None,
    sites: str | None,
    folder: Path | None,
) -> _Measurement:
    """Everything that can be wrong is found here, before a minute is spent."""
    checks, given = load_checks(folder), read_suite(data)
    modes = read_modes(mode or _DEFAULT_MODES[suite])
    chosen = _chosen(given, checks if suite == CHECKED else given.sites, sites)
    request = asked.request(config, modes)
    by = judge or BY_CHECKS
    held_out = True
    if by == BY_CHECKS:
        _require_checks(config, chosen, checks)
    else:
        name = by.removeprefix("gui:")
        model_settings(config, name)
        by = f"gui:{name}"
        held_out = name not in _heard(config, request.model, request.base_url)
        if not held_out:
            say(f"! {name} also writes or judges in the loop, so its verdicts are not held out")
    setting = Setting(
        suite=suite,
        data=given.digest,
        judge=by,
        held_out=held_out,
        modes=modes,
        model=request.model,
        profile=request.profile,
        steps=request.steps,
        drafts=request.drafts,
        token_budget=request.token_budget,
        code=code_digest(),
        checks=_checks_digest(folder) if by == BY_CHECKS else "",
        at_once=config.engine.at_once,
        asked_profile=asked.profile,
        asked_steps=asked.steps,
    )
    return _Measurement(config, results, asked, setting, chosen, checks)


def _heard(config: Config, coder: str, base_url: str) -> set[str]:
    """Models whose word counts inside the loop."""
    if base_url:
        return {coder}
    models = shelf(config)
    return {coder, judging_model(models, config.judge, models.get(coder)).name}


def _chosen(
    suite: Suite, among: Sequence[str] | Checks | dict[str, BenchSite], sites: str | None
) -> dict[str, BenchSite]:
    named = [name.strip() for name in sites.split(",")] if sites else [name for name in among if name in suite.sites]
    if unknown := sorted(set(named) - set(among)):
        raise UsageError(f"There is no site {', '.join(unknown)}; there are {', '.join(sorted(among))}.")
    if unknown := sorted(set(named) - set(suite.sites)):
        raise UsageError(f"The data file has no brief for {', '.join(unknown)}; checks need one.")
    return {name: suite.sites[name] for name in named}


def _require_checks(config: Config, chosen: dict[str, BenchSite], checks: Checks) -> None:
    missing = sorted(
        name for name, site in chosen.items() if name not in checks or len(checks[name].case) != len(site.ui_instruct)
    )
    if missing:
        installed = ", ".join(model.name for model in shelf(config).list()) or "none"
        raise UsageError(
            f"{len(missing)} of {len(chosen)} sites have no executable checks ({', '.join(missing[:5])} …): name a"
            f" model that clicks through their cases with --judge, best one that does not write (installed:"
            f" {installed}), or choose sites that have checks with --sites."
        )


def _checks_digest(folder: Path | None) -> str:
    return hashlib.sha256(json.dumps(dict(checks_digest(folder)), sort_keys=True).encode()).hexdigest()


def _shard(text: str | None) -> tuple[int, int]:
    if not text:
        return (1, 1)
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard {text} is no shard; the first of three is 1/3.")
    return int(found[1]), int(found[2])


def _work(measurement: _Measurement, todo: Sequence[tuple[str, int]], stop: threading.Event) -> None:
    """A model that judges is loaded once, when all sites are made: both may not fit beside each other. Raises Stopped
    when the user stopped it, with what is finished kept."""
    modes, results, config = measurement.setting.modes, measurement.results, measurement.config
    workshop = RealWorkshop(config)
    writes = threading.Lock()

    def each(do: Callable[[BenchSite, int, StoredMaker], None]) -> None:
        """Several at once, each with a connection of its own."""

        def one(key: tuple[str, int]) -> None:
            if stop.is_set():
                raise Stopped
            with Store(config.home) as store:
                do(measurement.sites[key[0]], key[1], StoredMaker(store, config, stop, workshop, measurement.asked))

        with ThreadPoolExecutor(config.engine.at_once) as pool:
            hands = [pool.submit(one, key) for key in todo]
            try:
                for hand in as_completed(hands):
                    hand.result()
            except BaseException:
                stop.set()
                raise

    def make(site: BenchSite, seed: int, maker: StoredMaker) -> None:
        make_site(site, seed, modes, maker, FIXED)
        say(f"made: site {site.id}, seed {seed}")

    def measure(site: BenchSite, seed: int, maker: StoredMaker) -> None:
        lines, cases = measure_site(site, seed, modes, maker, FIXED, judge, keep)
        with writes:
            results.add([replace(line, code=measurement.setting.code) for line in lines], cases)
        told = ", ".join(f"{line.mode} {100 * line.accuracy:.0f} %, {line.tokens} tokens" for line in lines)
        say(f"{len(results.done())} done: site {site.id}, seed {seed}: {told}")

    def keep(line: SiteLine, picture: bytes) -> None:
        if picture:
            path = results.picture(line)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(picture)

    if not todo:
        return
    say(f"{len(todo)} to do")
    if measurement.setting.judge != BY_CHECKS:
        each(make)
    with _judge(measurement) as judge:
        each(measure)


@contextmanager
def _judge(measurement: _Measurement) -> Iterator[CaseJudge]:
    rooms = RealRooms(measurement.config)
    if measurement.setting.judge == BY_CHECKS:
        yield CheckedCases(rooms, measurement.checks)
        return
    name = measurement.setting.judge.removeprefix("gui:")
    settings = model_settings(measurement.config, name)
    with LlamaChild(settings) as model:
        evidence = measurement.results.folder / "evidence"
        yield ClickedCases(rooms, model, name, sees=settings.projector is not None, evidence=evidence, tell=say)


@command.command("report")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--against", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Compare with this one.")
@click.option("--html", type=click.Path(path_type=Path), help="Also write one page with pictures, complete in itself.")
@click.option("--write", type=click.Path(path_type=Path), help="Also write FILE.json, FILE.jsonl and FILE.md.")
@json_option
def report(folder: Path, against: Path | None, html: Path | None, write: Path | None, as_json: bool) -> int:
    """The figures of a measurement, from its folder."""
    results = Results(folder)
    if write is not None:
        found = summary(results)
        lines = [json.dumps(asdict(line), ensure_ascii=False) for line in results.cases()]
        write.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        write.with_suffix(".jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        tell_of = readable if set(results.modes) >= set(LIFT) else readable_summary
        write.with_suffix(".md").write_text(tell_of(found, results.finished()), "utf-8")
    other = Results(against) if against else None
    if html is not None:
        html.write_text(report_page(results, other), "utf-8")
        say(f"{html} written")
    return _print(results, as_json, other)


@command.command("merge")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the whole.")
@json_option
def merge_command(folders: tuple[Path, ...], out: Path, as_json: bool) -> int:
    """Put shards of one measurement together. The same line counts once; other settings are refused."""
    target = Results(out)
    added = merge([Results(folder) for folder in folders], target)
    say(f"{added} sites added to {out}")
    return _print(target, as_json)


def _print(results: Results, as_json: bool, other: Results | None = None) -> int:
    found = summary(results)
    if other is not None:
        found["against"] = against_other(results, other)
    if as_json:
        print_json(found)
        return 0
    modes = found["modes"]
    names = [name for name, value in next(iter(modes.values())).items() if not isinstance(value, dict)]
    print_table(("figure", *modes), [(name, *(_shown(one[name]) for one in modes.values())) for name in names])
    for name, rows in (
        ("against one shot", found["against_one_shot"]),
        ("against the other", found.get("against", {})),
    ):
        if rows:
            print_table(
                (name, "accuracy", "95 %", "better", "same", "worse"), [_row(mode, row) for mode, row in rows.items()]
            )
    print_table(("points lost", "cases", "points", "example"), _lost(found["losses"]))
    tell(f"judge: {found['judge']}; appearance by {found['appearance_judges']}")
    return 0


def _row(mode: str, row: dict[str, Any]) -> tuple[str, ...]:
    low, high = row["accuracy_interval"]
    counts = (str(row[name]) for name in ("better", "same", "worse"))
    return (mode, f"{100 * row['accuracy']:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}", *counts)


def _lost(losses: dict[str, list[dict[str, Any]]]) -> list[tuple[str, ...]]:
    return [
        (f"{mode}: {row['why']}", str(row["cases"]), f"{100 * row['points']:.1f} %", row["example"])
        for mode, rows in losses.items()
        for row in rows
    ]


def _shown(value: object) -> str:
    if value is None:
        return "not measured"
    return " to ".join(map(str, value)) if isinstance(value, list) else str(value)
