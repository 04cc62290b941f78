"""`appliance bundle create`: collects the parts, says their size, writes them. Runs as the product's account."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from appliance.account import product_account
from appliance.assembly import podman_settings
from appliance.bundle import FORMAT, Machine, Manifest, this_machine
from appliance.bundle_signature import kind_of
from appliance.config import Config, load_config
from appliance.errors import ApplianceError, UsageError
from appliance.requests import shelf
from models.errors import ModelError
from models.hardware import installed_variant
from sandbox.container import Stack
from sandbox.errors import SandboxError
from sandbox.image import build_image, image_name, image_size, save_image
from setup import bundle_parts as parts
from setup.bundle_write import part_bytes, refuse_full_disk, refuse_target, sentence, write_bundle
from setup.commands import Commands
from setup.debs import AptFolder
from setup.engine import processor_flags
from setup.errors import SetupError
from setup.licences import debian_licences, python_licences
from setup.places import person_cache
from setup.plan import EXTRAS
from setup.sbom import Inventory, licence_list, sbom_text
from setup.steps import say

TREE = Path(__file__).resolve().parent.parent
STACKS: tuple[Stack, ...] = ("static", "vite-react")


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="appliance bundle create")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--with", dest="extras", default="")
    parser.add_argument("--model", dest="models", action="append", default=[])
    parser.add_argument("--stack", dest="stacks", action="append", choices=STACKS, default=[])
    parser.add_argument("--sign", type=Path)
    parser.add_argument("--size", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(words)


def create(wished: argparse.Namespace, config: Config, cache: Path) -> Manifest:
    """With `--size` nothing is written but the cache."""
    target: Path = wished.folder.absolute()
    refuse_target(target)
    signature = None if wished.sign is None else kind_of(wished.sign)
    cache.mkdir(parents=True, exist_ok=True)
    commands = Commands(cache / "bundle.log", TREE)
    own = shelf(config)
    models = [own.verify(name) for name in wished.models or [config.generate.model]]
    stacks: list[Stack] = sorted(set(wished.stacks)) or ["static"]
    extras = sorted({name for name in wished.extras.split(",") if name})
    if unknown := sorted(set(extras) - set(EXTRAS)):
        raise UsageError(f"There is no extra {unknown[0]!r} to put into a bundle; there are {', '.join(EXTRAS)}.")
    machine = this_machine(processor_flags(Path("/proc/cpuinfo").read_text()))
    variant = installed_variant()
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = Path(scratch)
        names = parts.package_names(signature)
        debs, listed = parts.system_packages(names, machine, AptFolder(cache / "apt", commands), made)
        wheels = parts.wheels(TREE, variant, extras, cache / "wheels", commands)
        sources = {
            **parts.tree_files(TREE),
            **debs,
            **wheels,
            **parts.engine_files(),
            **{name: path for model in models for name, path in parts.model_files(model).items()},
        }
        needed = needed_bytes(sources)
        licences = {
            **debian_licences(listed, cache / "apt" / "archives", cache / "licences"),
            **python_licences(wheels),
        }
        components = Inventory(TREE, sources, listed, models, "vite-react" in stacks, licences).components()
        texts = {"sbom.cdx.json": sbom_text(components, TREE), "licences/LIST.txt": licence_list(components)}
        sources |= parts.written({**licences, **texts, "README.txt": readme(machine)}, made)
        for stack in stacks:
            build_image(stack, podman_settings(config), say)
        sizes = part_bytes(sources, {s: image_size(image_name(s), podman_settings(config)) for s in stacks})
        say(sentence(sizes))
        refuse_full_disk(target, sum(sizes.values()))
        manifest = Manifest(
            format=FORMAT,
            program=version("webgen-appliance"),
            machine=machine,
            variant=variant,
            extras=extras,
            packages=names,
            models=[parts.bundled(model, own) for model in models],
            images={stack: f"{stack}.tar" for stack in stacks},
            part_bytes=sizes,
            needed_bytes=needed + 2 * sizes.get("images", 0),
        )
        if wished.size:
            return manifest
        return write_bundle(
            *(target, sources, manifest),
            lambda stack, file: save_image(image_name(_stack(stack)), file, podman_settings(config)),
            wished.sign,
        )


def needed_bytes(sources: parts.Sources) -> int:
    """What installing takes beside the system packages: environment, program, engine, models."""
    wheels = sum(parts.unpacked_bytes(path) for name, path in sources.items() if name.startswith("wheels/"))
    others = sum(p.stat().st_size for name, p in sources.items() if name.startswith(("tree/", "engine/", "models/")))
    return wheels + others


def _stack(name: str) -> Stack:
    return "vite-react" if name == "vite-react" else "static"


def readme(machine: Machine) -> str:
    return f"""WebGen Appliance, an offline bundle for {machine.said()}.

On the machine without a network, in this folder:

    sudo sh packages        once: the system packages
    sh install              as the person who will use it (as root: for the system user "appliance")

To look first, with nothing of this bundle: sha256sum --check --strict --quiet SHA256SUMS
A signature is over SHA256SUMS. More: tree/docs/bundle.md
"""


def main() -> int:
    wished = arguments(sys.argv[1:])
    os.umask(0o022)
    config, _ = load_config(os.environ)
    try:
        manifest = create(wished, config, person_cache(product_account(), os.environ) / "bundle")
    except (SetupError, ApplianceError) as error:
        print(f"appliance: {error}", file=sys.stderr)
        return error.exit_code
    except (ModelError, SandboxError) as error:
        print(f"appliance: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    if wished.json:
        print(json.dumps({"folder": str(wished.folder.absolute()), "written": not wished.size, **asdict(manifest)}))
    elif not wished.size:
        print(f"{wished.folder}: {sum(manifest.part_bytes.values()) / 1e9:.2f} GB for {manifest.machine.said()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
