from __future__ import annotations

import os
from dataclasses import asdict

import click

from appliance.assembly import podman_settings
from appliance.config import load_config
from appliance.doctor import examine
from appliance.output import json_option, print_json
from appliance.requests import shelf

_MARK = {"ok": "ok", "missing": "MISSING", "warning": "warning"}
_COLOUR = {"ok": "green", "missing": "red", "warning": "red"}


@click.command()
@json_option
def command(as_json: bool) -> int:
    """Say what this machine has and what is missing. Exit code 3 if something is missing."""
    config, _ = load_config(os.environ)
    checks = examine(config, shelf(config), podman_settings(config))
    if as_json:
        print_json([asdict(check) for check in checks])
    for check in [] if as_json else checks:
        click.echo(f"{click.style(_MARK[check.state].rjust(8), fg=_COLOUR[check.state])}  {check.name}: {check.said}")
        if check.remedy:
            click.echo(f"{'':10}{check.remedy}")
    return 3 if any(check.state == "missing" for check in checks) else 0
