from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict

import click

from appliance.assembly import RealRooms, podman_settings
from appliance.bench.judges import Figures, figures, judge_by_model, judge_pages, specimens
from appliance.commands.bench_parts import model_settings
from appliance.config import load_config
from appliance.output import json_option, print_json, print_table, say
from models.llama import LlamaChild
from sandbox.image import build_image


@click.command("judges")
@click.option("--model", "name", help="Also let this installed model judge, by the record alone. Takes minutes.")
@json_option
def judges(name: str | None, as_json: bool) -> int:
    """Try the judges on pages spoiled in known ways: the worse page must be graded worse, and praise win nothing."""
    config, _ = load_config(os.environ)
    began = time.monotonic()
    model = model_settings(config, name) if name else None
    build_image("static", podman_settings(config), say)
    pages = specimens()
    said, seen = judge_pages(RealRooms(config), pages, say)
    found = [
        figures("rules", "look", pages, said["rules"]),
        figures("explorer", "function", pages, said["explorer"]),
    ]
    if model is not None and name is not None:
        with LlamaChild(model) as child:
            found.append(figures(name, "function", pages, judge_by_model(child, pages, seen, say)))
    say(f"{len(pages)} pages in {time.monotonic() - began:.0f} s")
    if as_json:
        print_json({one.judge: asdict(one) for one in found})
    else:
        _print_judges(found)
    return 0


def _print_judges(found: Sequence[Figures]) -> None:
    rows = {one.judge: asdict(one) for one in found}
    names = [name for name in asdict(found[0]) if name not in ("judge", "missed")]
    print_table(("figure", *rows), [(name, *(str(row[name]) for row in rows.values())) for name in names])
    for one in found:
        for line in one.missed:
            say(f"{one.judge} missed {line}")
