"""A backup brings everything back or says why not, and never costs what was there."""

from __future__ import annotations

import errno
import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading

import pytest

from appliance.backup import DATABASE, KEPT, MANIFEST, check_backup, restore_backup, stream_backup, write_backup
from appliance.errors import BackupRefused, RunBusy
from appliance.ledger import Ledger
from appliance.steps import RunRequest
from appliance.store import WORKER, Store
from tests.appliance.builders import step

MODELS = {"tiny": "abc"}


def site(store, brief="A bakery", text=b"<h1>Bread</h1>"):
    run = store.add_run(RunRequest(brief=brief, profile="small", model="tiny"))
    store.add_step(run.id, step(1), {"index.html": text}, (), {}, tip=1)
    store.set_status(run.id, "done", best=1)
    return run


def fill(home, brief="A bakery"):
    """A site, an adapter in service, a night that is over and one that is not, settings, a teacher's lesson."""
    with Store(home) as store:
        run = site(store, brief)
        ledger = Ledger(store)
        ledger.add_adapter("ad1", "tiny", "abc", "", None, {})
        ledger.promote("tiny", "ad1", "better")
        first = ledger.begin_night("tiny", {})
        ledger.advance(first, "done", {}, "enough")
        ledger.begin_night("tiny", {"n": 2})
    for name in ("adapters/ad1/adapter.gguf", "nights/1/rollouts.json", "nights/1/checkpoint/trainer.pt"):
        put(home / name, f"{brief} {name}")
    for name in ("nights/2/rollouts.json", "nights/2/checkpoint/trainer.pt", "teacher/abc/1.json", "config.toml"):
        put(home / name, f"# {brief} {name}")
    return run


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def contents(home):
    with Store(home) as store:
        return {
            "runs": [(run.id, run.status, run.request.brief) for run in store.runs()],
            "pages": [store.files(one.snapshot) for run in store.runs() for one in store.steps(run.id)],
            "champion": Ledger(store).champion("tiny"),
            "nights": [(night.id, night.state) for night in Ledger(store).nights()],
        }


def files(home):
    names = ("adapters", "nights", "teacher")
    return {
        str(path.relative_to(home)): path.read_text()
        for name in names
        for path in sorted((home / name).rglob("*"))
        if path.is_file()
    } | {"config.toml": (home / "config.toml").read_text()}


@pytest.fixture
def full(tmp_path):
    home = tmp_path / "full"
    fill(home)
    return home


@pytest.fixture
def packed(tmp_path, full):
    with Store(full) as store:
        write_backup(store, MODELS, tmp_path / "all.tar")
    return (tmp_path / "all.tar").read_bytes()


def restore(home, packed, *, replaces=False):
    return restore_backup(home, {}, io.BytesIO(packed), "all.tar", replaces=replaces)


def test_everything_comes_back_on_another_machine_but_what_can_be_had_again(tmp_path, full, packed):
    manifest = restore(tmp_path / "new", packed)
    assert contents(tmp_path / "new") == contents(full)
    wanted = files(full)
    del wanted["nights/1/checkpoint/trainer.pt"]  # that night is over; its adapter has what it learned
    assert files(tmp_path / "new") == wanted
    assert (manifest.runs, manifest.models) == (1, MODELS)
    assert not list((tmp_path / "new" / "tmp").iterdir())


def test_a_backup_is_made_while_steps_are_written_and_holds_whole_steps(tmp_path, full):
    stop = threading.Event()

    def write():
        with Store(full) as other:
            n = 0
            while not stop.is_set():
                n += 1
                site(other, f"Shop {n}", os.urandom(20_000))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with Store(full) as store:
            while store.count_runs() < 3:
                pass
            for n in range(3):
                write_backup(store, {}, tmp_path / f"{n}.tar")
    finally:
        stop.set()
        writer.join()
    restored = restore(tmp_path / "new", (tmp_path / "2.tar").read_bytes())
    found = contents(tmp_path / "new")
    assert restored.runs == len(found["runs"]) >= 3
    assert all(page for page in found["pages"])


