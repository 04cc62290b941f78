from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from appliance.assembly import RealWorkshop
from appliance.champion_watch import ChampionWatch
from appliance.config import load_config
from appliance.night_watch import NightWatch
from appliance.output import say
from appliance.store import Store
from appliance.worker import serve_queue, stop_on_signals


@click.command()
def command() -> None:
    """Work on queued runs until stopped by Ctrl-C or SIGTERM; the run in hand goes back to the queue."""
    config, _ = load_config(os.environ)
    with Store(config.home) as store, stop_on_signals() as stop, NightWatch(store, _tell) as watch:
        say(f"worker on {config.home}; stop it with Ctrl-C")
        champion = ChampionWatch(store, _tell)

        def between() -> None:
            champion()
            watch()

        serve_queue(store, RealWorkshop(config), stop, _tell, between)


def _tell(kind: str, data: Mapping[str, Any]) -> None:
    match kind:
        case "run":
            say(f"run {data['run']}: {data['brief'][:80]}")
        case "step":
            say(f"  step {data['n']}")
        case "ended":
            say(f"  {data['status']}: {data['reason']}")
        case "warning":
            say(f"  ! {data['text']}")
        case "error":
            say(f"  failed: {data['error']}")
        case _:
            pass
