"""What this machine has, what is missing, and what each missing part means. Gathers facts; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from appliance.config import Config
from models.fetch import ModelShelf
from models.hardware import HardwareFacts, detect_hardware, engine_in_use
from sandbox.errors import SandboxError
from sandbox.host import GIVEN_UP, NEEDED_BY_PODMAN, HostFacts, gather_facts, missing_walls
from sandbox.image import exists, image_name
from sandbox.podman import PodmanSettings
from sandbox.podman_engine import Podman

State = Literal["ok", "missing", "warning"]
_MIN_FREE_BYTES = 5 * 2**30


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `missing` keeps the product from working; a `warning` makes it weaker or slower."""

    name: str
    state: State
    said: str
    remedy: str = ""


def examine(config: Config, shelf: ModelShelf, podman: PodmanSettings) -> list[Check]:
    host, hardware = gather_facts(podman.cgroup_group), detect_hardware()
    return [
        Check("account", "warning" if host.is_root else "ok", host.account),
        _disk(config),
        _engine(hardware),
        _models(config, shelf),
        _podman(host),
        *([_image(podman)] if host.podman_version else []),
        _browser(host),
        *wall_checks(host, config.sandbox.run_untrusted_code_without_minimum_walls),
    ]


def _disk(config: Config) -> Check:
    place = next(path for path in (config.home, *config.home.parents) if path.exists())
    free = shutil.disk_usage(place).free
    said = f"{config.home}, {free / 2**30:.1f} GiB free"
    if free < _MIN_FREE_BYTES:
        return Check("data folder", "warning", said, "Free some space, or move it with APPLIANCE_HOME.")
    return Check("data folder", "ok", said)


def _engine(hardware: HardwareFacts) -> Check:
    engine = engine_in_use(hardware)
    said = f"llama.cpp {engine.version}, {engine.variant}, {hardware.cores} cores, {hardware.ram_total_mib} MiB RAM"
    if engine.unused_gpu:
        return Check("engine", "warning", f"{said}; {engine.unused_gpu}", "Run set-up again: make demo")
    return Check("engine", "ok", said)


def _models(config: Config, shelf: ModelShelf) -> Check:
    names = [model.name for model in shelf.list()]
    wanted = config.generate.model
    if wanted not in names and not config.engine.base_url:
        here = f"{wanted} is not installed" + (f"; here are {', '.join(names)}" if names else "")
        return Check("models", "missing", here, f"Run: appliance models pull {wanted}")
    return Check("models", "ok", ", ".join(names) or f"remote: {config.engine.base_url}")


def _podman(host: HostFacts) -> Check:
    if not host.podman_version:
        return Check(
            "podman", "missing", "podman is not installed", "Run: sudo apt-get install podman runc uidmap catatonit"
        )
    limits = {"group": "own control groups", "flags": "cgroup v2", "rlimits": "per process only"}[host.limits]
    return Check("podman", "ok", f"{host.podman_version}, {host.runtime}, cgroup {host.cgroups}, limits: {limits}")


def wall_checks(host: HostFacts, minimum_given_up: bool) -> Iterator[Check]:
    """A missing wall of the minimum keeps sites from running, unless the user has given the minimum up."""
    if minimum_given_up:
        yield Check(GIVEN_UP.name, "warning", GIVEN_UP.meaning, GIVEN_UP.remedy)
    for wall in missing_walls(host):
        is_needed = wall.is_minimum and not (minimum_given_up and wall.name not in NEEDED_BY_PODMAN)
        state: State = "missing" if is_needed else "warning"
        yield Check(f"wall: {wall.name}", state, wall.meaning, wall.remedy)


def _image(podman: PodmanSettings) -> Check:
    try:
        with Podman.on_this_host(podman) as engine:
            is_built = exists(engine, image_name("static"))
    except SandboxError as error:  # such as in a container that may not have containers of its own
        return Check("sandbox", "missing", f"no container can run here: {error}", "See docs/install.md, Limits.")
    if is_built:
        return Check("sandbox image", "ok", "built")
    return Check("sandbox image", "missing", "not built", "Run: appliance sandbox build")


def _browser(host: HostFacts) -> Check:
    if not (host.chromium and host.chromedriver):
        absent = "chromium" if not host.chromium else "chromium-driver"
        return Check(
            "browser", "missing", f"{absent} is not installed", "Run: sudo apt-get install chromium chromium-driver"
        )
    return Check("browser", "ok", host.chromium)
