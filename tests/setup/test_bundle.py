"""A bundle is used only when every byte is what was bundled, and nothing half-written ever has its name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.bundle import (
    MANIFEST,
    BundledModel,
    Machine,
    Manifest,
    read_manifest,
    refuse_other_machine,
    sha256_of,
    this_machine,
    verify_bundle,
    write_sums,
)
from appliance.bundle_signature import SUMS, kind_of
from appliance.errors import BundleRefused
from setup.bundle_install import refuse_foreign, refuse_small_disk
from setup.bundle_write import part_bytes, refuse_full_disk, refuse_target, write_bundle
from setup.errors import InTheWay, NoRoom
from setup.places import Account
from tests.setup.machine import Machine as OtherMachine

MACHINE = Machine("debian", "bookworm", "x86_64", "3.11", "avx2 fma")
FILES = {"tree/a.py": b"print(1)\n", "wheels/x-1-py3-none-any.whl": b"wheel", "models/tiny/w.gguf": b"weights" * 999}


def manifest(**changes: object) -> Manifest:
    made = Manifest(
        format=1,
        program="0.1.0",
        machine=MACHINE,
        variant="cpu",
        extras=["train"],
        packages=["podman"],
        models=[BundledModel("tiny", "w.gguf", None, False)],
        images={"static": "static.tar"},
        part_bytes={},
        needed_bytes=1000,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def save_image(stack: str, file: Path) -> None:
    file.write_bytes(stack.encode() * 100)


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    for name, content in FILES.items():
        path = tmp_path / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {name: tmp_path / "sources" / name for name in FILES}


@pytest.fixture
def bundle(tmp_path: Path, sources: dict[str, Path]) -> Path:
    write_bundle(tmp_path / "bundle", sources, manifest(), save_image)
    return tmp_path / "bundle"


def test_what_was_written_is_verified_and_told(bundle: Path) -> None:
    read = verify_bundle(bundle)
    assert (read.machine, read.models, read.extras) == (MACHINE, manifest().models, ["train"])
    assert read.part_bytes["images"] == 600


def test_sha256sum_alone_can_check_it(bundle: Path) -> None:
    check = ["sha256sum", "--check", "--strict", "--quiet", SUMS]
    assert subprocess.run(check, cwd=bundle, capture_output=True, check=False).returncode == 0
    (bundle / "tree" / "a.py").write_bytes(b"print(2)\n")
    assert subprocess.run(check, cwd=bundle, capture_output=True, check=False).returncode == 1


def test_equal_parts_make_equal_bundles(tmp_path: Path, bundle: Path, sources: dict[str, Path]) -> None:
    other = dict(reversed(sources.items()))
    write_bundle(tmp_path / "again", other, manifest(), save_image)
    assert (tmp_path / "again" / SUMS).read_bytes() == (bundle / SUMS).read_bytes()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def rewrite_sums(bundle: Path, line: str) -> None:
    with (bundle / SUMS).open("a") as file:
        file.write(f"{line}\n")


def tampered_byte(bundle: Path) -> None:
    flip(bundle / "models" / "tiny" / "w.gguf")


def tampered_manifest(bundle: Path) -> None:
    flip(bundle / MANIFEST)


def missing_file(bundle: Path) -> None:
    (bundle / "tree" / "a.py").unlink()


def additional_file(bundle: Path) -> None:
    (bundle / "tree" / "b.py").write_text("evil")


def link_for_file(bundle: Path) -> None:
    path = bundle / "tree" / "a.py"
    path.rename(bundle.parent / "a.py")
    path.symlink_to(bundle.parent / "a.py")


def link_for_folder(bundle: Path) -> None:
    (bundle / "tree").rename(bundle.parent / "tree")
    (bundle / "tree").symlink_to(bundle.parent / "tree")


def pipe(bundle: Path) -> None:
    os.mkfifo(bundle / "wheels" / "pipe")


def name_that_leads_outside(bundle: Path) -> None:
    (bundle.parent / "outside").write_text("x")
    rewrite_sums(bundle, f"{hashlib.sha256(b'x').hexdigest()}  ../outside")


def absolute_name(bundle: Path) -> None:
    rewrite_sums(bundle, f"{'0' * 64}  /etc/passwd")


def name_twice(bundle: Path) -> None:
    rewrite_sums(bundle, f"{'0' * 64}  tree/a.py")


def no_sums(bundle: Path) -> None:
    (bundle / SUMS).unlink()


@pytest.mark.parametrize(
    "change",
    [
        *(tampered_byte, tampered_manifest, missing_file, additional_file, link_for_file, link_for_folder, pipe),
        *(name_that_leads_outside, absolute_name, name_twice, no_sums),
    ],
)
def test_a_changed_bundle_is_refused(bundle: Path, change) -> None:
    change(bundle)
    with pytest.raises(BundleRefused):
        verify_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.update(format=2),
        lambda table: table.update(images={"static": "../../etc/passwd"}),
        lambda table: table.update(extras=["../cpu"]),
        lambda table: table["models"][0].update(name="--help"),
        lambda table: table.pop("machine"),
        lambda table: table.update(surprise=1),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(bundle: Path, change) -> None:
    table = json.loads((bundle / MANIFEST).read_text())
    change(table)
    (bundle / MANIFEST).write_text(json.dumps(table))
    with pytest.raises(BundleRefused):
        read_manifest(bundle / MANIFEST)


def test_a_part_that_cannot_be_read_leaves_nothing(tmp_path: Path, sources: dict[str, Path]) -> None:
    sources["wheels/x-1-py3-none-any.whl"].unlink()
    with pytest.raises(InTheWay, match="nothing was left"):
        write_bundle(tmp_path / "bundle", sources, manifest(), save_image)
    assert [path.name for path in tmp_path.iterdir()] == ["sources"]


def test_what_a_killed_one_left_is_replaced(tmp_path: Path, sources: dict[str, Path]) -> None:
    left = tmp_path / ".bundle.part" / "tree"
    left.mkdir(parents=True)
    (left / "half.py").write_text("half")
    write_bundle(tmp_path / "bundle", sources, manifest(), save_image)
    assert not (tmp_path / "bundle" / "tree" / "half.py").exists()


def test_a_disk_that_fills_up_is_said_in_one_sentence(tmp_path: Path, sources: dict[str, Path]) -> None:
    """A real one, of 16 KiB, in a mount of our own."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import tests.setup.test_bundle as t\n"
        "from setup.bundle_write import write_bundle\n"
        "sources = {n: Path(sys.argv[2]) / n for n in t.FILES}\n"
        "try: write_bundle(Path('/mnt/bundle'), {**sources, 'big': Path('/bin/sh')}, t.manifest(), t.save_image)\n"
        "except t.NoRoom as error: print(error, list(Path('/mnt').iterdir()))"
    )
    mount = 'mount -t tmpfs -o size=16k none /mnt && exec "$@"'
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", shutil.which("python3")]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [*words, "-B", "-c", code, root, tmp_path / "sources"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("The disk of /mnt is full"), done.stderr
    assert done.stdout.endswith("[]\n")