def test_leases_of_this_machine_do_not_travel(tmp_path, full):
    with Store(full) as store:
        store.take_lease(WORKER)
        write_backup(store, {}, tmp_path / "all.tar")
    restore(tmp_path / "new", (tmp_path / "all.tar").read_bytes())
    with Store(tmp_path / "new") as store:
        assert store.rows("SELECT count(*) FROM leases") == [(0,)]


def test_nothing_is_replaced_unasked_and_what_is_replaced_is_kept(tmp_path, packed, full):
    other = tmp_path / "other"
    fill(other, "A cafe")
    before, before_files = contents(other), files(other)
    with pytest.raises(BackupRefused, match="holds 1 sites; with --replace"):
        restore(other, packed)
    assert (contents(other), files(other)) == (before, before_files)
    restore(other, packed, replaces=True)
    assert contents(other) == contents(full)
    assert "A cafe" not in "".join(files(other).values())
    (kept,) = (other / KEPT).glob("before-*.tar")
    restore(tmp_path / "third", kept.read_bytes())
    assert contents(tmp_path / "third") == before


def test_cut_off_before_the_database_was_changed_the_same_command_is_given_again(tmp_path, packed, full, monkeypatch):
    other = tmp_path / "other"
    fill(other, "A cafe")
    before = contents(other)
    with monkeypatch.context() as patch:
        patch.setattr("appliance.backup.become", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            restore(other, packed, replaces=True)
    assert contents(other) == before
    restore(other, packed, replaces=True)
    assert contents(other) == contents(full)


@pytest.mark.parametrize("damage", [b"no database at all", None])
def test_a_damaged_database_can_be_restored_over_and_is_put_aside(tmp_path, packed, full, damage):
    other = tmp_path / "other"
    fill(other, "A cafe")
    path = other / DATABASE
    with sqlite3.connect(path) as it:
        it.execute("PRAGMA journal_mode=DELETE")
    content = damage or path.read_bytes()[:8192] + b"\xff" * 8192 + path.read_bytes()[16384:]
    path.write_bytes(content)
    with pytest.raises(BackupRefused, match="is damaged; with --replace"):
        restore(other, packed)
    restore(other, packed, replaces=True)
    assert contents(other) == contents(full)
    assert next((other / KEPT).glob(f"*/{DATABASE}")).read_bytes()[100:8000] == content[100:8000]


def test_nobody_works_while_it_is_restored(tmp_path, packed):
    home = tmp_path / "busy"
    home.mkdir()
    code = (
        "import sys; from pathlib import Path; from appliance.store import Store\n"
        "store = Store(Path(sys.argv[1])); store.take_lease('worker'); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunBusy, match="A worker is at work"):
            restore(home, packed)
    finally:
        holder.communicate("")
    assert restore(home, packed).runs == 1


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.99])
def test_a_backup_that_is_cut_off_or_damaged_is_refused_and_changes_nothing(tmp_path, packed, share):
    packed = packed.rstrip(b"\0")  # what follows is a tar's own padding
    cut = packed[: int(len(packed) * share)]
    with pytest.raises(BackupRefused):
        restore(tmp_path / "new", cut)
    at = next(n for n in range(int(len(packed) * share), len(packed)) if packed[n])
    bent = packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :]
    with pytest.raises(BackupRefused):
        check_backup(io.BytesIO(bent), "all.tar")
    with Store(tmp_path / "new") as store:
        assert store.count_runs() == 0


