"""Other processes: this machine's, the room's own supervisors, and those that try to outlive their command."""

import subprocess
import sys
from collections.abc import Mapping

from sandbox.container import ContainerSettings
from sandbox.errors import ContainerGone
from sandbox.probe_room import (
    NOT_ALLOWED,
    Outcome,
    Probe,
    Room,
    answers_to,
    canary,
    marker,
    node,
    output_of,
    refused,
    refused_calls,
    shell,
)
from sandbox.process_table import processes_with

# Numbers of the processes that hold the site's listening sockets: its first one and its server.
HOLDERS = "for f in /proc/[0-9]*; do grep -q [s]erve.mjs $f/cmdline 2>/dev/null && echo ${f#/proc/}; done"
SIGNAL = """
try { process.kill(Number(process.argv[1]), 'SIGKILL'); console.log('"done"') }
catch (error) { console.log(JSON.stringify(error.code)) }
"""
DAEMON = """
require('child_process').spawn('sleep', [process.argv[1]], { detached: true, stdio: 'ignore' }).unref()
"""
RAISED = "\x7f" * 16
"""Both halves of a limit, far above what is given."""
FIRST_REALTIME_PRIORITY = "\x01\0\0\0"


def host_processes(room: Room) -> Outcome:
    with canary() as process:
        word = str(process.args[-1])  # type: ignore[index]  # a list, as it was started
        seen = output_of(room.container, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'").split()
    others = len(shell(room.container, "ls -d /proc/[0-9]*"))
    return (
        word not in seen and "sh" in seen,
        f"{others} processes to be seen, the host's {'among' if word in seen else 'not among'} them",
    )


def host_signals(room: Room) -> Outcome:
    with canary() as process:
        answer = node(room.container, SIGNAL, str(process.pid))
        lives = process.poll() is None
    return lives and answer in ("ESRCH", "EPERM"), f"{answer}, the host's process {'lives' if lives else 'is dead'}"


def kill_everything(room: Room) -> Outcome:
    """In a room of its own, which may well end by it."""
    with canary() as process, room.another() as doomed:
        try:
            doomed.exec(["sh", "-c", "kill -9 -1; kill -9 1"], timeout_s=10)
            how = "its own room goes on"
        except ContainerGone:
            how = "its own room ended"
        lives = process.poll() is None
        goes_on = room.container.exec(["true"], timeout_s=10).exit_code == 0
    return lives and goes_on, f"{how}, the host's process and the other room live: {lives and goes_on}"


def supervisor(room: Room) -> Outcome:
    # The kernel drops both signals of a site to its first process; but while somebody traces that process from outside,
    # it hands them to the tracer first, and a stop then counts as the tracer's own.
    traced = _is_traced()
    output_of(room.container, "sh", "-c", f"kill -9 1; {'' if traced else 'kill -STOP 1; '}true")
    # Tracing also stops it for a moment with each call; a site would stop it for good.
    told = output_of(room.container, "sh", "-c", "for n in 1 2 3 4 5; do grep State /proc/1/status; sleep 0.1; done")
    states = [line.split(":")[1].strip() for line in told.splitlines()]
    how = f"the first process afterwards: {' and '.join(dict.fromkeys(states))}"
    return "S (sleeping)" in states, how + ("; SIGSTOP was left out, as a tracer watches" if traced else "")


def _is_traced() -> bool:
    """Also by a tracer outside of this name space of processes, whom `TracerPid` does not name: nobody has two."""
    asks = "import ctypes; print(ctypes.CDLL(None).ptrace(0, 0, 0, 0))"  # PTRACE_TRACEME, in a process of its own
    return subprocess.run([sys.executable, "-I", "-c", asks], stdout=subprocess.PIPE, check=True).stdout == b"-1\n"


def holders(room: Room) -> list[str]:
    return shell(room.container, HOLDERS)


def server_memory(room: Room) -> Outcome:
    """Who writes to the server's memory holds its sockets, and answers the host in its name."""
    return refused(answers_to(room.container, "open", [f"/proc/{pid}/mem" for pid in holders(room)]), NOT_ALLOWED)


def server_descriptors(room: Room) -> Outcome:
    paths = [f"/proc/{pid}/fd/{number}" for pid in holders(room) for number in (3, 4)]
    return refused(answers_to(room.container, "open", paths), NOT_ALLOWED | {"ENXIO", "ENOENT"})


def tracing(room: Room) -> Outcome:
    attach, seize = 16, 0x4206
    return refused_calls(room.container, {"attach": (101, attach, 1), "seize": (101, seize, 1), "compare": (312, 1, 1)})


def process_memory(room: Room) -> Outcome:
    return refused_calls(
        room.container, {"read": (310, 1), "write": (311, 1), "advise": (440, 1), "descriptor": (438, 1)}
    )


def priority(room: Room) -> Outcome:
    raised, first_in_first_out = 2**64 - 5, 1
    return refused_calls(
        room.container,
        {"nice": (141, 0, 0, raised), "realtime": (144, 0, first_in_first_out, FIRST_REALTIME_PRIORITY)},
    )


def own_limits(room: Room) -> Outcome:
    numbers = {"processes": 6, "files": 7, "core": 4}
    return refused_calls(room.container, {name: (302, 0, number, RAISED) for name, number in numbers.items()})


def memory_shield(room: Room) -> Outcome:
    told = room.container.exec(["bash", "-c", "echo -1000 > /proc/$$/oom_score_adj"], timeout_s=10)
    return told.exit_code != 0 and "ermission denied" in told.stderr, told.stderr.strip().rpartition(": ")[
        2
    ] or "spared"


def control_groups(room: Room) -> Outcome:
    groups = shell(room.container, "find /sys/fs/cgroup -maxdepth 1")
    made = answers_to(room.container, "make", groups)
    files = [f"{group}/{name}" for group in groups for name in ("cgroup.procs", "release_agent", "notify_on_release")]
    return judged_groups(made, answers_to(room.container, "open", files))


def judged_groups(made: Mapping[str, str], opened: Mapping[str, str]) -> Outcome:
    there = {path: answer for path, answer in {**made, **opened}.items() if answer != "ENOENT"}
    return refused(there, NOT_ALLOWED)


def background(room: Room) -> Outcome:
    """What a command leaves running is ended before the next files arrive."""
    word = marker()
    output_of(room.container, "node", "-e", DAEMON, "--", word)
    before = processes_with(word)
    room.container.replace({})
    after = processes_with(word)
    return bool(before) and not after, f"{len(before)} left behind by a command, {len(after)} after the next files came"


def after_timeout(room: Room) -> Outcome:
    word = marker()
    script = "trap '' TERM; node -e \"$0\" -- $1; sleep $1"
    ended = room.container.exec(["sh", "-c", script, DAEMON, word], timeout_s=1)
    left = processes_with(word)
    return ended.timed_out and not left, f"ended at its limit: {ended.timed_out}; {len(left)} processes left"


def after_closing(room: Room) -> Outcome:
    word = marker()
    with room.another() as doomed:
        output_of(doomed, "node", "-e", DAEMON, "--", word)
        before = processes_with(word)
    left = processes_with(word)
    return bool(before) and not left, f"{len(before)} processes while it ran, {len(left)} after it was closed"


def outstay(room: Room) -> Outcome:
    word = marker()
    with room.another(ContainerSettings(lifetime_s=3)) as doomed:
        try:
            doomed.exec(["sleep", word], timeout_s=15)
        except ContainerGone as end:
            return not processes_with(word), str(end)
    return False, "it outlived its time"


PROCESSES = (
    Probe("host-processes", "see a process of this machine", host_processes),
    Probe("host-signals", "end a process of this machine", host_signals),
    Probe("kill-everything", "end everything that can be named", kill_everything),
    Probe("supervisor", "end or halt the room's first process", supervisor),
    Probe("server-memory", "write to the memory of the site's own server", server_memory),
    Probe("server-descriptors", "take the sockets of the site's own server", server_descriptors),
    Probe("tracing", "trace or compare another process", tracing),
    Probe("process-memory", "read, write or take from another process by a call", process_memory),
    Probe("priority", "run before everybody else", priority),
    Probe("own-limits", "raise one's own limits", own_limits),
    Probe("memory-shield", "be spared when memory runs out", memory_shield),
    Probe("control-groups", "change or leave the control group", control_groups),
    Probe("background", "outlive a command in the background", background),
    Probe("after-timeout", "outlive the time limit of a command", after_timeout),
    Probe("after-closing", "outlive the room", after_closing),
    Probe("outstay", "stay longer than a room may live", outstay),
)
