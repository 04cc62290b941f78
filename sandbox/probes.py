"""Attempts to break out of a real sandbox, each by name. A probe counts as blocked only when it saw the refusal itself.

They show that the named ways are closed. They do not show that there is no other way, and they know nothing of faults
in the kernel, which all containers share.
"""

import errno
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.browser import Browser, BrowserSettings
from sandbox.container import Container, ContainerSettings
from sandbox.errors import ContainerGone, SandboxError, WorkspaceRefused
from sandbox.podman import PodmanContainer
from sandbox.podman_engine import PodmanSettings
from sandbox.preview import Preview
from sandbox.system_call import REFUSALS, program

TIMEOUT_S = 20.0
MIB = 1024 * 1024
NOWHERE = "192.0.2.1"
"""An address reserved for documentation: nobody is disturbed if the wall should be open."""
METADATA = "169.254.169.254"
SAFE_DEVICES = "console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
FORBIDDEN_PLACES = (
    "/ /bin /dev /etc /lib /proc /proc/sys /proc/sys/kernel /root /run /srv /srv/kit /sys /sys/fs/cgroup "
    "/sys/fs/cgroup/memory /usr /usr/bin /usr/lib /var /var/tmp /node_modules"
)
HOST_FILES = "/etc/shadow /etc/gshadow /etc/machine-id /etc/ssh /home /var/lib /root/.ssh /boot /media /mnt /opt"
CONNECT = """
const net = require('net')
const reached = []
const tryOne = (target) => new Promise((done) => {
  const [host, port] = [target.slice(0, target.lastIndexOf(':')), Number(target.slice(target.lastIndexOf(':') + 1))]
  const socket = net.connect({ host, port, timeout: 2000 })
  socket.on('connect', () => { reached.push(target); socket.destroy(); done('connected') })
  socket.on('timeout', () => { socket.destroy(); done('no answer') })
  socket.on('error', (error) => done(error.code))
})
Promise.all(process.argv.slice(1).map(tryOne)).then((codes) => console.log(JSON.stringify({ reached, codes })))
"""
RESOLVE = """
require('dns').promises.lookup('example.com').then(
  (found) => console.log(JSON.stringify({ open: true, how: found.address })),
  (error) => console.log(JSON.stringify({ open: false, how: error.code })))
"""
FORK_BOMB = "f() { f | f & }; f; sleep 4"
MEMORY_BOMB = "const held = []; for (;;) held.push(Buffer.alloc(16_000_000, 1))"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    name: str
    blocked: bool
    how: str


@dataclass(frozen=True, slots=True)
class Room:
    """Where a probe works: a container to break out of, and the means to open another one that may be ruined."""

    container: Container
    podman: PodmanSettings
    browser: BrowserSettings


Outcome = tuple[bool, str]
"""Blocked or not, and how that showed."""


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    tries: str
    run: Callable[[Room], Outcome]


def run_probes(podman: PodmanSettings, browser: BrowserSettings | None = None) -> Iterator[ProbeResult]:
    with PodmanContainer(ContainerSettings(), podman) as container:
        room = Room(container, podman, browser or BrowserSettings())
        for probe in PROBES:
            yield run_probe(probe, room)


def run_probe(probe: Probe, room: Room) -> ProbeResult:
    try:
        blocked, how = probe.run(room)
    except SandboxError as error:
        return ProbeResult(probe.name, False, f"the probe could not finish: {error}")
    return ProbeResult(probe.name, blocked, how)


def output_of(room: Room, *argv: str) -> str:
    """Stdout; a command that did not run to its end proves nothing and raises."""
    result = room.container.exec(argv, timeout_s=TIMEOUT_S)
    if result.exit_code != 0:
        raise SandboxError(f"`{argv[0]}` ended with {result.exit_code}: {result.stderr.strip()[:200]}")
    return result.stdout


def shell(room: Room, script: str) -> list[str]:
    return output_of(room, "sh", "-c", f"{script}\ntrue").split()


# Network


