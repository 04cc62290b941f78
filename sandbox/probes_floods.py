"""Using up what all share: processes, memory, processor, files, log. Each in a room of its own, which it may ruin."""

import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.container import OUTPUT_CHARS, CommandResult, ContainerSettings
from sandbox.errors import ContainerGone, StorageFull
from sandbox.podman import PodmanContainer
from sandbox.probe_room import MIB, NOT_ALLOWED, Outcome, Probe, Room, answers_to, node

PIDS = 100
MEMORY_MIB = 256
CPUS = 0.5
BUSY_S = 2.0
FILES = 4096
PODMANS_SHARE = 10
"""Processes that are not the site's own but run as its user: the first one, the server, and a command's time limit."""
FORK_BOMB = "n=0; while [ $n -lt 2000 ]; do sleep 60 >/dev/null 2>&1 & n=$((n + 1)); done; echo all started"
RECURSION = "f() { f | f & }; f; sleep 1; exit 1"
MEMORY_BOMB = "const held = []; for (;;) held.push(Buffer.alloc(16_000_000, 1))"
# Each one small enough for itself. The first that is ended ends the wait.
CROWD = (
    "for n in 1 2 3 4 5 6; do node -e 'const held = []; for (let i = 0; i < 6; i++) held.push(Buffer.alloc(16e6, 1)); "
    "setTimeout(() => 0, 60e3)' & done; wait -n"
)
SHARED_BOMB = """
const fs = require('fs'), block = Buffer.alloc(16e6, 1)
for (let n = 0; ; n++) fs.writeFileSync(`/tmp/${n}`, block)
"""
FILE_BOMB = """
const fs = require('fs')
let made = 0, code = 'none'
try { for (; made < 4e6; made++) fs.closeSync(fs.openSync(`/tmp/${made}`, 'w')) } catch (error) { code = error.code }
console.log(JSON.stringify({ made, code }))
"""
DESCRIPTOR_BOMB = """
const fs = require('fs')
let held = 0, code = 'none'
try { for (; held < 1e5; held++) fs.openSync('/dev/null') } catch (error) { code = error.code }
console.log(JSON.stringify({ held, code }))
"""
FLOOD = "dd if=/dev/zero bs=1M count=50; dd if=/dev/zero bs=1M count=50 >&2"
BUSY = "for n in 1 2 3 4; do timeout %s sh -c 'while :; do :; done' & done; wait; times"


def bombed(doomed: PodmanContainer, argv: Sequence[str], timeout_s: float) -> CommandResult | str:
    """The result, or why there is none: a bomb may well take its own room along."""
    try:
        return doomed.exec(argv, timeout_s=timeout_s)
    except ContainerGone as end:
        return str(end)


def fork_bomb(room: Room) -> Outcome:
    with room.another(ContainerSettings(pids=PIDS)) as doomed:
        result = bombed(doomed, ["sh", "-c", FORK_BOMB], 30)
        most = doomed.host_usage().processes
    return judged_forks(result, most)


def judged_forks(result: CommandResult | str, most: int) -> Outcome:
    if isinstance(result, str):
        return True, result
    refused = result.exit_code != 0 and "fork" in result.stderr
    return (
        refused and 0 < most <= PIDS + PODMANS_SHARE,
        f"{last_line(result.stderr) or 'all started'}; {most} processes",
    )


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def recursive_forks(room: Room) -> Outcome:
    """Each of them makes two more, faster than anybody could end them."""
    with room.another(ContainerSettings(pids=PIDS)) as doomed:
        result = bombed(doomed, ["sh", "-c", RECURSION], 15)
        return judged_forks(result, doomed.host_usage().processes)


def memory_bomb(room: Room) -> Outcome:
    return outgrown(room, ["node", "-e", MEMORY_BOMB])


def memory_crowd(room: Room) -> Outcome:
    """Many processes, none of them large."""
    return outgrown(room, ["bash", "-c", CROWD])


def memory_files(room: Room) -> Outcome:
    """Files in the memory-backed folders are memory too."""
    with room.another(ContainerSettings(memory_mib=MEMORY_MIB, tmp_mib=4 * MEMORY_MIB)) as doomed:
        return judged_memory(bombed(doomed, ["node", "-e", SHARED_BOMB], 40))


def outgrown(room: Room, argv: Sequence[str]) -> Outcome:
    with room.another(ContainerSettings(memory_mib=MEMORY_MIB)) as doomed:
        return judged_memory(bombed(doomed, argv, 40))


