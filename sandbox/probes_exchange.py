"""Tricks with what passes between site and host: links, archives, names and special files, in both directions."""

import io
import tarfile
from collections.abc import Callable, Mapping

from sandbox.errors import WorkspaceRefused
from sandbox.probe_room import NOT_ALLOWED, Outcome, Probe, Room, answers_to, output_of, refused, shell
from sandbox.probes_preview import asked
from sandbox.system_call import program
from sandbox.workspace import Limits, unpack

DEEP = """
const fs = require('fs')
for (let depth = 0; depth < 300; depth++) { fs.mkdirSync('d'.repeat(20)); process.chdir('d'.repeat(20)) }
"""
# Names that are no text, that hide what they are, and folders that may not be entered.
STUBBORN = """
const fs = require('fs')
for (const name of [Buffer.from([0xff, 0x62]), '\\u202efdp.exe', 'two\\nlines', 'back\\\\slash', 'n'.repeat(255)])
  fs.writeFileSync(name, 'x')
fs.mkdirSync(Buffer.from([0xfe])); fs.writeFileSync(Buffer.concat([Buffer.from([0xfe]), Buffer.from('/inner')]), 'x')
fs.mkdirSync('closed/inner', { recursive: true }); fs.chmodSync('closed/inner', 0); fs.chmodSync('closed', 0)
"""
KEEPS_LINKING = """
const fs = require('fs'), path = '/tmp/elsewhere'
fs.mkdirSync(path, { recursive: true })
require('child_process').spawn('sh', ['-c', `while :; do ln -sfn ${path} css 2>/dev/null; done`],
  { detached: true, stdio: 'ignore' }).unref()
"""
USUAL = Limits()
SIZE_FIELD = slice(124, 136)
"""Where a tar's header tells the size of a file; the first bit says that it is a plain number."""
NEW = {"index.html": b"<h1>new</h1>", "css/style.css": b"h1 {}"}


def reading(room: Room) -> Outcome:
    """Whether the host refuses to take the site back as it is now; the room is emptied afterwards."""
    try:
        found = room.container.read()
    except WorkspaceRefused as refusal:
        return True, str(refusal)
    finally:
        room.container.replace({})
    return False, f"{len(found)} files were read back"


def link_out(room: Room) -> Outcome:
    output_of(room.container, "sh", "-c", "ln -s /etc/passwd link.html; ln -s / folder; ln -s ../../../etc deep")
    return reading(room)


def hard_link_out(room: Room) -> Outcome:
    """The kernel must refuse links to files outside, and the host those inside."""
    answers = answers_to(room.container, "link", ["/etc/passwd", "/srv/serve.mjs", "/usr/bin/node"])
    outside, how = refused(answers, NOT_ALLOWED | {"ENOENT"})
    output_of(room.container, "sh", "-c", "echo x > a; ln a b")
    inside, told = reading(room)
    return outside and inside, f"outside: {how}; inside: {told}"


def link_in(room: Room) -> Outcome:
    """A folder of the site is a link when the host's files for it arrive."""
    output_of(
        room.container, "sh", "-c", "mkdir -p /tmp/elsewhere; ln -s /tmp/elsewhere css; ln -s /tmp/page index.html"
    )
    return arrived_inside(room)


def link_race(room: Room) -> Outcome:
    """Something makes that link again and again while the files arrive."""
    output_of(room.container, "node", "-e", KEEPS_LINKING)
    return arrived_inside(room)


def arrived_inside(room: Room) -> Outcome:
    room.container.replace(NEW)
    astray = shell(room.container, "find /tmp/elsewhere /tmp/page -type f 2>/dev/null; find . -type l")
    arrived = room.container.read() == NEW
    shell(room.container, "rm -rf /tmp/elsewhere /tmp/page")
    return arrived and not astray, f"went astray: {' '.join(astray)}" if astray else "the files arrived as files"


def paths_in(room: Room) -> Outcome:
    """What a model names its files."""
    tried = [
        "../up",
        "/etc/passwd",
        "a/../../up",
        "back\\slash",
        "nul\0",
        "\u202etxt.exe",
        ".git/config",
        "C:/x",
        "a//b",
    ]
    return refused_by_workspace({repr(path): putting(room, path) for path in tried})


def putting(room: Room, path: str) -> Callable[[], object]:
    return lambda: room.container.replace({path: b"x"})


def refused_by_workspace(attempts: Mapping[str, Callable[[], object]]) -> Outcome:
    accepted = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except WorkspaceRefused:
            continue
        accepted.append(name)
    return not accepted and bool(
        attempts
    ), f"accepted: {' '.join(accepted)}" if accepted else f"{len(attempts)} refused"


def special_files(room: Room) -> Outcome:
    """A pipe would hold a reader for ever; a device or socket is no file."""
    pipe, rights = 0o010666, 133
    room.container.replace({"make": program(rights, "pipe.html", pipe, 0)})
    output_of(room.container, "sh", "-c", "chmod +x make; ./make && rm make && test -p pipe.html")
    status = asked(room, "GET", "/pipe.html").status
    blocked, how = reading(room)
    return blocked and status == 404, f"asked for: {status}; {how}"


