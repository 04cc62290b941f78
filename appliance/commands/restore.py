from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from appliance.backup import KEPT, check_backup, restore_backup
from appliance.config import load_config
from appliance.errors import UsageError
from appliance.output import json_option, print_json, tell
from appliance.requests import shelf


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--check", is_flag=True, help="Only read the backup whole; change nothing.")
@click.option("--replace", is_flag=True, help="Replace what the data folder holds; it is kept as a backup.")
@json_option
def command(file: Path, check: bool, replace: bool, as_json: bool) -> None:
    """Bring back what `appliance backup` wrote into FILE, or from stdin for -."""
    config, _ = load_config(os.environ)
    try:
        source = nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    here = {model.name: model.weights.sha256 for model in shelf(config).list()}
    with source as stream:
        if check:
            manifest = check_backup(stream, file.name)
        else:
            manifest = restore_backup(config.home, here, stream, file.name, replaces=replace)
    missing = sorted(name for name, weights in manifest.models.items() if here.get(name) != weights)
    if as_json:
        print_json({"runs": manifest.runs, "made_at": manifest.made_at, "models_missing": missing, "checked": check})
        return
    tell(f"{manifest.runs} sites of {manifest.made_at}: {'whole' if check else 'restored'}.")
    if replace and not check:
        tell(f"What was there before lies in {config.home / KEPT}.")
    if missing:
        tell(f"Its models are not here: {', '.join(missing)}; `appliance models import` or `pull` brings them.")
