from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from appliance.backup import DATABASE, stream_backup, write_backup
from appliance.config import load_config
from appliance.output import gib, json_option, print_json, say, tell
from appliance.requests import shelf
from appliance.store import Store


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@json_option
def command(file: Path, as_json: bool) -> None:
    """Write sites, scores, adapters and settings into FILE, or to stdout for -; work in progress goes on.

    Weights of models are not in it; their names are.
    """
    config, _ = load_config(os.environ)
    models = {model.name: model.weights.sha256 for model in shelf(config).list()}
    with Store(config.home) as store:
        if str(file) == "-":
            manifest = stream_backup(store, models, sys.stdout.buffer)
        else:
            manifest = write_backup(store, models, file.absolute())
    size = sum(kept.size for kept in manifest.files.values())
    if str(file) == "-":
        say(f"{manifest.runs} sites, {gib(size)}; not read back: check it with `appliance restore --check FILE`")
    elif as_json:
        print_json(
            {"file": str(file), "runs": manifest.runs, "files": len(manifest.files), "bytes": size}
            | {"database": manifest.files[DATABASE].sha256, "models_not_in_it": sorted(models)}
        )
    else:
        tell(f"{file}: {manifest.runs} sites, {gib(size)}, read back and whole.")
        if models:
            tell(f"Not in it: the weights of {', '.join(sorted(models))}.")