def strange_names(room: Room) -> Outcome:
    output_of(room.container, "node", "-e", STUBBORN)
    return reading(room)


def deep_folders(room: Room) -> Outcome:
    output_of(room.container, "node", "-e", DEEP)
    output_of(room.container, "sh", "-c", "touch file")
    return cleared(room)


def stubborn_files(room: Room) -> Outcome:
    output_of(room.container, "node", "-e", STUBBORN)
    return cleared(room)


def cleared(room: Room) -> Outcome:
    """Nothing a site makes may keep the next version out."""
    room.container.replace(NEW)
    left = shell(room.container, "find . -mindepth 1")
    return sorted(left) == ["./css", "./css/style.css", "./index.html"], f"{len(left)} entries afterwards"


def many_files(room: Room) -> Outcome:
    output_of(room.container, "sh", "-c", "for n in $(seq 1000); do : > $n; done")
    return reading(room)


def sparse_file(room: Room) -> Outcome:
    """A file that claims to be larger than this machine."""
    output_of(room.container, "dd", "of=large", "bs=1", "count=0", "seek=8T", "if=/dev/null")
    return reading(room)


def archive(members: Mapping[str, tuple[bytes, str, int]]) -> bytes:
    """A tar as no honest packer makes it: name → (type, link target, size)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, (kind, target, size) in members.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, target, size
            tar.addfile(member, io.BytesIO(bytes(size)))
    return packed.getvalue()


def unpacking(content: bytes, limits: Limits = USUAL) -> Callable[[], object]:
    return lambda: unpack(io.BytesIO(content), limits)


def archive_paths(room: Room) -> Outcome:
    names = ["../up", "/etc/cron.d/job", "a/../../up", "./../up", "a\\..\\up"]
    return refused_by_workspace({name: unpacking(archive({name: (tarfile.REGTYPE, "", 1)})) for name in names})


def archive_links(room: Room) -> Outcome:
    kinds = {"symbolic": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}
    alone = {name: unpacking(archive({"a": (kind, "/etc/passwd", 0)})) for name, kind in kinds.items()}
    through = archive({"a": (tarfile.SYMTYPE, "/etc", 0), "a/passwd": (tarfile.REGTYPE, "", 1)})
    return refused_by_workspace({**alone, "through": unpacking(through)})


def archive_devices(room: Room) -> Outcome:
    kinds = {"pipe": tarfile.FIFOTYPE, "character": tarfile.CHRTYPE, "block": tarfile.BLKTYPE}
    return refused_by_workspace({name: unpacking(archive({"a": (kind, "", 0)})) for name, kind in kinds.items()})


def archive_bombs(room: Room) -> Outcome:
    limits = Limits(files=50, file_bytes=50_000, total_bytes=200_000)
    file = (tarfile.REGTYPE, "", limits.file_bytes)
    claims = bytearray(archive({"a": (tarfile.REGTYPE, "", 1)}))
    claims[SIZE_FIELD] = b"\x80" + (2**40).to_bytes(11, "big")
    bombs = {
        "large file": archive({"a": (tarfile.REGTYPE, "", limits.file_bytes + 1)}),
        "large in sum": archive({str(n): file for n in range(limits.total_bytes // limits.file_bytes + 1)}),
        "many": archive({str(n): (tarfile.REGTYPE, "", 0) for n in range(limits.files + 1)}),
        "claims a terabyte": bytes(claims),
    }
    endless = Endless(archive({"a": (tarfile.DIRTYPE, "", 0)})[:512])
    return refused_by_workspace(
        {
            **{name: unpacking(content, limits) for name, content in bombs.items()},
            "endless folders": lambda: unpack(endless, limits),
        }
    )


class Endless:
    """The same block for ever."""

    def __init__(self, block: bytes) -> None:
        self._block = block

    def read(self, size: int = -1, /) -> bytes:
        return (self._block * (size // len(self._block) + 1))[:size]


EXCHANGE = (
    Probe("link-out", "have the host read back its own files through links", link_out),
    Probe("hard-link-out", "hold on to a file outside by a second name", hard_link_out),
    Probe("link-in", "have the host write through a link", link_in),
    Probe("link-race", "make that link again while the host writes", link_race),
    Probe("paths-in", "have the host write a path that is none of the site's", paths_in),
    Probe("special-files", "have the host or a visitor read a pipe", special_files),
    Probe("strange-names", "hand the host names that hide what they are", strange_names),
    Probe("many-files", "hand the host more files than a site may have", many_files),
    Probe("sparse-file", "hand the host a file larger than its memory", sparse_file),
    Probe("deep-folders", "keep the next version out by folders deeper than any path", deep_folders),
    Probe("stubborn-files", "keep the next version out by names and folders that resist", stubborn_files),
    Probe("archive-paths", "escape from an archive by its paths", archive_paths),
    Probe("archive-links", "escape from an archive by its links", archive_links),
    Probe("archive-devices", "bring a device or pipe in an archive", archive_devices),
    Probe("archive-bombs", "unpack without end", archive_bombs),
)