def test_too_small_a_disk_is_known_before_anything_is_written(tmp_path: Path, sources: dict[str, Path]) -> None:
    needed = sum(part_bytes(sources, {"static": 10**6}).values())
    assert needed == 10**6 + sum(map(len, FILES.values()))
    with pytest.raises(NoRoom, match="leave parts out"):
        refuse_full_disk(tmp_path / "bundle", needed, free_bytes=needed)
    refuse_full_disk(tmp_path / "bundle", needed, free_bytes=needed + (64 << 20))


def test_nothing_is_written_over(bundle: Path) -> None:
    with pytest.raises(InTheWay, match="exists already"):
        refuse_target(bundle)


def test_another_machine_is_refused_by_name_and_another_processor_is_not() -> None:
    refuse_other_machine(MACHINE, replace(MACHINE, processor="sse2"))
    for other in ({"distribution": "ubuntu"}, {"release": "trixie"}, {"architecture": "aarch64"}, {"python": "3.13"}):
        with pytest.raises(BundleRefused, match=r"bookworm on x86_64 with Python .*, and this is"):
            refuse_other_machine(MACHINE, replace(MACHINE, **other))
    assert this_machine("").architecture == os.uname().machine


def test_installing_needs_room_only_for_what_is_not_there(tmp_path: Path) -> None:
    account = Account("someone", os.getuid(), os.getgid(), tmp_path, tmp_path)
    huge = manifest(needed_bytes=1 << 60)
    with pytest.raises(NoRoom, match="needs"):
        refuse_small_disk(tmp_path / "place", account, huge)
    (tmp_path / "place" / ".venv").mkdir(parents=True)
    (tmp_path / "place" / ".venv" / "setup-stamps.json").write_text("{}")
    refuse_small_disk(tmp_path / "place", account, huge)


