from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import click

from appliance.assembly import RealWorkshop
from appliance.champion_watch import ChampionWatch
from appliance.config import ScaleSettings, load_config
from appliance.errors import PartMissing
from appliance.executor import LocalPool, RunExecutor
from appliance.fan_out import serve_fanned
from appliance.night_watch import NightWatch
from appliance.output import say
from appliance.store import Store
from appliance.worker import serve_queue, stop_on_signals


@click.command()
@click.option("--at-once", type=click.IntRange(1, 64), help="Runs in hand at a time.  [default: engine.at_once]")
def command(at_once: int | None) -> None:
    """Work on queued runs until stopped by Ctrl-C or SIGTERM; what is in hand goes back to the queue."""
    config, _ = load_config(os.environ)
    if at_once:
        config = replace(config, engine=replace(config.engine, at_once=at_once))
    with Store(config.home) as store, stop_on_signals() as stop, NightWatch(store, _tell) as watch:
        say(f"worker on {config.home}; stop it with Ctrl-C")
        champion = ChampionWatch(store, _tell)

        def between() -> None:
            champion()
            watch()

        if config.scale.executor == "here":
            serve_queue(store, RealWorkshop(config), stop, _tell, between, config.engine.at_once)
            return
        with _executor(config.scale) as executor:
            say(f"sites are made by {executor.name}, {executor.places()} at once")
            serve_fanned(store, executor, RealWorkshop(config), stop, _tell, between)


def _executor(scale: ScaleSettings) -> AbstractContextManager[RunExecutor]:
    """Raises PartMissing."""
    if scale.executor == "pool":
        return LocalPool(scale.places, retries=scale.retries)
    try:
        from appliance.ray_pool import RayPool  # an extra that most boxes do not have
    except ImportError as error:
        raise PartMissing(
            f"scale.executor is 'ray', but Ray cannot be loaded ({error}); install the extra `ray`, or set 'pool'."
        ) from error
    return RayPool(scale.ray_address, retries=scale.retries)


def _tell(kind: str, data: Mapping[str, Any]) -> None:
    """Where several runs are in hand, each line names its own."""
    who = f"{data['run']}: " if "run" in data else ""
    match kind:
        case "run":
            say(f"run {data['run']}: {data['brief'][:80]}")
        case "step":
            say(f"  {who}step {data['n']}")
        case "ended":
            say(f"  {who}{data['status']}: {data['reason']}")
        case "warning":
            say(f"  {who}! {data['text']}")
        case "error":
            say(f"  {who}failed: {data['error']}")
        case _:
            pass
