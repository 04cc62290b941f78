"""`sh install` of an offline bundle: set-up's own steps, fed from the bundle. Standard library only, no network.

Everything is checked before anything is used. Each step is skipped when it is done, so the same command goes on after
whatever stopped it, and brings an older installation up to date.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

from appliance.bundle import BundledModel, Manifest, refuse_other_machine, this_machine, verify_bundle
from appliance.errors import ApplianceError, BundleRefused
from appliance.privileges import Account, unreadable_for
from models.catalog import DEFAULT_MODEL
from models.hardware import EngineVariant
from setup import accounts, copy, packages
from setup.__main__ import account_step, open_log, sentence, stop
from setup.commands import Commands
from setup.engine import processor_flags
from setup.errors import AccountRefused, InTheWay, NoRoom, PackagesMissing, SetupError
from setup.places import Places, find_places
from setup.plan import Wishes, data_folder, environment_steps, pull_step, tree_steps
from setup.steps import Stamps, Step, content_hash, run_steps, say

FOR_ROOT = Path("/opt/webgen-appliance")
SPARE_BYTES = 512 << 20
VARIANTS: dict[str, EngineVariant] = {"cpu": "cpu", "cuda": "cuda", "vulkan": "vulkan"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="sh install", description="Install the appliance from this bundle.")
    parser.add_argument("bundle", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help="folder of the program; a new one, or an installation of it")
    parser.add_argument(
        "--key", type=Path, help="public key of minisign or of ssh-keygen that the bundle must be signed by"
    )
    words = parser.parse_args()
    os.umask(0o022)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return install(words.bundle, words.to, words.key)
    except (SetupError, ApplianceError) as error:
        return stop(str(error), error.exit_code)
    except KeyboardInterrupt:
        return stop("stopped; run the command again to go on where it was.", 130)
    except OSError as error:
        return stop(sentence(error), 3)


def install(bundle: Path, to: Path | None, key: Path | None) -> int:
    os.environ["PIP_CONFIG_FILE"] = os.devnull  # where a person's pip would look is none of a bundle's business
    say("checking the bundle")
    manifest = verify_bundle(bundle, key)
    refuse_other_machine(manifest.machine, this_machine(""))
    put_packages(bundle)
    commands = Commands(open_log(), Path("/"))
    nothing_done_yet = Stamps(Path(os.devnull))
    run_steps([account_step(commands)], nothing_done_yet)
    account = accounts.find_account()
    if account is None:
        raise AccountRefused("The product's account is still missing after set-up made it; see docs/install.md.")
    refuse_closed(bundle, account)
    target = (to or (FOR_ROOT if os.geteuid() == 0 else account.home / "webgen-appliance")).absolute()
    refuse_foreign(target)
    refuse_small_disk(target, account, manifest)
    done = run_steps([program_step(bundle, target)], nothing_done_yet)
    places = replace(find_places(target, account, os.environ), wheels=bundle / "wheels")
    done += run_steps(tree_steps(places), nothing_done_yet)
    seed_engine(bundle, manifest, places)
    steps = installing_steps(bundle, manifest, places, Commands(places.log, places.tree))
    if done + run_steps(steps, Stamps(places.venv / "setup-stamps.json")) == 0:
        say("nothing to do")
    names = [model.name for model in manifest.models]
    if DEFAULT_MODEL not in names:
        say(f"{DEFAULT_MODEL}, which writes by default, is not in the bundle; generate with --model {names[0]}")
    say(f"installed; try: {target}/.venv/bin/appliance doctor")
    return 0


def put_packages(bundle: Path) -> None:
    """Root's one line. Asked for in words where nobody here may do it."""
    if not (absent := packages.missing(packages.CORE)):
        return
    line = f"sudo sh '{bundle}/packages'"
    prefix = packages.root_prefix()
    if prefix is None:
        raise PackagesMissing(f"System packages are missing ({', '.join(absent)}); run this line and try again: {line}")
    Commands(Path(os.devnull), Path("/")).show(
        [*prefix, "sh", bundle / "packages"], f"The system packages could not be installed; run: {line}"
    )


def refuse_closed(bundle: Path, account: Account) -> None:
    """The account itself takes models and images out of the bundle."""
    if os.geteuid() == 0 and (closed := unreadable_for(account, [bundle, bundle / "manifest.json"])):
        raise BundleRefused(
            f'The user "{account.name}", which the appliance runs as, cannot read {closed[0]}; copy the bundle to a'
            " folder that all may read, such as /srv, and run the command there."
        )


