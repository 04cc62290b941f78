from __future__ import annotations

import logging
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from appliance.config import load_config
from appliance.errors import PartMissing, UsageError
from appliance.ledger import OVER, Ledger
from appliance.output import json_option, print_json, print_table, say, tell
from appliance.requests import shelf
from appliance.store import Store


@click.group()
def command() -> None:
    """Train a model on its own scores; see what it learned; promote an adapter or roll it back."""


@command.command()
@json_option
def status(as_json: bool) -> None:
    """Nights, adapters, and which one serves each model."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        ledger = Ledger(store)
        nights, adapters = ledger.nights(20), ledger.adapters()
        champions = {model: ledger.champion(model) for model in sorted({one.model for one in adapters})}
    if as_json:
        print_json(
            {
                "nights": [
                    {"id": one.id, "model": one.model, "state": one.state, "reason": one.reason} for one in nights
                ],
                "adapters": [
                    {"id": one.id, "model": one.model, "state": one.state, "reason": one.reason} for one in adapters
                ],
                "champions": champions,
            }
        )
        return
    if not nights and not adapters:
        tell("Nothing has been trained yet.")
        return
    print_table(
        ("night", "model", "began", "state", "why"),
        [(str(one.id), one.model, one.began_at[:16], one.state, one.reason) for one in nights],
    )
    print_table(
        ("adapter", "model", "made", "state", "why"),
        [(one.id, one.model, one.made_at[:16], one.state, one.reason) for one in adapters],
    )


@command.command()
@click.argument("adapter")
def promote(adapter: str) -> None:
    """Serve ADAPTER from the next site on, whatever the gate said."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        ledger = Ledger(store)
        row = ledger.adapter(adapter)
        ledger.promote(row.model, adapter, "promoted by hand")
    tell(f"{row.model} now writes with {adapter}; `appliance train rollback {row.model}` takes it back.")


@command.command()
@click.argument("model", required=False)
def rollback(model: str | None) -> None:
    """Serve the adapter before the present one, or the model as it came."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        ledger = Ledger(store)
        chosen = model or _only(ledger)
        parent = ledger.roll_back(chosen, "rolled back by hand")
    tell(f"{chosen} now writes {f'with {parent}' if parent else 'as it came'}.")


def _trainer(module: str = "training.run") -> Any:
    """torch takes seconds to import and is no part of a plain installation. Raises PartMissing without it."""
    # It warns of a kernel that could be fetched from a hub; nothing here fetches anything, and nothing here needs it.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        return import_module(module)
    except ImportError as error:
        raise PartMissing(
            f"Training needs packages that are not installed ({error.name}); run `python3 -m setup train`."
        ) from error


def _only(ledger: Ledger) -> str:
    """The one model that has a champion."""
    served = sorted({one.model for one in ledger.adapters() if ledger.champion(one.model)})
    if len(served) != 1:
        raise UsageError(f"Name the model; with an adapter serve: {', '.join(served) or 'none'}.")
    return served[0]


@command.command()
@click.option("--model", help="An installed model.  [default: the one that writes]")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    help="Which briefs, which chance.  [default: the number of the night]",
)
@click.option("--until", "ends", help="Stop at this time of the clock, such as 06:00; it goes on next time.")
def night(model: str | None, seed: int | None, ends: str | None) -> int:
    """Make sites, learn from their scores, and serve what was learned if it wins on other briefs.

    A night that was stopped or killed goes on where it stood.
    """
    return _work(model, seed, ends)


@command.command("warm-start")
@click.option("--model", help="An installed model.  [default: the one that writes]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Which held-out briefs.")
@click.option("--until", "ends", help="Stop at this time of the clock; `appliance train night` goes on.")
def warm_start(model: str | None, seed: int | None, ends: str | None) -> int:
    """Imitate the best sites that earlier nights made and what was imported, without making new ones; then the gate."""
    return _work(model, seed, ends, "warm-start")


@command.command()
@click.argument("adapter")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Which held-out briefs.")
@click.option("--until", "ends", help="Stop at this time of the clock; `appliance train night` goes on.")
def gate(adapter: str, seed: int | None, ends: str | None) -> int:
    """Compare ADAPTER with what serves on held-out briefs, and serve it if it wins."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        model = Ledger(store).adapter(adapter).model
    return _work(model, seed, ends, "gate", adapter)


def _work(model: str | None, seed: int | None, ends: str | None, kind: str = "night", adapter: str = "") -> int:
    run_night = _trainer().run_night
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        ended = run_night(config, store, model or config.generate.model, seed, ends, say, kind, adapter)
    tell(
        f"night {ended.id} is {ended.state}: {ended.reason}"
        if ended.state in OVER
        else f"night {ended.id} stopped in {ended.state}; `appliance train night` goes on"
    )
    return {"done": 0, "failed": 1}.get(ended.state, 130)


@command.command()
@click.option("--model", help="An installed model.  [default: the one that writes]")
@json_option
def plan(model: str | None, as_json: bool) -> None:
    """What training the model would hold in memory, for cards of 8, 12, 16 and 24 GB and for this machine."""
    training_plans = _trainer().training_plans
    config, _ = load_config(os.environ)
    rows = training_plans(config, model or config.generate.model)
    if as_json:
        print_json(
            [
                {
                    "machine": row.machine,
                    "tokens": row.tokens,
                    "kind": row.plan.kind,
                    "needed": row.plan.needed,
                    "available": row.plan.available,
                    "fits": row.plan.fits,
                }
                for row in rows
            ]
        )
        return
    print_table(("machine", "tokens", "plan"), [(row.machine, str(row.tokens), row.plan.sentence()) for row in rows])


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--model", help="An installed model.  [default: the one that writes]")
def import_(file: Path, model: str | None) -> None:
    """Let the next nights imitate a bigger model: FILE has a JSON object with `messages` on each line."""
    teach = _trainer("training.teacher").import_teacher
    config, _ = load_config(os.environ)
    name = model or config.generate.model
    taught = teach(config.home, shelf(config).get(name), file)
    said = f"{taught.conversations} conversations with {taught.answers} answers, {taught.tokens} tokens"
    tell(f"{said}: {f'the next nights of {name} imitate them' if taught.new else 'they were imported before'}.")
