"""`setup/run demo|test|vision|train|ray|container`: prepares this machine, then runs the checks or builds the image."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import shutil
import signal
import sys
from pathlib import Path

from appliance.errors import ApplianceError
from models.hardware import detect_hardware
from setup import accounts, packages
from setup.checks import run_as_account, run_checks
from setup.commands import Commands
from setup.engine import EngineBuilder, found_compilers, ladder
from setup.errors import AccountRefused, NoRoom, SetupError
from setup.gpu import VariantChoice, choose_build, has_nvcc
from setup.places import ROOT_CACHE, Places, find_places, person_cache
from setup.plan import DEMO, EXTRAS, TEST, Wishes, content_steps, data_folder, environment_steps, tree_steps
from setup.steps import Stamps, Step, run_steps, say

NEEDED_BYTES = 6 * 1024**3
WISHES: dict[str, Wishes] = {"demo": DEMO, "test": TEST, "container": DEMO, **EXTRAS}


def main() -> int:
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in WISHES:
        print(f"usage: setup/run {'|'.join(WISHES)}", file=sys.stderr)
        return 2
    os.umask(0o022)  # what root makes here, the product's account must be able to read
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        places = set_up(Path.cwd().resolve(), verb)
        return AFTERWARDS.get(verb, nothing_more)(places)
    except (SetupError, ApplianceError) as error:
        return stop(str(error), error.exit_code)
    except KeyboardInterrupt:
        return stop("stopped; run the command again to go on where it was.", 130)
    except OSError as error:
        return stop(sentence(error), 3)


def nothing_more(places: Places) -> int:
    return 0


def build_container(places: Places) -> int:
    """The engine in it is the portable build: the image may travel to another processor."""
    commands = Commands(places.cache / "setup.log", places.tree)
    rungs = [rung for rung in ladder("cpu", found_compilers(), platform.machine()) if not rung.is_native]
    wheel = EngineBuilder(places, "cpu", commands).wheel(rungs[0])
    account_cache = places.account.home / ".cache" / "webgen-appliance"
    home = data_folder(places.account, os.environ) / "sandbox"
    return run_as_account(places, ["-m", "setup.container", str(wheel), str(account_cache), str(home)])


AFTERWARDS = {"test": run_checks, "container": build_container}


def stop(why: str, code: int) -> int:
    print(f"set-up: {why}", file=sys.stderr)
    return code


def sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; free at least 6 GB and run the command again: finished steps stay finished."
    return f"{error.filename}: {error.strerror}; mend that and run the command again."


def set_up(checkout: Path, verb: str) -> Places:
    log = open_log()
    commands = Commands(log, Path("/"))
    nothing_done_yet = Stamps(Path(os.devnull))
    choice = choose_build(detect_hardware(), has_nvcc())
    run_steps([packages_step(verb, choice, commands)], nothing_done_yet)
    run_steps([account_step(commands)], nothing_done_yet)
    account = accounts.find_account()
    if account is None:
        raise AccountRefused("The product's account is still missing after set-up made it; see docs/install.md.")
    places = find_places(checkout, account, os.environ)
    run_steps(tree_steps(places), nothing_done_yet)
    steps = prepared_steps(places, WISHES[verb], choice, Commands(log, places.tree))
    if run_steps(steps, Stamps(places.venv / "setup-stamps.json")) == 0:
        say("nothing to do")
    return places


def open_log() -> Path:
    """One set-up at a time: the lock lives as long as this process."""
    account = accounts.find_account()
    cache = ROOT_CACHE if os.geteuid() == 0 or account is None else person_cache(account, os.environ)
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(cache / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another set-up is running, waiting for it")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return cache / "setup.log"


def packages_step(verb: str, choice: VariantChoice, commands: Commands) -> Step:
    wanted = (*packages.CORE, *choice.packages, *(packages.FOR_TESTS if verb in ("test", "container") else ()))
    return Step(
        "system packages",
        "",
        lambda: not packages.missing(wanted),
        lambda: packages.install(wanted, commands),
    )


def account_step(commands: Commands) -> Step:
    def is_there() -> bool:
        account = accounts.find_account()
        return account is not None and accounts.is_ready(account)

    def make() -> str:
        account = accounts.find_account() or accounts.create_product_user(commands)
        return accounts.make_ready(account, commands)

    return Step("account", "", is_there, make)


def prepared_steps(places: Places, wishes: Wishes, choice: VariantChoice, commands: Commands) -> list[Step]:
    steps = [
        *environment_steps(places, wishes, choice.variant, commands),
        *content_steps(places, wishes, os.environ, commands),
    ]
    stamps = Stamps(places.venv / "setup-stamps.json").read()
    if any(step.name not in stamps for step in steps):
        refuse_full_disk(places)
        if choice.notice:
            say(choice.notice)
    return steps


def refuse_full_disk(places: Places) -> None:
    folder = next(path for path in (places.tree, *places.tree.parents) if path.exists())
    if (free := shutil.disk_usage(folder).free) < NEEDED_BYTES:
        raise NoRoom(
            f"{folder} has {free / 1e9:.1f} GB left and set-up needs 6 GB; free some and run the command again."
        )


if __name__ == "__main__":
    sys.exit(main())
