from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

import appliance
from appliance.bundle import install_from, verify_bundle
from appliance.errors import PartMissing
from appliance.output import json_option, print_json


@click.group()
def command() -> None:
    """Everything for a machine without a network: create, verify, install."""


@command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--with", "extras", metavar="EXTRAS", default="", help="Extras to put in: vision, train, or both by comma."
)
@click.option("--model", "models", metavar="NAME", multiple=True, help="An installed model; may be given again.")
@click.option(
    "--stack", "stacks", type=click.Choice(["static", "vite-react"]), multiple=True, help="A sandbox image; likewise."
)
@click.option("--sign", type=click.Path(path_type=Path), help="Secret key of minisign or of ssh-keygen.")
@click.option("--size", is_flag=True, help="Say how large it gets and write nothing.")
@json_option
def create(
    folder: Path,
    extras: str,
    models: tuple[str, ...],
    stacks: tuple[str, ...],
    sign: Path | None,
    size: bool,
    as_json: bool,
) -> int:
    """Write this program, its packages, engine, models and images into a new FOLDER.

    Fetches what is not here yet. The size is told before it is written; the folder appears when all was read back.
    """
    tree = Path(appliance.__file__).resolve().parent.parent
    if not (tree / "setup" / "bundle_create.py").is_file():
        raise PartMissing("A bundle is made from a checkout of the appliance, and this one was installed without it.")
    words = [str(folder.absolute()), "--with", extras]
    words += [word for name in models for word in ("--model", name)] + [word for s in stacks for word in ("--stack", s)]
    words += ([] if sign is None else ["--sign", str(sign.absolute())]) + ["--size"] * size + ["--json"] * as_json
    return subprocess.run([sys.executable, "-B", "-m", "setup.bundle_create", *words], cwd=tree, check=False).returncode


@command.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--key", type=click.Path(path_type=Path), help="The public key that it must be signed by.")
@json_option
def verify(folder: Path, key: Path | None, as_json: bool) -> None:
    """Compare every file of a bundle with its hash, and its signature with a key."""
    manifest = verify_bundle(folder, key)
    total = sum(manifest.part_bytes.values())
    if as_json:
        print_json({"intact": True, "signed": key is not None, "bytes": total, "machine": manifest.machine.said()})
        return
    signed = f", signed by {key}" if key else ", not signed"
    print(f"{folder} is intact{signed}: {total / 1e9:.2f} GB for {manifest.machine.said()}")


@command.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", type=click.Path(path_type=Path), help="Folder of the program.")
@click.option("--key", type=click.Path(path_type=Path), help="The public key that it must be signed by.")
def install(folder: Path, to: Path | None, key: Path | None) -> int:
    """Check a bundle, then install it, as `sh FOLDER/install` does where nothing is installed yet. Root stays root."""
    verify_bundle(folder, key)
    words = ([] if to is None else ["--to", str(to.absolute())]) + (
        [] if key is None else ["--key", str(key.absolute())]
    )
    return install_from(folder.absolute(), words)
