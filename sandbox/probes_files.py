"""Files, devices and kernel settings that are not the site's."""

import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.probe_room import (
    MIB,
    NO_SUCH,
    NOT_ALLOWED,
    Outcome,
    Probe,
    Room,
    answers_to,
    output_of,
    refused,
    refused_calls,
    refused_files,
    secret_file,
    shell,
)

HOST_FILES = (
    "/etc/shadow /etc/gshadow /etc/machine-id /etc/ssh /etc/sudoers /etc/ssl/private /home /root /root/.ssh /boot "
    "/media /mnt /opt /var/lib /var/log /var/spool /var/lib/containers /run/user /run/systemd /lib/modules"
)
FORBIDDEN_PLACES = (
    "/ /bin /dev /dev/pts /etc /lib /proc /proc/sys /proc/sys/kernel /proc/1 /root /run /srv /srv/kit /sys "
    "/sys/fs/cgroup /usr /usr/bin /usr/lib /usr/local/bin /var /var/tmp /node_modules"
)
LENT_FILES = "/etc/hosts /etc/hostname /etc/resolv.conf /run/.containerenv /dev/init /sbin/init /catatonit /etc/passwd"
PROGRAMS = "/srv/serve.mjs /usr/bin/node /usr/local/bin/node /bin/sh /bin/timeout /usr/lib/x86_64-linux-gnu/libc.so.6"
SAFE_DEVICES = "console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
WRITABLE = {"/srv/site": 128, "/tmp": 64, "/dev/shm": 16}
"""Places a site may write to, and what fits, in MiB."""
VIRTUAL = frozenset({"tmpfs", "devtmpfs", "devpts", "mqueue", "proc", "sysfs", "cgroup", "cgroup2"})
SETTINGS = (
    "kernel/core_pattern kernel/modprobe kernel/hostname kernel/sysrq kernel/shmmax kernel/pid_max "
    "vm/overcommit_memory vm/drop_caches net/ipv4/ip_forward net/ipv4/ping_group_range fs/file-max "
    "fs/binfmt_misc/register user/max_user_namespaces"
)
MASKED = (
    "/proc/kcore /proc/keys /proc/timer_list /proc/latency_stats /proc/sched_debug /proc/acpi /proc/scsi /sys/firmware "
    "/proc/interrupts /proc/cmdline /proc/kallsyms /proc/modules"
)


def host_files(room: Room) -> Outcome:
    """A path may well exist in the image; what counts is whether it is this machine's own file."""
    with secret_file(Path("/tmp")) as secret:
        return own_to_host(room, [*HOST_FILES.split(), str(secret), "/tmp", "/"])


def appliance_files(room: Room) -> Outcome:
    """Where the sites, models and settings of all runs lie, and the container's own storage."""
    with secret_file(room.podman.home) as secret:
        places = [secret, room.podman.home, room.podman.home / "storage", room.podman.run_folder, room.container.socket]
        return own_to_host(room, [str(place) for place in places])


def own_to_host(room: Room, paths: list[str]) -> Outcome:
    return judged_identities(answers_to(room.container, "identity", paths), {path: identity(path) for path in paths})


def judged_identities(inside: Mapping[str, str], outside: Mapping[str, str]) -> Outcome:
    seen = [path for path, told in inside.items() if ":" in told and told == outside[path]]
    return not seen and bool(inside), f"seen: {', '.join(seen)}" if seen else f"none of {len(inside)} is there"


def identity(path: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116  # beside the same call inside
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}"


def climbing(room: Room) -> Outcome:
    roots = ["/", "/..", "/proc/1/root", "/proc/self/root", "/proc/self/cwd/../../../../..", "/dev/fd/../../../.."]
    told = answers_to(room.container, "identity", roots)
    above = {path: answer for path, answer in told.items() if answer not in {told["/"], *NO_SUCH, *NOT_ALLOWED}}
    return not above and told["/"] != identity(
        "/"
    ), f"elsewhere: {above}" if above else "all roads lead to the own root"


def storage_path(room: Room) -> Outcome:
    """The mount table names the folders of this machine in which the image lies."""
    table = output_of(room.container, "cat", "/proc/self/mounts")
    options = [option for line in table.splitlines() for option in line.split()[3].split(",")]
    folders = [part for option in options if "dir=" in option for part in option.split("=", 1)[1].split(":")]
    return refused(answers_to(room.container, "read", [place for place in folders if place.startswith("/")]), NO_SUCH)


def writing_outside(room: Room) -> Outcome:
    return refused_files(answers_to(room.container, "create", FORBIDDEN_PLACES.split()))


def lent_files(room: Room) -> Outcome:
    """Podman lends a few files of this machine to every container."""
    return refused_files(answers_to(room.container, "open", LENT_FILES.split()))


def own_programs(room: Room) -> Outcome:
    """What commands and pages are served with must be the same for the next one."""
    return refused_files(answers_to(room.container, "open", PROGRAMS.split()))


def shared_folders(room: Room) -> Outcome:
    """No folder of this machine may be mounted for writing."""
    return judged_mounts(output_of(room.container, "cat", "/proc/self/mountinfo"))


def judged_mounts(table: str) -> Outcome:
    lines = [line.split() for line in table.splitlines()]
    mounts = [(fields[3], fields[4], fields[5], fields[fields.index("-") + 1]) for fields in lines]
    # Mounted whole, these kinds hold nothing of the host's; single devices are lent below /dev, and masks are one.
    writable = [
        place
        for root, place, options, kind in mounts
        if "rw" in options.split(",")
        and not place.startswith(("/dev/", "/proc/"))
        and (root != "/" or kind not in VIRTUAL)
    ]
    return bool(
        mounts
    ) and not writable, f"writable: {' '.join(writable)}" if writable else f"{len(mounts)} mounts, none"


