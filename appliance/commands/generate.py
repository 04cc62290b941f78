from __future__ import annotations

import os
from pathlib import Path

import click

from appliance.brief import read_brief
from appliance.checklist import checklist_from_file, lines, told
from appliance.config import load_config
from appliance.likeness import likeness_from_file
from appliance.output import json_option, say
from appliance.requests import Wishes, check_tests, make_request
from appliance.session import Delivery, run_and_report
from appliance.store import Store


@click.command()
@click.argument("brief")
@click.option("--profile", help="How the model is used: small, strong, paper or one of your own.")
@click.option("--model", help="An installed model; see `appliance models list`.")
@click.option("--base-url", help="OpenAI-compatible endpoints, comma-separated, not the local engine.")
@click.option("--steps", type=click.IntRange(1, 200), help="The most steps that may be made.")
@click.option("--drafts", type=click.IntRange(1, 16), help="Drafts of the first step, decoded together.")
@click.option("--one-shot", is_flag=True, help="One completion, no improvement.")
@click.option("--faithful", is_flag=True, help="The paper's rules exactly, its faults included.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Same seed, same site.")
@click.option("--stack", type=click.Choice(["static", "vite-react"]), help="What kind of site is written.")
@click.option(
    "--checklist",
    type=click.Path(path_type=Path),
    help="Your own acceptance tests, JSON or TOML; WebGen-Bench's ui_instruct works as is.",
)
@click.option("--image", type=click.Path(path_type=Path), help="A picture of how it should look: PNG, JPEG or WebP.")
@click.option("--out", type=click.Path(path_type=Path), help="Export into this folder, which must be new or empty.")
@json_option
def command(
    brief: str,
    profile: str | None,
    model: str | None,
    base_url: str | None,
    steps: int | None,
    drafts: int | None,
    one_shot: bool,
    faithful: bool,
    seed: int,
    stack: str | None,
    checklist: Path | None,
    image: Path | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Make a website from BRIEF: a text, `-` for standard input, or @FILE."""
    text = read_brief(brief)
    config, _ = load_config(os.environ)
    likeness = likeness_from_file(image) if image else None
    wishes = Wishes(profile, model, stack, steps, drafts, seed, one_shot, faithful, base_url, likeness)
    delivery = Delivery(out, as_json)
    delivery.check()
    tests = checklist_from_file(checklist) if checklist else None
    check_tests(wishes, tests)
    request = make_request(config, text, wishes)
    for line in lines(told(tests)) if tests else ():
        say(f"  {line}")
    with Store(config.home) as store:
        run = store.add_run(request, checklist=tests, picture=likeness.png if likeness else b"")
        return run_and_report(store, config, run, delivery)
