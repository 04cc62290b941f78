"""Rights a site could hold, gain, or get by a namespace of its own."""

from collections.abc import Mapping

from sandbox.probe_room import (
    Outcome,
    Probe,
    Room,
    answers_to,
    call_codes,
    judged_calls,
    output_of,
    refused_calls,
    shell,
)
from sandbox.system_call import LEGACY_CALL, program

CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
NEW = {"mounts": 0x00020000, "groups": 0x02000000, "names": 0x04000000, "ipc": 0x08000000, "user": 0x10000000}
NEW |= {"processes": 0x20000000, "network": 0x40000000, "time": 0x00000080}
CHILD_SIGNAL = 17
OUTDATED_ABI = 0x40000000
"""Added to a call's number it asks for the same call by the x32 table."""


def status_of(room: Room) -> dict[str, str]:
    lines = output_of(room.container, "cat", "/proc/self/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def capabilities(room: Room) -> Outcome:
    return judged_capabilities(status_of(room))


def judged_capabilities(status: Mapping[str, str]) -> Outcome:
    held = {name: status[name] for name in CAPABILITY_SETS if int(status[name], 16)}
    return not held, ", ".join(f"{name} {value}" for name, value in held.items()) or "all five sets are empty"


def new_rights(room: Room) -> Outcome:
    return (told := status_of(room)["NoNewPrivs"]) == "1", f"no new rights: {told}"


def call_filter(room: Room) -> Outcome:
    """Mode 2 is a filter; and a call that it must not know goes to nobody."""
    mode = status_of(room)["Seccomp"]
    blocked, how = refused_calls(room.container, {"kexec": (246,), "afs": (183,)})
    return mode == "2" and blocked, f"mode {mode}; {how}"


def setuid_programs(room: Room) -> Outcome:
    # One is enough, and the usual places come first: without a wall the machine's whole disk lies below the root.
    found = shell(room.container, "find /usr/bin /usr/sbin / -xdev -perm /6000 -type f -print -quit 2>/dev/null")
    return not found, f"found: {' '.join(found[:5])}" if found else "the image holds none"


def real_root(room: Room) -> Outcome:
    """Root inside the room is this account outside; the site is not even that."""
    calls = {"setuid": (105, 0), "setgid": (106, 0), "setresuid": (117, 0, 0, 0), "setgroups": (116, 0, 0)}
    return refused_calls(room.container, calls)


def user_namespace(room: Room) -> Outcome:
    new = NEW["user"]
    return refused_calls(
        room.container, {"unshare": (272, new), "clone": (56, new | CHILD_SIGNAL), "clone3": (435, 0, 0)}
    )


def other_namespaces(room: Room) -> Outcome:
    """With and without a new user, which is what would give the right to make them."""
    kinds = {name: flag for name, flag in NEW.items() if name != "user"}
    alone = {name: (272, flag) for name, flag in kinds.items()}
    return refused_calls(
        room.container, {**alone, **{f"user-{name}": (272, flag | NEW["user"]) for name, flag in kinds.items()}}
    )


def entering(room: Room) -> Outcome:
    standard_input = 0
    return refused_calls(
        room.container, {"any": (308, standard_input, 0), "network": (308, standard_input, NEW["network"])}
    )


def mounting(room: Room) -> Outcome:
    calls = {"mount": 165, "umount": 166, "open-tree": 428, "move": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432}
    calls |= {"fspick": 433, "attributes": 442}
    return refused_calls(room.container, {name: (number,) for name, number in calls.items()})


def other_root(room: Room) -> Outcome:
    return refused_calls(room.container, {"pivot-root": (155, "."), "chroot": (161, ".")})


def keyrings(room: Room) -> Outcome:
    return refused_calls(room.container, {"keyctl": (250, 1), "add-key": (248,), "request-key": (249,)})


def other_call_tables(room: Room) -> Outcome:
    """The 32-bit calls have other numbers: a filter that forgets them is none."""
    get_own_id, get_own_id_32 = 39, 20
    programs = {"x32": program(OUTDATED_ABI | get_own_id), "i386": program(get_own_id_32, call=LEGACY_CALL)}
    return judged_calls(call_codes(room.container, programs))


def submission_rings(room: Room) -> Outcome:
    """A ring makes calls that no filter sees."""
    return refused_calls(room.container, {"setup": (425, 8), "enter": (426,), "register": (427,)})


def kernel_programs(room: Room) -> Outcome:
    return refused_calls(room.container, {"bpf-map": (321, 0), "bpf-program": (321, 5), "perf": (298,)})


def page_faults(room: Room) -> Outcome:
    return refused_calls(room.container, {"userfaultfd": (323,), "secret-memory": (447,)})


def file_handles(room: Room) -> Outcome:
    """A handle names a file by its number on the disk, past every folder's rights."""
    return refused_calls(room.container, {"open": (304,), "name": (303,), "watch": (300,)})


def kernel_modules(room: Room) -> Outcome:
    calls = {"init": (175,), "init-file": (313,), "delete": (176, "none"), "kexec": (246,), "kexec-file": (320,)}
    return refused_calls(room.container, calls)


def machine_control(room: Room) -> Outcome:
    """With numbers that would do nothing: reboot() without its magic ones."""
    calls = {"reboot": (169,), "swap-on": (167, "none"), "swap-off": (168, "none"), "account": (163, "none")}
    calls |= {"quota": (179,), "host-name": (170, "site", 4), "domain-name": (171, "site", 4)}
    return refused_calls(room.container, calls)


def clocks(room: Room) -> Outcome:
    # The right is asked for before the time is looked at; this time, the beginning of 1970, lies before any start.
    return refused_calls(room.container, {"set": (227, 0, "\0" * 15), "day": (164, "\0" * 15)})


def hardware_ports(room: Room) -> Outcome:
    return refused_calls(room.container, {"level": (172, 3), "permission": (173, 0, 1, 1)})


def kernel_log(room: Room) -> Outcome:
    read_all = 3
    blocked, how = refused_calls(room.container, {"syslog": (103, read_all, 0, 0)})
    answers = answers_to(room.container, "read", ["/dev/kmsg", "/proc/kmsg"])
    return blocked and not {"done"} & set(
        answers.values()
    ), f"{how}, {', '.join(f'{k}: {v}' for k, v in answers.items())}"


RIGHTS = (
    Probe("capabilities", "hold a capability", capabilities),
    Probe("new-rights", "gain rights by a program", new_rights),
    Probe("setuid-programs", "find a program that gives more rights", setuid_programs),
    Probe("real-root", "become another user", real_root),
    Probe("user-namespace", "become root in a namespace of its own", user_namespace),
    Probe("other-namespaces", "make any other namespace", other_namespaces),
    Probe("entering", "enter another namespace", entering),
    Probe("mounting", "mount, move or change a file system", mounting),
    Probe("other-root", "take another root folder", other_root),
)
KERNEL = (
    Probe("call-filter", "make a system call past the filter", call_filter),
    Probe("other-call-tables", "make calls by the 32-bit tables", other_call_tables),
    Probe("keyrings", "use the kernel's keyrings", keyrings),
    Probe("submission-rings", "make calls through io_uring", submission_rings),
    Probe("kernel-programs", "load a BPF program, or count events", kernel_programs),
    Probe("page-faults", "hold the kernel up in a page fault, or hide memory from it", page_faults),
    Probe("file-handles", "open a file by its number on the disk", file_handles),
    Probe("kernel-modules", "load a module or another kernel", kernel_modules),
    Probe("machine-control", "restart, rename or swap the machine", machine_control),
    Probe("clocks", "set a clock", clocks),
    Probe("hardware-ports", "speak to hardware ports", hardware_ports),
    Probe("kernel-log", "read the kernel's log", kernel_log),
)