def refuse_foreign(target: Path) -> None:
    """What is not ours in it would be removed."""
    project = target / "pyproject.toml"
    is_ours = (
        project.is_file() and 'name = "webgen-appliance"' in project.read_text() and not (target / ".git").exists()
    )
    if target.exists() and not is_ours and (not target.is_dir() or any(target.iterdir())):
        raise InTheWay(f"{target} holds something else; name a new folder with --to.")


def refuse_small_disk(target: Path, account: Account, manifest: Manifest) -> None:
    """One figure for all of it, on each disk that takes a part. What is there already needs no room again."""
    if (target / ".venv" / "setup-stamps.json").exists():
        return
    for place in (target, data_folder(account, os.environ)):
        folder = next(path for path in (place, *place.parents) if path.exists())
        if (free := shutil.disk_usage(folder).free) < manifest.needed_bytes + SPARE_BYTES:
            needed = (manifest.needed_bytes + SPARE_BYTES) / 1e9
            raise NoRoom(f"{folder} has {free / 1e9:.1f} GB left and this bundle needs {needed:.1f} GB; free some.")


def program_step(bundle: Path, target: Path) -> Step:
    source = bundle / "tree"

    def make() -> str:
        target.mkdir(parents=True, exist_ok=True)
        changed = copy.sync(source, target)
        for path in copy.files_below(target):
            make_runnable(target / path)  # a stick may not keep the mode
        return f"{target}, {changed} files"

    return Step("program", "", lambda: target.is_dir() and copy.is_in_step(source, target), make)


def make_runnable(path: Path) -> None:
    with path.open("rb") as file:
        path.chmod(0o755 if file.read(2) == b"#!" else 0o644)


def seed_engine(bundle: Path, manifest: Manifest, places: Places) -> None:
    """Put wheel and source where the engine's builder looks: it takes a wheel only if it was built for all of this."""
    for source in sorted((bundle / "engine").rglob("*.*")):
        kept = Path("source") if source.parent.name == "source" else Path("engine", source.parent.name)
        put_in_cache(source, places.cache / kept / source.name)
    built_for, here = (set(flags.split()) for flags in (manifest.machine.processor, this_processor()))
    if built_for != here:
        lacking = ", ".join(sorted(built_for - here)[:5]) or "none"
        say(
            "the bundle's engine was built for another processor (of its instruction sets this one lacks: "
            f"{lacking}); it is built anew from the source in the bundle"
        )


def put_in_cache(source: Path, target: Path) -> None:
    if source.is_file() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        shutil.copyfile(source, part)
        part.replace(target)


def this_processor() -> str:
    return processor_flags(Path("/proc/cpuinfo").read_text())


def installing_steps(bundle: Path, manifest: Manifest, places: Places, commands: Commands) -> list[Step]:
    wishes = Wishes(torch_locks=tuple(manifest.extras))
    data = data_folder(places.account, os.environ)
    catalog = content_hash([places.tree / "models" / "catalog.toml"])
    return [
        *environment_steps(places, wishes, VARIANTS[manifest.variant], commands),
        *(model_step(bundle, model, places, catalog, data, commands) for model in manifest.models),
        *(image_step(bundle, stack, file, places, commands) for stack, file in sorted(manifest.images.items())),
    ]


def model_step(bundle: Path, model: BundledModel, places: Places, catalog: str, data: Path, commands: Commands) -> Step:
    if model.is_in_catalog:
        return pull_step(places, model.name, catalog, data, commands, bundle / "models")
    folder = bundle / "models" / model.name
    projector: list[str | Path] = [] if model.projector is None else ["--projector", folder / model.projector]
    words = ["models", "import", folder / model.weights, *projector, "--name", model.name]

    def make() -> str:
        advice = f"The model {model.name} could not be taken out of the bundle; look at the reason, then try again."
        commands.show([places.venv / "bin" / "appliance", *words], advice)
        return model.name

    return Step(f"model {model.name}", "bundle", lambda: (data / "models" / model.name / "model.json").exists(), make)


def image_step(bundle: Path, stack: str, file: str, places: Places, commands: Commands) -> Step:
    inputs = content_hash([places.tree / "sandbox", places.tree / "Containerfile"], str(places.account.home))

    def make() -> str:
        advice = f"The sandbox image for {stack} sites could not be loaded; run .venv/bin/appliance doctor."
        program = places.venv / "bin" / "appliance"
        commands.show([program, "sandbox", "load", bundle / "images" / file], advice)
        commands.show([program, "sandbox", "build", "--stack", stack], advice)
        return stack

    return Step(f"sandbox image {stack}", inputs, lambda: True, make)


if __name__ == "__main__":
    sys.exit(main())
