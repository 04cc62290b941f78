import contextlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import WorkspaceRefused
from sandbox.workspace import Limits, check_files, check_path, pack, path_fault, snapshot, unpack

SMALL = Limits(files=5, file_bytes=100, total_bytes=300, path_chars=60, depth=4)
names = st.text("abcdefghijklmnopqrstuvwxyzäß é0123456789_-", min_size=1, max_size=12)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


def tar_of(*members: tarfile.TarInfo, content: bytes = b"") -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(content.ljust(member.size, b"x")))
    return io.BytesIO(out.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, target
    return made


@pytest.mark.parametrize(
    "path", ["index.html", "src/App.tsx", "a b/ü.css", ".gitignore", "…/x", "a..b", "node_modules.txt"]
)
def test_an_ordinary_path_is_accepted(path):
    check_path(path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "empty"),
        ("../../etc/passwd", "climbs out"),
        ("a/../../b", "climbs out"),
        ("/etc/passwd", "absolute"),
        ("C:/windows", "absolute"),
        ("a\\b", "backslash"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("evil\u202egnp.js", "invisible"),
        ("broken\udcff", "invisible"),
        ("a//b", "empty or '.'"),
        ("a/", "empty or '.'"),
        ("./a", "empty or '.'"),
        ("x" * 300, "300 characters"),
        ("/".join("a" * 20), "deep"),
        ("ü" * 150, "255 bytes"),
        (".git/config", ".git is reserved"),
        ("a/.GIT/hooks/x", "reserved"),
        ("node_modules/x/index.js", "reserved"),
    ],
)
def test_a_bad_path_is_refused_with_its_reason(path, reason):
    with pytest.raises(WorkspaceRefused, match=reason) as refusal:
        check_path(path)
    assert len(str(refusal.value)) < 250
    assert "\0" not in str(refusal.value)


@given(st.text(max_size=250))
def test_what_is_accepted_stays_inside(path):
    if not path_fault(path):
        parts = path.split("/")
        assert all(part not in ("", ".", "..") for part in parts)
        path.encode()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({f"f{n}": b"" for n in range(6)}, "6 files"),
        ({"big": b"x" * 101}, "101 bytes"),
        ({f"f{n}": b"x" * 99 for n in range(4)}, "396 bytes"),
        ({"a": b"", "a/b": b""}, "both as a file and as a folder"),
        ({"ok": b"", "../x": b""}, "climbs out"),
    ],
)
def test_a_site_over_its_limits_is_refused(files, reason):
    with pytest.raises(WorkspaceRefused, match=reason):
        check_files(files, SMALL)


@given(st.dictionaries(paths, st.binary(max_size=50), max_size=6))
def test_a_packed_site_comes_back_unchanged(files):
    try:
        check_files(files)
    except WorkspaceRefused:
        return
    assert unpack(io.BytesIO(pack(files))) == files


@given(
    st.dictionaries(names, st.binary(max_size=5), max_size=4), st.dictionaries(names, st.binary(max_size=5), max_size=4)
)
def test_a_snapshot_id_names_exactly_one_state(one, other):
    assert (snapshot(one).id == snapshot(other).id) == (one == other)
    assert snapshot(one) == snapshot(dict(reversed(one.items())))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_special_files_do_not_come_out(kind):
    with pytest.raises(WorkspaceRefused, match="plain files only"):
        unpack(tar_of(member("page.html", kind, target="/etc/passwd")))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "x\ny", ".git/hooks/x"])
def test_an_escaping_name_does_not_come_out(name):
    with pytest.raises(WorkspaceRefused):
        unpack(tar_of(member(name)))


def test_node_modules_stay_behind():
    assert unpack(tar_of(member("site/node_modules/.vite/x"), member("site/a.js")), below="site/") == {"a.js": b""}


def test_a_declared_giant_is_refused_before_it_is_read():
    class NoMoreThanHeader(io.BytesIO):
        def read(self, size=-1, /):
            assert self.tell() + (size or 0) <= 64 * 1024, "the content was read"
            return super().read(size)

    header = member("huge.bin", size=50 * 1024**2).tobuf()
    with pytest.raises(WorkspaceRefused, match="at most"):
        unpack(NoMoreThanHeader(header + b"\0" * 100_000))


def test_too_many_files_do_not_come_out():
    with pytest.raises(WorkspaceRefused, match="more than 5 files"):
        unpack(tar_of(*[member(f"f{n}") for n in range(9)]), SMALL)


def test_an_endless_stream_of_folders_ends():
    class Folders(io.RawIOBase):
        def read(self, size=-1, /):
            return (member("d", tarfile.DIRTYPE).tobuf() * (size // 512 + 1))[:size]

    with pytest.raises(WorkspaceRefused, match="larger than a site may be"):
        unpack(Folders(), SMALL)


@given(st.binary(max_size=3000), st.integers(0, 1500))
def test_damaged_archives_are_refused_or_empty(noise, cut):
    good = pack({"index.html": b"<h1>hi</h1>" * 40})
    for raw in (noise, good[:cut] + noise, noise[:512].ljust(512, b"\0") + good):
        with contextlib.suppress(WorkspaceRefused):
            check_files(unpack(io.BytesIO(raw)))
