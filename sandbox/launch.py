"""The podman command line of a site, as a pure function of its settings and its place."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.container import ContainerSettings
from sandbox.host import Limits

SITE_FOLDER = "/srv/site"
FIRST_UID = 1000
HTTP_FD, CONTROL_FD = 3, 4
"""Open descriptors begin at 3 in a program that is handed listening sockets."""
MIB = 1024 * 1024
SMALLEST_DATA_MIB = 1000
MASKED = "/proc/cmdline:/proc/config.gz:/proc/interrupts:/proc/kallsyms:/proc/modules:/proc/version_signature"
"""What podman shows of this machine although no site needs it."""
INIT_FILE = "/srv/init"
"""The room's first process."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one start adds to the settings. Each running site has its own slot, and so its own user id."""

    name: str
    image: str
    slot: int
    limits: Limits
    seccomp_file: str
    pid_file: str
    """Where podman notes the number of the room's first process."""
    labels: Mapping[str, str]

    @property
    def uid(self) -> int:
        return FIRST_UID + self.slot


def run_argv(settings: ContainerSettings, place: Place) -> list[str]:
    return [
        *("podman", "run", "--detach", "--pull=never", f"--name={place.name}", "--hostname=site"),
        f"--pidfile={place.pid_file}",
        *("--network=none", "--no-hosts", "--http-proxy=false"),
        *(f"--user={place.uid}:{place.uid}", "--cap-drop=all", "--security-opt=no-new-privileges"),
        f"--security-opt=mask={MASKED}",
        *([f"--security-opt=seccomp={place.seccomp_file}"] if place.seccomp_file else []),
        *("--read-only", "--read-only-tmpfs=false", f"--shm-size={min(16, settings.tmp_mib)}m"),
        f"--tmpfs=/tmp:rw,nosuid,nodev,size={settings.tmp_mib}m",
        f"--tmpfs={SITE_FOLDER}:rw,nosuid,nodev,size={settings.workspace_mib}m",
        *limit_flags(settings, place.limits),
        *("--log-driver=k8s-file", "--log-opt=max-size=1mb", f"--timeout={settings.lifetime_s}"),
        *(f"--label={key}={value}" for key, value in place.labels.items()),
        *("--env=HOME=/tmp", f"--workdir={SITE_FOLDER}", place.image),
        *server_argv(settings),
    ]


def limit_flags(settings: ContainerSettings, limits: Limits) -> list[str]:
    """Per-process limits always; for the whole site only podman on a delegating cgroup v2 host can be told here."""
    flags = [f"--ulimit=nproc={settings.pids}:{settings.pids}", "--ulimit=nofile=4096:4096", "--ulimit=core=0:0"]
    if limits == "rlimits":
        # node reserves far more than it uses; below this it does not start.
        data_bytes = max(settings.memory_mib, SMALLEST_DATA_MIB) * MIB
        flags += [f"--ulimit=data={data_bytes}:{data_bytes}", "--ulimit=cpu=600:600"]
    if limits == "flags":
        memory = f"{settings.memory_mib}m"
        flags += [f"--memory={memory}", f"--memory-swap={memory}", f"--pids-limit={settings.pids}"]
    return flags


def server_argv(settings: ContainerSettings) -> list[str]:
    single_page = "yes" if settings.stack == "vite-react" else "no"
    return [
        *(INIT_FILE, "--", "node", "/srv/serve.mjs", f"--site={SITE_FOLDER}", "--kit=/srv/kit", f"--http={HTTP_FD}"),
        *(f"--control={CONTROL_FD}", f"--single-page={single_page}", "--owns-processes=yes"),
    ]


def exec_argv(name: str, argv: tuple[str, ...], timeout_s: float) -> list[str]:
    """The time limit lies inside: ending the podman client would leave the command running."""
    limit = ["timeout", "-s", "KILL", f"{timeout_s:.3f}"]
    return ["podman", "exec", "--interactive", f"--workdir={SITE_FOLDER}", name, *limit, *argv]
