"""The system calls a site's processes may make, derived from podman's own default list.

Left out on top of it: making or entering namespaces, mounting, tracing and reading other processes, keyrings,
io_uring, BPF, and every socket family but unix, IPv4, IPv6 and routing netlink. 32-bit calls are not accepted at all.
"""

from collections.abc import Mapping
from typing import Any, Final

Profile = Mapping[str, Any]

REMOVED: Final = (
    "unshare setns mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick pivot_root "
    "chroot keyctl add_key request_key bpf userfaultfd perf_event_open ptrace process_vm_readv process_vm_writev "
    "process_madvise process_mrelease kcmp pidfd_getfd io_uring_setup io_uring_enter io_uring_register "
    "open_by_handle_at name_to_handle_at clone clone3 socket socketcall memfd_secret fanotify_init quotactl "
    "quotactl_fd acct swapon swapoff syslog modify_ldt vm86 vm86old lookup_dcookie"
)
NAMESPACE_FLAGS: Final = 0x7E020000
"""Every CLONE_NEW* flag that clone() knows."""
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16


def site_profile(default: Profile) -> dict[str, Any]:
    """`default` is podman's seccomp.json; rules that need a capability go, because sites have none."""
    removed = frozenset(REMOVED.split())
    kept = [
        {**rule, "names": [name for name in rule["names"] if name not in removed]}
        for rule in default["syscalls"]
        if "caps" not in (rule.get("includes") or {})
    ]
    return {
        **default,
        "archMap": [{**arch, "subArchitectures": []} for arch in default["archMap"]],
        "syscalls": [*(rule for rule in kept if rule["names"]), *OWN_RULES],
    }


def allow(name: str, *arguments: Mapping[str, int | str]) -> dict[str, Any]:
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": list(arguments), "includes": {}, "excludes": {}}


def equals(index: int, value: int) -> dict[str, int | str]:
    return {"index": index, "value": value, "valueTwo": 0, "op": "SCMP_CMP_EQ"}


NO_NEW_NAMESPACE: Final[Mapping[str, int | str]] = {
    "index": 0,
    "value": NAMESPACE_FLAGS,
    "valueTwo": 0,
    "op": "SCMP_CMP_MASKED_EQ",
}
# clone3 keeps its flags in memory where a filter cannot look; without it libc falls back to clone.
OWN_RULES: Final = (
    allow("clone", NO_NEW_NAMESPACE),
    allow("socket", equals(0, AF_UNIX)),
    allow("socket", equals(0, AF_INET)),
    allow("socket", equals(0, AF_INET6)),
    allow("socket", equals(0, AF_NETLINK), equals(2, 0)),
)