def repacked(packed, change):
    """The same archive with other members."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(packed)) as old, tarfile.open(fileobj=made, mode="w") as new:
        members = [(one, old.extractfile(one).read()) for one in old]
        for member, content in change(members):
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return made.getvalue()


def member(name, kind=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def listed(members, *names):
    """With these names in the manifest too."""
    told = json.loads(members[0][1])
    for name in names:
        told["files"][name] = {"size": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    return [(members[0][0], json.dumps(told).encode()), *members[1:]]


@pytest.mark.parametrize(
    "made",
    [
        member("more.txt"),
        member("../outside"),
        member("/etc/outside"),
        member("adapters/../../outside"),
        member("models/tiny/model.json"),
        member("adapters/link", tarfile.SYMTYPE, "/etc/passwd"),
        member("adapters/hard", tarfile.LNKTYPE, DATABASE),
        member("adapters/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda made: made.name,
)
def test_members_that_no_backup_has_are_refused_though_the_manifest_names_them(tmp_path, packed, made):
    bent = repacked(packed, lambda members: [*listed(members, made.name), (made, b"")])
    with pytest.raises(BackupRefused, match="none of a backup's files"):
        restore(tmp_path / "new", bent)
    assert not (tmp_path / "outside").exists()


def test_what_is_no_backup_or_of_a_newer_version_is_named(tmp_path, packed):
    def newer(members):
        told = json.loads(members[0][1]) | {"format": 99}
        return [(members[0][0], json.dumps(told).encode()), *members[1:]]

    with pytest.raises(BackupRefused, match="newer version"):
        restore(tmp_path / "new", repacked(packed, newer))
    with pytest.raises(BackupRefused, match="does not begin with its manifest"):
        restore(tmp_path / "new", repacked(packed, lambda members: members[1:]))
    with pytest.raises(BackupRefused, match="manifest that cannot be read"):
        restore(tmp_path / "new", repacked(packed, lambda members: [(members[0][0], b"{}"), *members[1:]]))


def test_a_database_of_a_newer_version_is_refused(tmp_path, full):
    with Store(full) as store:
        store.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('appliance','m999','')")
        write_backup(store, {}, tmp_path / "all.tar")
    with pytest.raises(BackupRefused, match="it knows m999"):
        restore(tmp_path / "new", (tmp_path / "all.tar").read_bytes())


def test_a_target_that_exists_or_cannot_be_written_is_left_as_it_is(tmp_path, full):
    (tmp_path / "there.tar").write_text("mine")
    with Store(full) as store:
        with pytest.raises(BackupRefused, match="exists already"):
            write_backup(store, {}, tmp_path / "there.tar")
        with pytest.raises(BackupRefused, match="No such file"):
            write_backup(store, {}, tmp_path / "none" / "all.tar")
    assert (tmp_path / "there.tar").read_text() == "mine"


class FullDisk(io.RawIOBase):
    def __init__(self, room):
        self.room = room

    def writable(self):
        return True

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)


@pytest.mark.parametrize("room", [0, 10_000, 100_000])
def test_a_full_disk_leaves_no_half_backup(tmp_path, full, room, monkeypatch):
    monkeypatch.setattr(
        "appliance.backup.stream_backup", lambda store, models, _: stream_backup(store, models, FullDisk(room))
    )
    with Store(full) as store, pytest.raises(BackupRefused, match=r"disk of .* is full"):
        write_backup(store, {}, tmp_path / "all.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    assert not list((full / "tmp").iterdir())


def command(home, *words, stdin=b""):
    environment = {**os.environ, "APPLIANCE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "appliance", *words], env=environment, input=stdin, capture_output=True, check=False
    )


@pytest.mark.slow
def test_the_commands_write_check_and_restore_also_through_a_pipe(tmp_path, full):
    made = command(full, "backup", str(tmp_path / "all.tar"))
    assert (made.returncode, b"1 sites" in made.stdout) == (0, True)
    assert b"whole" in command(tmp_path / "a", "restore", "--check", str(tmp_path / "all.tar")).stdout
    piped = command(full, "backup", "-")
    told = json.loads(command(tmp_path / "b", "restore", "-", "--json", stdin=piped.stdout).stdout)
    assert (told["runs"], told["models_missing"]) == (1, [])
    assert contents(tmp_path / "b") == contents(full)
    refused = command(tmp_path / "b", "restore", str(tmp_path / "all.tar"))
    assert (refused.returncode, refused.stderr.count(b"\n")) == (2, 1)
    assert command(tmp_path / "b", "restore", "--replace", str(tmp_path / "all.tar")).returncode == 0
    assert command(tmp_path / "c", "restore", str(tmp_path / "none.tar")).returncode == 2


def test_the_manifest_comes_first(packed):
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames()[:2] == [MANIFEST, "adapters/ad1/adapter.gguf"]
