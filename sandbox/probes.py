"""Attempts to break out of a real sandbox, each by name. A probe counts as blocked only when it saw the refusal itself.

They show that the named ways are closed. They do not show that there is no other way, and they know nothing of faults
in the kernel, which all containers share.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox.browser import BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.errors import SandboxError
from sandbox.podman import PodmanContainer
from sandbox.podman_engine import Podman, PodmanSettings
from sandbox.probe_room import DEFAULTS, Probe, Room
from sandbox.probes_browser import BROWSER
from sandbox.probes_exchange import EXCHANGE
from sandbox.probes_fence import FENCE
from sandbox.probes_files import DEVICES, FILES
from sandbox.probes_floods import FLOODS
from sandbox.probes_network import NEIGHBOURS, NETWORK
from sandbox.probes_preview import PREVIEW
from sandbox.probes_processes import PROCESSES
from sandbox.probes_rights import KERNEL, RIGHTS

__all__ = ["FAMILIES", "PROBES", "Probe", "ProbeResult", "Room", "run_probe", "run_probes"]

AT_ONCE = 3
FAMILIES: dict[str, tuple[Probe, ...]] = {
    "network": NETWORK,
    "neighbours": NEIGHBOURS,
    "processes": PROCESSES,
    "rights": RIGHTS,
    "kernel": KERNEL,
    "files": FILES,
    "devices": DEVICES,
    "exchange": EXCHANGE,
    "preview": PREVIEW,
    "floods": FLOODS,
    "fence": FENCE,
    "browser": BROWSER,
}
PROBES = tuple(probe for probes in FAMILIES.values() for probe in probes)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    name: str
    blocked: bool
    how: str


def run_probes(podman: PodmanSettings, browser: BrowserSettings | None = None) -> Iterator[ProbeResult]:
    """All of them in the order of `PROBES`; families run side by side, each in a room of its own."""
    with Podman.on_this_host(podman), ThreadPoolExecutor(AT_ONCE) as pool:
        # The last ones take longest, so they begin first.
        runs = {
            name: pool.submit(run_family, probes, podman, browser or BrowserSettings())
            for name, probes in reversed(FAMILIES.items())
        }
        for name in FAMILIES:
            yield from runs[name].result()


def run_family(
    probes: tuple[Probe, ...],
    podman: PodmanSettings,
    browser: BrowserSettings,
    settings: ContainerSettings = DEFAULTS,
) -> list[ProbeResult]:
    """One after the other, in one room."""
    with PodmanContainer(settings, podman) as container, Room(container, podman, browser, settings) as room:
        return [run_probe(probe, room) for probe in probes]


def run_probe(probe: Probe, room: Room) -> ProbeResult:
    try:
        blocked, how = probe.run(room)
    except Exception as error:  # whatever went wrong: an attempt that could not finish has shown nothing
        reason = str(error) if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
        return ProbeResult(probe.name, False, f"the probe could not finish: {reason}")
    return ProbeResult(probe.name, blocked, how)
