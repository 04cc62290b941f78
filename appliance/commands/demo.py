from __future__ import annotations

import os
from pathlib import Path

import click

from appliance.brief import DEMO_BRIEF, bench_cases
from appliance.config import load_config
from appliance.output import json_option, say
from appliance.requests import Wishes, make_request
from appliance.session import Delivery, run_and_report
from appliance.store import Store


@click.command()
@click.option("--case", default=DEMO_BRIEF, show_default=True, help="Which of the shipped WebGen-Bench sites.")
@click.option("--steps", type=click.IntRange(1, 200), help="The most steps that may be made.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Same seed, same site.")
@click.option("--out", type=click.Path(path_type=Path), help="Export into this folder, which must be new or empty.")
@json_option
def command(case: str, steps: int | None, seed: int, out: Path | None, as_json: bool) -> int:
    """Make a website from a WebGen-Bench brief that is shipped."""
    cases = bench_cases()
    if case not in cases:
        raise click.BadParameter(f"there is no case {case!r}; there are {', '.join(sorted(cases))}")
    config, _ = load_config(os.environ)
    delivery = Delivery(out, as_json)
    delivery.check()
    request = make_request(config, cases[case].instruction, Wishes(steps=steps, seed=seed))
    say(f"WebGen-Bench {case}: {request.brief}\n")
    with Store(config.home) as store:
        return run_and_report(store, config, store.add_run(request), delivery)
