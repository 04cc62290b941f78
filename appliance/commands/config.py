from __future__ import annotations

import os

import click

from appliance.config import load_config
from appliance.output import json_option, print_json, print_table


@click.group()
def command() -> None:
    """Show every setting and where it comes from."""


@command.command()
@json_option
def show(as_json: bool) -> None:
    """Print each setting, its value, and who set it: default, the file, or a variable."""
    _, origins = load_config(os.environ)
    if as_json:
        print_json([{"key": origin.key, "value": origin.value, "origin": origin.origin} for origin in origins])
    else:
        print_table(
            ("setting", "value", "from"), [(origin.key, str(origin.value), origin.origin) for origin in origins]
        )