def connect(room: Room, *targets: str) -> Outcome:
    told = json.loads(output_of(room, "node", "-e", CONNECT, "--", *targets))
    reached: list[str] = told["reached"]
    return not reached, f"reached {', '.join(reached)}" if reached else ", ".join(sorted(set(told["codes"])))


def network_out(room: Room) -> Outcome:
    return connect(room, f"{NOWHERE}:80", f"{NOWHERE}:443", "2001:db8::1:80")


def metadata(room: Room) -> Outcome:
    return connect(room, f"{METADATA}:80")


def name_lookup(room: Room) -> Outcome:
    told = json.loads(output_of(room, "node", "-e", RESOLVE))
    return not told["open"], told["how"]


def host_loopback(room: Room) -> Outcome:
    with listener() as (port, hits):
        blocked, how = connect(room, *(f"{host}:{port}" for host in ("127.0.0.1", "::1", "10.0.2.2", "169.254.1.2")))
        return blocked and not hits, f"{len(hits)} requests arrived" if hits else how


def raw_sockets(room: Room) -> Outcome:
    # Packet, vsock and kernel crypto sockets; the calls take family, type, protocol.
    return refused_calls(room, {"packet": (41, 17, 3, 0), "vsock": (41, 40, 1, 0), "crypto": (41, 38, 5, 0)})


# Files


def host_files(room: Room) -> Outcome:
    secret = room.podman.home / f"probe-{os.getpid()}"
    secret.write_text("secret")
    try:
        storage = str(room.podman.home)
        seen = shell(
            room, f"for f in {HOST_FILES} '{secret}' '{storage}'; do [ -e $f ] && ls -d $f/* $f; done 2>/dev/null"
        )
    finally:
        secret.unlink()
    return not seen, f"seen: {' '.join(seen[:5])}" if seen else "none of them is there"


def write_outside(room: Room) -> Outcome:
    written = shell(room, f"for f in {FORBIDDEN_PLACES}; do touch $f/probe 2>/dev/null && echo $f; done")
    return not written, f"written: {' '.join(written)}" if written else "all refused"


def shared_folders(room: Room) -> Outcome:
    """No mount from the host's disk may be writable; podman lends a few single files, read-only."""
    mounts = [line.split() for line in output_of(room, "cat", "/proc/self/mounts").splitlines()]
    writable = [fields[1] for fields in mounts if fields[0].startswith("/") and "rw" in fields[3].split(",")]
    return (
        not writable,
        f"writable: {' '.join(writable)}" if writable else f"{len(mounts)} mounts, none shared for writing",
    )


def link_out(room: Room) -> Outcome:
    output_of(room, "sh", "-c", "ln -s /etc/passwd link.html; ln -s / folder; ln -s ../../../etc deep")
    try:
        found = room.container.read()
    except WorkspaceRefused as refusal:
        return True, str(refusal)
    finally:
        room.container.replace({})
    return False, f"read back {len(found)} files through links"


def disk_fill(room: Room) -> Outcome:
    places = {"/srv/site": 128, "/tmp": 64, "/dev/shm": 16}
    script = "; ".join(
        f"dd if=/dev/zero of={place}/fill bs=1M count=400 2>/dev/null; stat -c %s {place}/fill" for place in places
    )
    sizes = [int(word) for word in shell(room, script)]
    output_of(room, "rm", "-f", *(f"{place}/fill" for place in places))
    held = len(sizes) == len(places) and all(
        size <= limit * MIB for size, limit in zip(sizes, places.values(), strict=True)
    )
    return held, ", ".join(f"{place} stopped at {size // MIB} MiB" for place, size in zip(places, sizes, strict=False))


# Rights


def capabilities(room: Room) -> Outcome:
    status = dict(
        line.split(":", 1) for line in output_of(room, "cat", "/proc/self/status").splitlines() if ":" in line
    )
    sets = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    held = not any(sets.values()) and status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    return held, "no capability, no new rights, calls filtered" if held else str(sets)


def setuid_programs(room: Room) -> Outcome:
    found = shell(room, "find / -xdev -perm /6000 -type f 2>/dev/null")
    return not found, f"found: {' '.join(found[:5])}" if found else "the image holds none"


