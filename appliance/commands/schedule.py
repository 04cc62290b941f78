from __future__ import annotations

import os
import sys
from datetime import datetime

import click

from appliance.config import load_config
from appliance.errors import UsageError
from appliance.ledger import Ledger
from appliance.output import json_option, print_json
from appliance.schedule import Schedule, current_window, next_window, systemd_units
from appliance.store import WORKER, Store


@click.group()
def command() -> None:
    """Say when the box may train."""


@command.command("set")
@click.option("--window", required=True, help="From when to when by the machine's clock, such as 23:00-06:00.")
@click.option("--days", default="daily", help="daily, weekdays, weekends, or days such as mon,wed.  [default: daily]")
def set_(window: str, days: str) -> None:
    """Keep a window of the night; it holds from now on."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        schedule = Ledger(store).set_schedule(window, days)
    print(_told(schedule))


@command.command()
@json_option
def show(as_json: bool) -> None:
    """The window that is kept, and when it comes next."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        schedule = Ledger(store).schedule()
        is_kept = store.lease_holder(WORKER) is not None
    if as_json:
        print_json({"schedule": str(schedule) if schedule else None, "worker": is_kept})
    elif schedule is None:
        print("No window is set; set one with `appliance schedule set --window 23:00-06:00`.")
    else:
        print(_told(schedule))
        if not is_kept:
            click.secho("No worker is running to keep it: start `appliance serve` or `appliance worker`.", fg="red")


@command.command()
def units() -> None:
    """Print a systemd service and timer that keep the window instead of the worker."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        schedule = Ledger(store).schedule()
    if schedule is None:
        raise UsageError("No window is set; set one with `appliance schedule set --window 23:00-06:00`.")
    for name, text in systemd_units(schedule, f"{sys.executable} -m appliance").items():
        print(f"# ~/.config/systemd/user/{name}\n{text}")


@command.command()
def clear() -> None:
    """Forget the window; a night that has begun ends at its own end."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store:
        Ledger(store).clear_schedule()
    print("The box does not train by itself.")


def _told(schedule: Schedule) -> str:
    now = datetime.now().astimezone()
    if window := current_window(schedule, now):
        return f"{schedule}: open now, until {window.ends:%H:%M}"
    return f"{schedule}: next from {next_window(schedule, now).begins:%a %H:%M}"
