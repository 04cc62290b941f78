from __future__ import annotations

import os
from pathlib import Path

import click

from appliance.assembly import podman_settings
from appliance.config import load_config
from appliance.output import json_option, print_json, print_table, say
from sandbox.container import Stack
from sandbox.image import build_image, image_name, load_image, save_image
from sandbox.probes import run_probes

_stack_option = click.option(
    "--stack",
    type=click.Choice(["static", "vite-react"]),
    default="static",
    show_default=True,
    help="Which kind of site the image is for.",
)


@click.group()
def command() -> None:
    """Build, save and load the sandbox images; check the walls."""


@command.command()
@_stack_option
@click.option(
    "--base", default="", help="An image that is on this machine to build on, such as an official node image."
)
@json_option
def build(stack: str, base: str, as_json: bool) -> None:
    """Build a stack's image from this machine's own files; does nothing when it is there."""
    config, _ = load_config(os.environ)
    chosen: Stack = "vite-react" if stack == "vite-react" else "static"
    image = build_image(chosen, podman_settings(config), lambda text: say(f"  {text}"), base=base)
    if as_json:
        print_json({"stack": stack, "image": image.name, "seconds": image.seconds, "was_there": image.was_there})
    else:
        print(f"{stack}: {image.name} {'was there' if image.was_there else f'built in {image.seconds:.0f} s'}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_stack_option
def save(file: Path, stack: str) -> None:
    """Write a stack's image into FILE, for a machine without a network."""
    config, _ = load_config(os.environ)
    save_image(image_name("vite-react" if stack == "vite-react" else "static"), file, podman_settings(config))


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def load(file: Path) -> None:
    """Take the images out of FILE, which `save` wrote."""
    config, _ = load_config(os.environ)
    for name in load_image(file, podman_settings(config)):
        print(name)


@command.command()
@json_option
def check(as_json: bool) -> int:
    """Try to break out of a real sandbox in named ways; exit code 1 if any of them succeeds."""
    config, _ = load_config(os.environ)
    results = []
    for result in run_probes(podman_settings(config)):
        results.append(result)
        if as_json:
            print_json({"name": result.name, "blocked": result.blocked, "how": result.how})
    if not as_json:
        print_table(
            ("probe", "", "how"),
            [(result.name, "blocked" if result.blocked else "NOT BLOCKED", result.how) for result in results],
        )
        print(f"{sum(result.blocked for result in results)} of {len(results)} blocked")
    return 0 if all(result.blocked for result in results) else 1