def user_namespace(room: Room) -> Outcome:
    new_user = 0x10000000
    return refused_calls(room, {"unshare": (272, new_user), "clone": (56, new_user | 17), "clone3": (435, 0, 0)})


def mounting(room: Room) -> Outcome:
    return refused_calls(
        room, {"mount": (165,), "umount": (166,), "fsopen": (430,), "pivot_root": (155,), "chroot": (161,)}
    )


def tracing(room: Room) -> Outcome:
    attach = 16
    return refused_calls(room, {"ptrace": (101, attach, 1), "read": (310, 1), "write": (311, 1), "getfd": (438, 1)})


def keyrings(room: Room) -> Outcome:
    return refused_calls(room, {"keyctl": (250, 1), "add_key": (248,), "request_key": (249,)})


def kernel_surface(room: Room) -> Outcome:
    calls = {"io_uring": (425, 8), "bpf": (321,), "userfaultfd": (323,), "perf": (298,), "handles": (304,)}
    return refused_calls(room, calls)


def device_files(room: Room) -> Outcome:
    extra = set(shell(room, "ls /dev")) - set(SAFE_DEVICES.split())
    if extra:
        return False, f"found: {' '.join(sorted(extra))}"
    character_device, memory = 0o020666, (1 << 8) | 1
    return refused_calls(room, {"mknod": (133, "memory", character_device, memory)})


def kernel_settings(room: Room) -> Outcome:
    places = "kernel/core_pattern kernel/modprobe vm/overcommit_memory net/ipv4/ip_forward kernel/hostname"
    files = " ".join(f"/proc/sys/{place}" for place in places.split()) + " /proc/sysrq-trigger /proc/1/oom_score_adj"
    script = f"for f in {files}; do [ -e $f ] && (cat $f > /tmp/old && cat /tmp/old > $f) 2>/dev/null && echo $f; done"
    written = [name for name in shell(room, script) if name != "/proc/1/oom_score_adj"]
    return not written, f"written: {' '.join(written)}" if written else "all refused"


def host_processes(room: Room) -> Outcome:
    with subprocess.Popen(["sleep", "60"]) as canary:
        try:
            seen = shell(room, f"kill -9 {canary.pid} 2>/dev/null; ls /proc")
            alive = canary.poll() is None
        finally:
            canary.kill()
    numbers = [word for word in seen if word.isdigit()]
    return alive and len(numbers) < 20, f"{len(numbers)} processes to be seen, the host's one lives: {alive}"


def host_identity(room: Room) -> Outcome:
    told = output_of(room, "sh", "-c", "env; cat /etc/hostname /etc/resolv.conf /etc/hosts 2>/dev/null; true")
    secrets = {os.uname().nodename, os.environ.get("USER", ""), *os.environ.get("PATH", "").split(":")} - {"", "site"}
    shown = sorted(
        word for word in secrets if len(word) > 5 and word in told.replace("/usr/local/bin:/usr/bin:/bin", "")
    )
    return not shown, f"shown: {' '.join(shown)}" if shown else "neither names nor settings of the host"


# Floods: each in a container of its own, which it may ruin


def fork_bomb(room: Room) -> Outcome:
    with PodmanContainer(ContainerSettings(pids=100), room.podman) as doomed:
        counts: list[int] = []
        watching = threading.Event()

        def watch() -> None:
            while not watching.wait(0.1):
                counts.append(doomed.host_usage().processes)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            doomed.exec(["sh", "-c", FORK_BOMB], timeout_s=6)
        except ContainerGone:
            pass  # a bomb may well take its own container along
        finally:
            watching.set()
            watcher.join()
    most = max(counts, default=0)
    return 0 < most <= 110, f"at most {most} processes of the site at once"


def memory_bomb(room: Room) -> Outcome:
    with PodmanContainer(ContainerSettings(memory_mib=256), room.podman) as doomed:
        try:
            result = doomed.exec(["node", "-e", MEMORY_BOMB], timeout_s=60)
        except ContainerGone as end:
            return True, str(end)
    return result.out_of_memory, "ended at its limit" if result.out_of_memory else f"exit code {result.exit_code}"


