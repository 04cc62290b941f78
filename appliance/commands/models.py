from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from msgspec import to_builtins
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from appliance.assembly import check_installed
from appliance.cards import ROLES, Card, Role, qualified
from appliance.config import load_config
from appliance.output import gib, json_option, print_json, print_table, say, tell
from appliance.requests import find_profile, shelf
from models.fetch import InstalledModel
from models.hardware import detect_hardware
from models.memory import plan as memory_plan


@click.group()
def command() -> None:
    """List, pull, import, verify, remove and check models; plan memory."""


_TOLD_EVERY = 5
"""Per cent, where a line is all there is."""


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Bytes done of bytes in all, on stderr: a bar on a terminal, elsewhere a line now and then."""
    console, told = Console(stderr=True), -1
    with Progress("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(what, visible=console.is_terminal)

        def update(done: int, total: int) -> None:
            nonlocal told
            bar.update(task, completed=done, total=total)
            part = 100 * done // total // _TOLD_EVERY * _TOLD_EVERY if total else 0
            if not console.is_terminal and part > told:
                told = part
                say(f"  {what}: {part} %, {gib(done)} of {gib(total)}")

        yield update


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Models of the catalog and what is installed."""
    config, _ = load_config(os.environ)
    own = shelf(config)
    installed = {model.name: model for model in own.list()}
    rows = [
        {
            "name": model.name,
            "role": model.role,
            "installed": model.name in installed,
            "pullable": model.is_pullable,
            "licence": model.licence,
            "profile": model.profile,
            "bytes": model.weights.size_bytes,
            "note": model.note,
        }
        for model in own.catalog
    ]
    known = {row["name"] for row in rows}
    rows += [
        {
            **{"name": model.name, "role": model.role, "installed": True, "pullable": False},
            **{
                "licence": model.licence,
                "profile": model.profile,
                "bytes": model.weights.size_bytes,
                "note": "imported",
            },
        }
        for name, model in installed.items()
        if name not in known
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("model", "role", "here", "get it by", "size", "profile", "licence"),
        [
            (
                *(str(row["name"]), str(row["role"]), "yes" if row["installed"] else ""),
                *("" if row["installed"] else "pull" if row["pullable"] else "import",),
                *(gib(float(str(row["bytes"]))) if row["bytes"] else "?", str(row["profile"]), str(row["licence"])),
            )
            for row in rows
        ],
        right=(4,),
    )


@command.command()
@click.argument("name")
@click.option("--from", "source", help="An address, or a folder such as a stick, instead of the catalog's source.")
def pull(name: str, source: str | None) -> None:
    """Fetch a model of the catalog and check its hash. Goes on where an interrupted pull stopped."""
    config, _ = load_config(os.environ)
    place = Path(source) if source and "://" not in source else source
    with _progress(name) as update:
        _told(shelf(config).pull(name, place, update), "is installed")


@command.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--projector", type=click.Path(path_type=Path), help="The vision projector that belongs to a GGUF.")
@click.option("--name", help="The name it gets here.")
def import_(path: Path, projector: Path | None, name: str | None) -> None:
    """Take a GGUF, a GGUF with its projector, or a safetensors folder (converted and quantized)."""
    config, _ = load_config(os.environ)
    with _progress(path.name) as update:
        _told(shelf(config).import_(path, projector, name, update), "is installed")


@command.command()
@click.argument("name", required=False)
@json_option
def verify(name: str | None, as_json: bool) -> None:
    """Read every byte of one model, or of all, and compare the hashes."""
    config, _ = load_config(os.environ)
    own = shelf(config)
    names = [name] if name else [model.name for model in own.list()]
    for each in names:
        with _progress(each) as update:
            model = own.verify(each, update)
        if not as_json:
            _told(model, "is intact")
    if as_json:
        print_json([{"name": each, "intact": True} for each in names])


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete an installed model."""
    config, _ = load_config(os.environ)
    shelf(config).remove(name)
    tell(f"{name} is removed.")


@command.command()
@click.argument("name", required=False)
@click.option("--vram", type=float, help="GPU memory in GiB; without it this machine's own, or its RAM.")
@json_option
def plan(name: str | None, vram: float | None, as_json: bool) -> None:
    """Say whether a model with its profile's context fits this machine, from the file's own metadata."""
    config, _ = load_config(os.environ)
    facts = detect_hardware()
    gpu_mib = max((gpu.total_mib or 0 for gpu in facts.gpus), default=0)
    memory_bytes = int(vram * 2**30) if vram else (gpu_mib or facts.ram_free_mib) * 2**20
    where = f"a GPU with {vram:g} GiB" if vram else "the GPU" if gpu_mib else "free RAM"
    rows = []
    for model in [shelf(config).get(name)] if name else shelf(config).list():
        context = min(find_profile(config, model.profile).context_tokens, model.context_tokens)
        found = memory_plan(
            *(model.path, context),
            memory_bytes=memory_bytes,
            projector=model.projector_path,
            on_gpu=bool(vram or gpu_mib),
        )
        rows.append((model, context, found))
    if as_json:
        print_json(
            [
                {
                    **{"name": model.name, "context_tokens": context, "fits": found.fits, "where": where},
                    **{"needed_bytes": found.needed_bytes, "available_bytes": found.available_bytes},
                    **{"layers": found.layers, "layers_that_fit": found.layers_that_fit},
                }
                for model, context, found in rows
            ]
        )
    for model, context, found in [] if as_json else rows:
        tell(f"{model.name}, {context} tokens of context, in {where}: {found.sentence()}")


@command.command()
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> None:
    """Measure what an installed model can do and keep the card that says which roles it is used for. Takes minutes."""
    config, _ = load_config(os.environ)
    card = check_installed(config, name, lambda what: say(f"  … {what}"))
    if as_json:
        print_json(to_builtins(card))
        return
    figures = card.figures
    tell(f"{card.model}, engine {card.engine}, {figures.seconds:.0f} s, {card.checked_at}")
    print_table(
        ("measured", "right", "of"),
        [
            ("answers in JSON", str(figures.json_answers), str(figures.json_asked)),
            ("pages whole", str(figures.pages), str(figures.pages_asked)),
            ("tests done on a page", str(figures.gui_tests), str(figures.gui_asked)),
            ("answers about a picture", str(figures.picture_answers), str(figures.pictures_asked)),
            ("judge cases", str(figures.judge_cases), str(figures.judge_asked)),
            ("  NO called YES", str(figures.judge_false_yes), "16"),
            ("  not judged", str(figures.judge_unjudged), str(figures.judge_asked)),
            ("tokens read in a second", f"{figures.prompt_tokens_s:.0f}", ""),
            ("tokens written in a second", f"{figures.generated_tokens_s:.1f}", ""),
        ],
        right=(1, 2),
    )
    tell("")
    print_table(("role", "", "why"), [_role_row(card, role) for role in ROLES])
    for what in card.left_out:
        say(f"not tried: {what}")


def _role_row(card: Card, role: Role) -> tuple[str, str, str]:
    held, sentence = qualified(card, role)
    return role, "yes" if held else "no", sentence


def _told(model: InstalledModel, what: str) -> None:
    tell(f"{model.name} {what}: {model.path}")