def judged_memory(result: CommandResult | str) -> Outcome:
    if isinstance(result, str):
        return "MiB" in result, result
    if result.out_of_memory:
        return True, "ended at its limit"
    return False, f"exit code {result.exit_code}, timed out: {result.timed_out}"


def file_bomb(room: Room) -> Outcome:
    """Empty files take no room on the disk, but the kernel's memory."""
    with room.another(ContainerSettings(memory_mib=MEMORY_MIB // 2)) as doomed:
        result = bombed(doomed, ["node", "-e", FILE_BOMB], 40)
    if isinstance(result, CommandResult) and result.exit_code == 0:
        return "ENOSPC" in result.stdout, result.stdout.strip()
    return judged_memory(result)


def descriptor_bomb(room: Room) -> Outcome:
    told = node(room.container, DESCRIPTOR_BOMB)
    return told["code"] == "EMFILE" and told["held"] < FILES, f"{told['code']} after {told['held']}"


def busy_processors(room: Room) -> Outcome:
    with room.another(ContainerSettings(cpus=CPUS)) as doomed:
        started = time.monotonic()
        result = doomed.exec(["bash", "-c", BUSY % BUSY_S], timeout_s=30)
        elapsed_s = time.monotonic() - started
    return judged_busy(result.stdout, elapsed_s)


def judged_busy(told: str, elapsed_s: float) -> Outcome:
    """The last line is what the children used: minutes and seconds in programs, then in the kernel."""
    times = told.strip().splitlines()[-1]
    used_s = sum(
        float(minutes) * 60 + float(seconds)
        for minutes, _, seconds in (word.rstrip("s").partition("m") for word in times.split())
    )
    allowed_s = CPUS * elapsed_s * 1.2  # periods of the scheduler begin and end elsewhere than the clock
    return 0 < used_s <= allowed_s, f"{used_s:.1f} s used in {elapsed_s:.1f} s, {CPUS:g} processors given"


def log_flood(room: Room) -> Outcome:
    """What the first process prints goes to this machine's disk."""
    answers = answers_to(room.container, "open", ["/proc/1/fd/1", "/proc/1/fd/2"])
    if all(answer in NOT_ALLOWED for answer in answers.values()):
        return True, "the log cannot be written to"
    with room.another() as flooded:
        flooded.exec(["sh", "-c", "tr '\\0' '\\n' < /dev/zero > /proc/1/fd/1"], timeout_s=2)
        size_mib = log_bytes(flooded) / MIB
    return 0 < size_mib < 5, f"log held at {size_mib:.1f} MiB"


def log_bytes(container: PodmanContainer) -> int:
    path = container.engine.run(["podman", "inspect", "--format={{.HostConfig.LogConfig.Path}}", container.name])
    return sum(file.stat().st_size for file in Path(path).parent.glob("ctr.log*"))


def output_flood(room: Room) -> Outcome:
    result = room.container.exec(["sh", "-c", FLOOD], timeout_s=20)
    kept = len(result.stdout) + len(result.stderr)
    all_of_it = 2 * 50 * MIB
    return OUTPUT_CHARS < kept < all_of_it / 100, f"{kept} of {all_of_it} characters kept"


def quota_of_files(room: Room) -> Outcome:
    """The host's own files count too."""
    with room.another(ContainerSettings(workspace_mib=4)) as small:
        try:
            small.replace({f"{n}.bin": bytes(MIB) for n in range(8)})
        except StorageFull as refusal:
            return True, str(refusal)
    return False, "8 MiB went into 4"


FLOODS = (
    Probe("fork-bomb", "start processes without end", fork_bomb),
    Probe("recursive-forks", "start processes that start processes", recursive_forks),
    Probe("memory-bomb", "take all memory", memory_bomb),
    Probe("memory-crowd", "take all memory by many small processes", memory_crowd),
    Probe("memory-files", "take all memory by files in memory", memory_files),
    Probe("file-bomb", "make empty files without end", file_bomb),
    Probe("descriptor-bomb", "open files without end", descriptor_bomb),
    Probe("busy-processors", "take all processors", busy_processors),
    Probe("log-flood", "fill the disk with log lines", log_flood),
    Probe("output-flood", "print more than the host can hold", output_flood),
    Probe("quota", "have the host put in more than fits", quota_of_files),
)