def log_flood(room: Room) -> Outcome:
    with PodmanContainer(ContainerSettings(), room.podman) as flooded:
        flooded.exec(["sh", "-c", "yes > /proc/1/fd/1"], timeout_s=2)
        log = Path(flooded.engine.run(["podman", "inspect", "--format={{.HostConfig.LogConfig.Path}}", flooded.name]))
        size_mib = sum(file.stat().st_size for file in log.parent.glob("ctr.log*")) / MIB
    return size_mib < 5, f"log held at {size_mib:.1f} MiB"


# Browser


def browser_fence(room: Room) -> Outcome:
    page = b"<script>new Image().src = 'http://%s/image'; fetch('http://%s/data').catch(() => 0)</script>"
    with listener() as (port, hits):
        target = f"127.0.0.1:{port}".encode()
        room.container.replace({"index.html": page % (target, target)})
        with Preview(room.container) as preview, Browser(room.browser, preview.url) as browser:
            events = browser.open("/").events
    refused = [event for event in events if event.kind == "network"]
    return not hits and len(refused) == 2, f"{len(hits)} requests arrived, {len(refused)} refused and reported"


def refused_calls(room: Room, calls: Mapping[str, tuple[int | str, ...]]) -> Outcome:
    """Each call must come back with a refusal; any other error would mean that the kernel got to look at it."""
    room.container.replace({name: program(*call) for name, call in calls.items()})
    names = " ".join(calls)
    codes = [int(word) for word in shell(room, f"chmod +x {names}; for c in {names}; do ./$c; echo $?; done")]
    room.container.replace({})
    answers = dict(zip(calls, codes, strict=True))
    told = ", ".join(f"{name}: {errno.errorcode.get(code, 'done')}" for name, code in answers.items())
    return all(code in REFUSALS for code in codes), told


@contextmanager
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server on the host's loopback that notes who came."""
    hits: list[str] = []

    class Note(http.server.BaseHTTPRequestHandler):
        def handle(self) -> None:
            hits.append(str(self.client_address))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Note) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, hits
        finally:
            server.shutdown()
            thread.join()


PROBES = (
    Probe("network-out", "reach an address on the internet", network_out),
    Probe("name-lookup", "resolve a name", name_lookup),
    Probe("host-loopback", "reach a service on this machine's loopback", host_loopback),
    Probe("metadata", "reach a cloud's metadata address", metadata),
    Probe("raw-sockets", "open packet, vsock or kernel crypto sockets", raw_sockets),
    Probe("host-files", "see this machine's files", host_files),
    Probe("write-outside", "write anywhere but to the site's own places", write_outside),
    Probe("shared-folders", "find a folder of this machine to write to", shared_folders),
    Probe("link-out", "have the host read back its own files through links", link_out),
    Probe("disk-fill", "fill the disk", disk_fill),
    Probe("capabilities", "hold or gain rights", capabilities),
    Probe("setuid-programs", "find a program that gives more rights", setuid_programs),
    Probe("user-namespace", "become root in a namespace of its own", user_namespace),
    Probe("mounting", "mount, pivot or chroot", mounting),
    Probe("tracing", "read or steer another process", tracing),
    Probe("keyrings", "use the kernel's keyrings", keyrings),
    Probe("kernel-surface", "use io_uring, BPF, userfaultfd, perf or file handles", kernel_surface),
    Probe("device-files", "find or make a device", device_files),
    Probe("kernel-settings", "change a kernel setting", kernel_settings),
    Probe("host-processes", "see or end a process of this machine", host_processes),
    Probe("host-identity", "learn this machine's name or settings", host_identity),
    Probe("fork-bomb", "start processes without end", fork_bomb),
    Probe("memory-bomb", "take all memory", memory_bomb),
    Probe("log-flood", "fill the disk with log lines", log_flood),
    Probe("browser-fence", "let a page reach another service of this machine", browser_fence),
)