def mount_flags(room: Room) -> Outcome:
    """Where a site can write, neither a setuid file nor a device counts."""
    return judged_flags(output_of(room.container, "cat", "/proc/self/mounts"))


def judged_flags(table: str) -> Outcome:
    options = {fields[1]: set(fields[3].split(",")) for fields in map(str.split, table.splitlines())}
    weak = [place for place in WRITABLE if not {"nosuid", "nodev"} <= options.get(place, set())]
    return not weak, f"without: {' '.join(weak)}" if weak else f"nosuid and nodev on {', '.join(WRITABLE)}"


def giving_away(room: Room) -> Outcome:
    return refused(answers_to(room.container, "away", [f"{place}/probe" for place in WRITABLE]), NOT_ALLOWED)


def disk_fill(room: Room) -> Outcome:
    script = "; ".join(
        f"dd if=/dev/zero of={place}/fill bs=1M count=400 2>/dev/null; stat -c %s {place}/fill" for place in WRITABLE
    )
    sizes = [int(word) for word in shell(room.container, script)]
    output_of(room.container, "rm", "-f", *(f"{place}/fill" for place in WRITABLE))
    return judged_sizes(dict(zip(WRITABLE, sizes, strict=True)))


def judged_sizes(sizes: Mapping[str, int]) -> Outcome:
    held = all(0 < sizes[place] <= limit * MIB for place, limit in WRITABLE.items())
    return held, ", ".join(f"{place} stopped at {size // MIB} MiB" for place, size in sizes.items())


def device_files(room: Room) -> Outcome:
    extra = set(shell(room.container, "ls /dev")) - set(SAFE_DEVICES.split())
    disks = shell(room.container, "find / -xdev -type b 2>/dev/null; find /dev -type b")
    return (
        not extra and not disks,
        f"found: {' '.join(sorted({*extra, *disks}))}" if extra or disks else "none but the usual",
    )


def device_nodes(room: Room) -> Outcome:
    characters, blocks, here = 0o020666, 0o060666, 2**64 - 100
    memory, disk = (1 << 8) | 1, 8 << 8
    calls: dict[str, tuple[int | str, ...]] = {
        "memory": (133, "mem", characters, memory),
        "disk": (133, "sda", blocks, disk),
    }
    return refused_calls(room.container, {**calls, "relative": (259, here, "mem2", characters, memory)})


def terminal(room: Room) -> Outcome:
    """Who has the user's terminal can type into it."""
    return refused(
        answers_to(room.container, "open", ["/dev/tty", "/dev/console"]), NOT_ALLOWED | NO_SUCH | {"ENXIO", "EIO"}
    )


def kernel_settings(room: Room) -> Outcome:
    return refused_files(answers_to(room.container, "rewrite", [f"/proc/sys/{name}" for name in SETTINGS.split()]))


def kernel_switches(room: Room) -> Outcome:
    """The folders that switch devices, and the file by which one key restarts the machine."""
    found = shell(room.container, "find /sys -type f -writable 2>/dev/null | head -5")
    blocked, how = refused_files(
        answers_to(
            room.container,
            "open",
            ["/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/ksm/run"],
        )
    )
    return blocked and not found, f"writable: {' '.join(found)}" if found else how


def kernel_memory(room: Room) -> Outcome:
    return refused(answers_to(room.container, "read", MASKED.split()), NO_SUCH | NOT_ALLOWED | {"empty"})


def host_identity(room: Room) -> Outcome:
    """Names and settings of this machine: nothing of the environment, and no name."""
    script = (
        "env; cat /etc/hostname /etc/resolv.conf /etc/hosts /proc/1/environ /proc/sys/kernel/hostname 2>/dev/null; true"
    )
    return judged_identity(output_of(room.container, "sh", "-c", script), os.environ, os.uname().nodename)


def judged_identity(told: str, environment: Mapping[str, str], name: str) -> Outcome:
    own = {"/usr/local/bin:/usr/bin:/bin", "C.UTF-8", "/tmp", "/srv/site"}
    secrets = {name, *environment.values(), *environment.get("PATH", "").split(":")} - own
    text = told.replace("/usr/local/bin:/usr/bin:/bin", "")
    shown = sorted(word for word in secrets if len(word) > 5 and word in text)
    return not shown, f"shown: {' '.join(shown)}" if shown else "neither names nor settings of the host"


FILES = (
    Probe("host-files", "see this machine's files", host_files),
    Probe("appliance-files", "see the appliance's own data", appliance_files),
    Probe("climbing", "climb above the root folder", climbing),
    Probe("storage-path", "reach the storage that the mount table names", storage_path),
    Probe("writing-outside", "write anywhere but to the site's own places", writing_outside),
    Probe("lent-files", "write to the files that podman lends", lent_files),
    Probe("own-programs", "change the programs the site is served with", own_programs),
    Probe("shared-folders", "find a folder of this machine to write to", shared_folders),
    Probe("mount-flags", "write a setuid program or a device that counts", mount_flags),
    Probe("giving-away", "make a file that belongs to root", giving_away),
    Probe("disk-fill", "fill the disk", disk_fill),
)
DEVICES = (
    Probe("device-files", "find a device", device_files),
    Probe("device-nodes", "make a device", device_nodes),
    Probe("terminal", "type into the user's terminal", terminal),
    Probe("kernel-settings", "change a kernel setting", kernel_settings),
    Probe("kernel-switches", "switch a device, or press the key that restarts", kernel_switches),
    Probe("kernel-memory", "read the kernel's memory, addresses or command line", kernel_memory),
    Probe("host-identity", "learn this machine's name or settings", host_identity),
)