def test_a_folder_of_something_else_is_not_installed_over(tmp_path: Path) -> None:
    refuse_foreign(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    refuse_foreign(tmp_path / "empty")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    (tmp_path / "clone" / "pyproject.toml").write_text('name = "webgen-appliance"\n')
    for name in ("mine", "clone"):
        with pytest.raises(InTheWay, match="something else"):
            refuse_foreign(tmp_path / name)
    shutil.rmtree(tmp_path / "clone" / ".git")
    refuse_foreign(tmp_path / "clone")


@pytest.fixture(params=["ssh-keygen", "minisign"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Secret and public keys of two people."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path / "keys"
    folder.mkdir()
    for name in ("one", "two"):
        if request.param == "ssh-keygen":
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        else:
            words = ["minisign", "-G", "-W", "-p", folder / f"{name}.pub", "-s", folder / name]
        subprocess.run(words, check=True, capture_output=True)
    return [folder / "one", folder / "two"], [folder / "one.pub", folder / "two.pub"]


def test_a_signature_is_of_one_key_over_every_byte(tmp_path: Path, sources: dict[str, Path], keys) -> None:
    (secret, _), (ours, others) = keys
    assert kind_of(secret) == kind_of(ours)
    folder = tmp_path / "bundle"
    write_bundle(folder, sources, manifest(), save_image, secret)
    verify_bundle(folder, ours)
    with pytest.raises(BundleRefused, match="not by the key"):
        verify_bundle(folder, others)
    with pytest.raises(BundleRefused, match="name the public key"):
        verify_bundle(folder)
    # Somebody who changes a file can correct the sums, but not sign them.
    (folder / "tree" / "a.py").write_bytes(b"print(2)\n")
    old, new = (hashlib.sha256(content).hexdigest() for content in (FILES["tree/a.py"], b"print(2)\n"))
    (folder / SUMS).write_text((folder / SUMS).read_text().replace(old, new))
    with pytest.raises(BundleRefused, match="was changed"):
        verify_bundle(folder, ours)


def test_an_expected_signature_that_is_not_there_is_refused(bundle: Path, keys) -> None:
    with pytest.raises(BundleRefused, match="not signed"):
        verify_bundle(bundle, keys[1][0])


def test_a_text_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hello")
    with pytest.raises(BundleRefused, match="no key"):
        kind_of(tmp_path / "key")


def entries_in(machine: OtherMachine, target: str) -> Path:
    """A bundle's two entries and the files that they compare before they use anything, on a machine of the tests."""
    bundle = machine.open / "bundle"
    (bundle / "debs").mkdir(parents=True)
    (bundle / "tree" / "setup").mkdir(parents=True)
    for name in ("install", "packages"):
        shutil.copy(Path(__file__).parents[2] / "setup" / "offline" / name, bundle / name)
    (bundle / "debs" / "target").write_text(f"{target}\n")
    (bundle / "debs" / "names").write_text("podman\n")
    (bundle / "tree" / "setup" / "__init__.py").write_text("")
    (bundle / "tree" / "setup" / "bundle_install.py").write_text("import sys; print('reached', sys.argv[1:])\n")
    listed = [path for folder in ("debs", "tree") for path in sorted((bundle / folder).rglob("*")) if path.is_file()]
    write_sums(bundle, {path.relative_to(bundle).as_posix(): sha256_of(path) for path in listed})
    shutil.copy("/etc/os-release", machine.open / "etc" / "os-release")
    return bundle


def this_target() -> str:
    here = this_machine("")
    dpkg = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return f"{here.distribution} {here.release} {dpkg.stdout.strip()}"


def test_packages_for_another_release_are_refused_in_one_sentence(machine: OtherMachine) -> None:
    entries_in(machine, "debian trixie amd64")
    done = machine.run("sh", "/open/bundle/packages")
    assert done.returncode == 3
    assert done.stderr.startswith("packages: these packages are for debian trixie on amd64, and this is debian ")
    assert done.stderr.count("\n") == 1


def test_a_changed_package_never_reaches_apt(machine: OtherMachine) -> None:
    bundle = entries_in(machine, this_target())
    (bundle / "debs" / "names").write_text("podman evil\n")
    done = machine.run("sh", "/open/bundle/packages")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        3,
        "packages: a package is damaged or changed; copy the bundle again.",
    )


def test_packages_are_roots_and_the_line_says_so(bundle: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "setup" / "offline" / "packages", bundle / "packages")
    if os.geteuid() == 0:
        pytest.skip("root needs no line")
    done = subprocess.run(["sh", bundle / "packages"], capture_output=True, text=True, check=False)
    assert (done.returncode, f"sudo sh '{bundle}/packages'" in done.stderr) == (3, True)


def test_the_program_is_compared_before_it_runs(machine: OtherMachine) -> None:
    bundle = entries_in(machine, this_target())
    done = machine.run("sh", "/open/bundle/install", "--to", "/open/place")
    assert done.stdout == "reached ['/open/bundle', '--to', '/open/place']\n", done.stderr
    (bundle / "tree" / "argparse.py").write_text("print('taken for the library')\n")
    done = machine.run("sh", "/open/bundle/install")
    assert (done.returncode, done.stdout) == (3, "")
    (bundle / "tree" / "argparse.py").unlink()
    (bundle / "tree" / "setup" / "bundle_install.py").write_text("print('evil')\n")
    done = machine.run("sh", "/open/bundle/install")
    assert (done.returncode, done.stdout) == (3, "")
    assert "damaged or changed" in done.stderr
