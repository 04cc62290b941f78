"""The whole way without a network, as root: `python -m tests.airgap --bundle FOLDER [--key FILE] [--json]`.

A bare Debian root is made by mmdebstrap (which needs a network, before the test). Each stage then runs in it, in name
spaces of its own with nothing but loopback, below strace: every connect, sendto, sendmsg and sendmmsg of every process
is counted that names a place outside loopback, failed ones too, and every DNS look-up. Needs mmdebstrap, strace and
iproute2.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.airgap.counted import TRACED, Counts, count

MODEL = "qwen2.5-coder-0.5b"
PLACE = "/opt/webgen-appliance"
BRIEF = "A one-page site for a bakery, white background, teal buttons"
STAGE_TIMEOUT_S = 3600
CGROUPS, CGROUP = Path("/sys/fs/cgroup"), "appliance"
# A root that was only changed by chroot may make no user namespaces, which Chromium and podman need.
START = """
ip link set lo up
root=$1 bundle=$2; shift 2
mount --make-rprivate / && mount --bind "$root" "$root" && cd "$root"
mkdir -p srv/bundle old && mount --bind "$bundle" srv/bundle && mount -o remount,bind,ro srv/bundle
mount --rbind /dev dev && mount --rbind /sys sys && mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
pivot_root . old && cd / && umount -l /old && mount --make-rshared /
exec /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
"""
# A resolver that does not exist outside: without one, look-ups would go to loopback and pass unseen.
RESOLVER = "nameserver 192.0.2.53\n"
AS_ACCOUNT = """
uid=$(id -u appliance)
install -d -m 700 -o appliance -g appliance /run/user/$uid
cd %s
exec setpriv --reuid appliance --regid appliance --init-groups env HOME=/var/lib/appliance \
    XDG_RUNTIME_DIR=/run/user/$uid USER=appliance LOGNAME=appliance OMP_NUM_THREADS=1 .venv/bin/python -B -m %s
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """`tries` stages are probes that try to get out; they show that the counter sees it."""

    name: str
    command: list[str]
    tries: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    stage: str
    exit_code: int
    seconds: float
    tries: bool
    counts: Counts

    @property
    def is_good(self) -> bool:
        attempts = self.counts.outside + self.counts.look_ups
        return self.exit_code == 0 and (attempts > 0 if self.tries else attempts == 0)


def stages(key: str | None) -> list[Stage]:
    keyed = [] if key is None else ["--key", f"/srv/{key}"]
    # strace stops at each system call, and threads that wait for each other make millions.
    settings = [f"APPLIANCE_GENERATE__MODEL={MODEL}", "APPLIANCE_ENGINE__THREADS=1"]
    appliance = ["env", *settings, f"{PLACE}/.venv/bin/appliance"]
    return [
        Stage("nothing is there", ["sh", "-c", "! command -v python3 && ! command -v podman && ! ls /opt/*"]),
        Stage("packages", ["sh", "/srv/bundle/packages"]),
        Stage("install", ["sh", "/srv/bundle/install", "--to", PLACE, *keyed]),
        Stage("install again", ["sh", "/srv/bundle/install", "--to", PLACE, *keyed]),
        Stage("verify", [*appliance, "bundle", "verify", "/srv/bundle", *keyed]),
        Stage("doctor", [*appliance, "doctor"]),
        Stage("walls", [*appliance, "sandbox", "check"], tries=True),
        Stage("generate", [*appliance, "generate", BRIEF, "--steps", "2", "--drafts", "1", "--json"]),
        Stage("interface in Chromium", ["sh", "-ec", AS_ACCOUNT % (PLACE, "tests.airgap.interface")]),
        Stage("one training update", ["sh", "-ec", AS_ACCOUNT % (PLACE, "tests.airgap.update")]),
    ]


def bare_root(work: Path) -> Path:
    """Unpacked anew each time; the archive is made once."""
    archive, root = work / "bare-root.tar", work / "root"
    if not archive.exists():
        part = work / "bare-root.part.tar"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", part], check=True)
        part.rename(archive)
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(mode=0o755)
    subprocess.run(["tar", "-C", root, "-xpf", archive, "--exclude=./dev/*"], check=True)
    (root / "etc" / "resolv.conf").write_text(RESOLVER)
    return root


def run(stage: Stage, root: Path, bundle: Path, work: Path) -> Result:
    """Output goes to a file per stage in `work`."""
    trace, told = work / f"{stage.name.replace(' ', '-')}.strace", work / f"{stage.name.replace(' ', '-')}.log"
    spaces = ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child"]
    # Not --seccomp-bpf, which is faster: it takes away the right to gain rights, and podman's newuidmap needs that.
    tracer = ["strace", "--follow-forks", "-qq", "-e", f"trace={TRACED}", "-o", str(trace)]
    begun = time.monotonic()
    with told.open("wb") as output:
        words = [*tracer, *spaces, "sh", "-ec", START, "start", str(root), str(bundle), *stage.command]
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=STAGE_TIMEOUT_S, check=False
        )
    with trace.open(errors="replace") as lines:
        return Result(stage.name, done.returncode, round(time.monotonic() - begun, 1), stage.tries, count(lines))


@contextmanager
def control_groups_kept() -> Iterator[None]:
    """The root sees this machine's control groups, and gives those of the account's name to its own account."""
    kept = [*CGROUPS.glob(f"*/{CGROUP}"), *CGROUPS.glob(f"*/{CGROUP}/cgroup.procs")]
    owners = [(path, path.stat()) for path in kept]
    try:
        yield
    finally:
        for path, was in owners:
            os.chown(path, was.st_uid, was.st_gid)


def results(bundle: Path, key: Path | None, work: Path, only: list[str]) -> Iterator[Result]:
    root = work / "root" if only else bare_root(work)
    if key is not None:
        shutil.copy(key, root / "srv" / key.name)
    for stage in stages(None if key is None else key.name):
        if only and stage.name not in only:
            continue
        result = run(stage, root, bundle, work)
        yield result
        if result.exit_code != 0 and stage.name in ("packages", "install"):
            return


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.airgap")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/var/tmp/webgen-airgap"))
    parser.add_argument(
        "--only", action="append", default=[], help="this stage, in the root of the last run; repeatable"
    )
    parser.add_argument("--json", action="store_true")
    wished = parser.parse_args()
    if os.geteuid() != 0:
        print("The air-gap test makes name spaces and a bare root; run it as root.", file=sys.stderr)
        return 3
    os.umask(0o022)
    wished.work.mkdir(mode=0o755, parents=True, exist_ok=True)
    is_good = True
    with control_groups_kept():
        for result in results(wished.bundle.resolve(), wished.key, wished.work, wished.only):
            is_good = is_good and result.is_good
            print(json.dumps(asdict(result)) if wished.json else line(result), flush=True)
    return 0 if is_good else 1


def line(result: Result) -> str:
    counts = result.counts
    outside = f"{counts.outside} outside{f' ({shlex.join(counts.named)})' if counts.named else ''}"
    outside += " (its own probes)" if result.tries else ""
    ended = "done" if result.exit_code == 0 else f"FAILED, code {result.exit_code}"
    inside = f"{counts.look_ups} look-ups, {counts.loopback} inside"
    return f"{result.stage}: {ended} in {result.seconds} s; {outside}, {inside}"


if __name__ == "__main__":
    sys.exit(main())
