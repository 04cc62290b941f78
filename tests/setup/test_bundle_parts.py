"""What goes into a bundle is found, named and told from the very files that are put in."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from setup import bundle_install, copy
from setup.bundle_install import program_step, put_in_cache
from setup.bundle_parts import package_names, tree_files
from setup.debs import Deb, closure, index
from setup.licences import debian_licences, debian_names, python_licences, wheel_metadata
from setup.packages import CORE
from setup.sbom import Component, licence_list, python_component, sbom_text, vendored

CHECKOUT = Path(__file__).resolve().parent.parent.parent
URIS = """'http://example/pool/g/git_1%3a2.39.5-0%2bdeb12u2_amd64.deb' git_1%3a2.39.5-0+deb12u2_amd64.deb 7 MD5Sum:aa
'http://example/pool/a/adduser_3.134_all.deb' adduser_3.134_all.deb 5 SHA256:bb
"""


def make_deb(folder: Path, name: str, copyright_text: str | None) -> Deb:
    tree = folder / f"{name}-tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1:2.0\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n more of it\n"
    )
    documents = tree / "usr" / "share" / "doc"
    documents.mkdir(parents=True)
    if copyright_text is None:
        (documents / name).symlink_to("tiny")
    else:
        (documents / name).mkdir()
        (documents / name / "copyright").write_text(copyright_text)
    deb = Deb(f"{name}_1%3a2.0_all.deb", 0)
    command = ["dpkg-deb", "--root-owner-group", "--build", tree, folder / deb.file]
    subprocess.run(command, check=True, capture_output=True)
    return deb


def make_wheel(folder: Path, metadata: str) -> Path:
    path = folder / "Some_Thing-1.5-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("some_thing/__init__.py", "")
        archive.writestr("some_thing-1.5.dist-info/METADATA", metadata)
        archive.writestr("some_thing-1.5.dist-info/licenses/LICENSE", "Do as you like.")
    return path


def test_the_closure_is_read_from_what_apt_would_fetch() -> None:
    adduser, git = closure(URIS)
    assert (adduser.name, adduser.version, adduser.size_bytes) == ("adduser", "3.134", 5)
    assert (git.name, git.version) == ("git", "1:2.39.5-0+deb12u2")
    assert git.plain == "git_2.39.5-0+deb12u2_amd64.deb"


def test_apt_finds_packages_in_the_folder_by_its_index(tmp_path: Path) -> None:
    deb = make_deb(tmp_path, "tiny", "License: MIT\n")
    repository = tmp_path / "debs"
    repository.mkdir()
    (tmp_path / deb.file).rename(repository / deb.plain)
    (repository / deb.file).symlink_to(deb.plain)
    (repository / "Packages").write_text(index([deb], repository))
    for folder in ("lists/partial", "cache/archives/partial"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "status").write_text("")
    (tmp_path / "list").write_text(f"deb [trusted=yes] file:{repository} ./\n")
    settings = {
        **{"Dir::Etc::SourceList": tmp_path / "list", "Dir::Etc::SourceParts": "/dev/null"},
        **{"Dir::State::Lists": tmp_path / "lists", "Dir::Cache": tmp_path / "cache"},
        "Dir::State::status": tmp_path / "status",
    }
    apt = ["apt-get", "-qq", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
    subprocess.run([*apt, "update"], check=True, capture_output=True)
    done = subprocess.run([*apt, "install", "--print-uris", "tiny"], capture_output=True, text=True, check=True)
    assert f"{repository}/./{deb.plain}" in done.stdout


def test_the_packages_are_those_of_set_up_and_the_signatures_tool() -> None:
    assert {package.name for package in CORE} < set(package_names(None))
    assert set(package_names("SHA256SUMS.minisig")) - set(package_names(None)) == {"minisign"}


def test_the_copyright_of_a_debian_package_is_its_own_or_names_the_one_that_has_it(tmp_path: Path) -> None:
    text = "Format: x\n\nFiles: *\nLicense: GPL-2+\n body\n\nFiles: a\nLicense: MIT\n"
    debs = [make_deb(tmp_path, "tiny", text), make_deb(tmp_path, "tiny-dev", None)]
    found = debian_licences(debs, tmp_path, tmp_path / "cache")
    assert found["licences/debian/tiny.txt"] == text
    assert debian_names(text) == "GPL-2+, MIT"
    assert found["licences/debian/tiny-dev.txt"] == "See the package tiny.\n"
    for deb in debs:
        (tmp_path / deb.file).unlink()
    assert debian_licences(debs, tmp_path, tmp_path / "cache") == found


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\n", "MIT OR Apache-2.0"),
        ("License: BSD\n", "BSD"),
        ("License: a\n text\n of many lines\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("", "not stated"),
    ],
)
def test_a_wheel_says_its_licence_in_one_of_three_ways(tmp_path: Path, stated: str, licence: str) -> None:
    wheel = make_wheel(tmp_path, f"Metadata-Version: 2.4\nName: Some_Thing\nVersion: 1.5\n{stated}\n")
    assert wheel_metadata(wheel) == ("Some_Thing", "1.5", licence, stated.startswith("License-E"))
    texts = python_licences({"wheels/x.whl": wheel})
    assert texts == {"licences/python/some_thing-1.5/licenses-LICENSE": "Do as you like."}
    assert python_component(wheel).purl == "pkg:pypi/some-thing@1.5"


def test_the_bill_of_materials_names_each_part_once_with_hash_and_licence(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "Metadata-Version: 2.4\nName: Some_Thing\nVersion: 1.5\nLicense-Expression: MIT\n")
    free = Component(
        "deb", "library", "tiny", "2.0", "GPL-2+, MIT", (("SHA-256", "ab" * 32),), "pkg:deb/debian/tiny@2.0", False
    )
    parts = [python_component(wheel), python_component(wheel), free, *vendored(CHECKOUT)]
    bill = json.loads(sbom_text(parts, CHECKOUT))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "webgen-appliance"
    references = [one["bom-ref"] for one in bill["components"]]
    assert len(references) == len(set(references)) == len(parts) - 1
    entries = {one["name"]: one for one in bill["components"]}
    assert entries["some-thing"]["licenses"] == [{"expression": "MIT"}]
    assert entries["tiny"]["licenses"] == [{"license": {"name": "GPL-2+, MIT"}}]
    assert len(entries["axe-core"]["hashes"][0]["content"]) == 128
    assert {"htmx.org", "Inter", "Lucide icons"} <= entries.keys()
    assert all(one["licenses"] for one in bill["components"])
    assert "some-thing\t1.5\tMIT\n" in licence_list(parts)
    assert "http" not in json.dumps(bill["components"])


def test_the_tree_of_a_bundle_is_the_program_and_its_two_entries() -> None:
    files = tree_files(CHECKOUT)
    assert {"install", "packages", "tree/setup/bundle_install.py", "tree/locks/cpu.txt", "tree/LICENSE"} <= files.keys()
    assert not [name for name in files if "/.git/" in name or "__pycache__" in name or name.endswith(".gguf")]


def test_the_entries_are_plain_sh() -> None:
    for name in ("install", "packages"):
        subprocess.run(["sh", "-n", CHECKOUT / "setup" / "offline" / name], check=True)


def test_a_stick_that_keeps_no_modes_costs_nothing(tmp_path: Path) -> None:
    source = tmp_path / "bundle" / "tree"
    source.mkdir(parents=True)
    (source / "run").write_text("#!/bin/sh\n")
    (source / "module.py").write_text("x = 1\n")
    for path in source.iterdir():
        path.chmod(0o777)
    step = program_step(tmp_path / "bundle", tmp_path / "place")
    assert not step.is_there()
    step.make()
    assert step.is_there()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "place").iterdir()}
    assert modes == {"run": 0o755, "module.py": 0o644}
    (tmp_path / "place" / ".venv").mkdir()
    (source / "module.py").write_text("x = 22\n")
    step.make()
    assert (tmp_path / "place" / ".venv").is_dir()
    assert list(copy.files_below(tmp_path / "place")) != []


def test_the_engine_of_the_bundle_never_replaces_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "new.whl").write_text("bundle")
    put_in_cache(tmp_path / "new.whl", tmp_path / "cache" / "engine" / "cpu-1" / "e.whl")
    (tmp_path / "new.whl").write_text("other")
    put_in_cache(tmp_path / "new.whl", tmp_path / "cache" / "engine" / "cpu-1" / "e.whl")
    assert (tmp_path / "cache" / "engine" / "cpu-1" / "e.whl").read_text() == "bundle"


def test_installing_needs_the_standard_library_alone() -> None:
    """The distribution's own Python runs it before anything is installed."""
    heavy = "{'msgspec', 'click', 'podman', 'numpy'}"
    code = f"import setup.bundle_install; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-B", "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert bundle_install.FOR_ROOT.is_absolute()
