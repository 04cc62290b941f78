from __future__ import annotations

import os

import click

from appliance.config import load_config
from appliance.errors import UsageError
from appliance.ledger import Ledger
from appliance.output import json_option, print_json, print_table
from appliance.store import Store


@click.group()
def command() -> None:
    """See what the box learned; promote an adapter or roll it back."""


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
        print("Nothing has been trained yet.")
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
    print(f"{row.model} now writes with {adapter}; `appliance train rollback {row.model}` takes it back.")


@command.command()
@click.argument("model", required=False)
def rollback(model: str | None) -> None:
    """Serve the adapter before the present one, or the model as it came."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        ledger = Ledger(store)
        chosen = model or _only(ledger)
        parent = ledger.roll_back(chosen, "rolled back by hand")
    print(f"{chosen} now writes {f'with {parent}' if parent else 'as it came'}.")


def _only(ledger: Ledger) -> str:
    """The one model that has a champion."""
    served = sorted({one.model for one in ledger.adapters() if ledger.champion(one.model)})
    if len(served) != 1:
        raise UsageError(f"Name the model; with an adapter serve: {', '.join(served) or 'none'}.")
    return served[0]
