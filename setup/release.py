"""What is checked before a bundle is released: `python3 -m setup.release BUNDLE [--key FILE] [--json]`.

Never part of set-up or of running. Its own tools come by hash, from locks/release.txt, into an environment that is
thrown away. What could not be checked has not passed: an advisory service that does not answer, or knows nothing of a
package, is said (the audit itself ends with success then).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from appliance.bundle import Manifest, verify_bundle
from appliance.errors import BundleRefused
from setup.licences import UNKNOWN
from setup.locks import entries, lock_path

TREE = Path(__file__).resolve().parent.parent
State = Literal["passed", "failed", "not checked"]
NAMED = 5
VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding="utf-8").read())
sys.exit(str(wrong)[:500] if wrong else 0)
"""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    said: str


def install_tools(folder: Path) -> Path:
    """The bin folder of a new environment."""
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    words = ["install", "--no-deps", "--require-hashes", "-r", str(lock_path(TREE, "release"))]
    subprocess.run([*pip, *words], check=True)
    return folder / "bin"


def check_locks(tree: Path) -> Check:
    """Each requirement of each lock names the files that may be installed for it."""
    locks = sorted((tree / "locks").glob("*.txt"))
    all_of = [(path.stem, name, text) for path in locks for name, text in entries(path.read_text()).items()]
    open_ones = sorted(f"{lock}: {name}" for lock, name, text in all_of if "--hash=sha256:" not in text)
    if open_ones or not all_of:
        return Check("hash-locked installs", "failed", f"without a hash: {', '.join(open_ones[:NAMED]) or 'no lock'}")
    return Check("hash-locked installs", "passed", f"{len(all_of)} requirements in {len(locks)} locks")


def check_licences(listed: str) -> Check:
    """`listed` is the bundle's licences/LIST.txt."""
    rows = [line.split("\t") for line in listed.splitlines()]
    unstated = sorted(f"{kind} {name}" for kind, name, _, licence in rows if licence in ("", UNKNOWN))
    if unstated or not rows:
        return Check("licences", "failed", f"no licence is stated by {', '.join(unstated[:NAMED]) or 'an empty list'}")
    return Check("licences", "passed", f"{len(rows)} parts, all with a stated licence")


def check_sbom(bundle: Path, tools: Path) -> Check:
    """By the official schema of CycloneDX 1.6."""
    words: list[str | Path] = [tools / "python", "-c", VALIDATE, bundle / "sbom.cdx.json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return Check("bill of materials", "failed", done.stderr.strip()[-300:])
    count = len(json.loads((bundle / "sbom.cdx.json").read_text("utf-8"))["components"])
    return Check("bill of materials", "passed", f"{count} components, valid by the schema of CycloneDX 1.6")


def audit(lock: Path, tools: Path) -> Check:
    words = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json", "-r", str(lock)]
    done = subprocess.run([tools / "pip-audit", *words], capture_output=True, text=True, check=False)
    return audit_told(f"advisories {lock.stem}", done.stdout, done.stderr)


def audit_told(name: str, output: str, errors: str) -> Check:
    """Out of pip-audit's JSON; without any, it could not ask."""
    try:
        told = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        why = (errors.strip().splitlines() or ["it said nothing"])[-1]
        return Check(name, "not checked", f"the advisory service could not be asked: {why[:200]}")
    hit = sorted(f"{one['name']} ({found['id']})" for one in told for found in one.get("vulns", ()))
    skipped = sorted(one["name"] for one in told if "skip_reason" in one)
    if hit:
        return Check(name, "failed", f"known vulnerabilities: {', '.join(hit)}")
    if skipped or not told:
        which = f"{', '.join(skipped[:NAMED])} and others" if len(skipped) > NAMED else ", ".join(skipped)
        return Check(name, "not checked", f"the service knows nothing of {len(skipped)} of {len(told)}: {which}")
    return Check(name, "passed", f"{len(told)} packages without a known vulnerability")


def release_checks(bundle: Path, key: Path | None) -> Iterator[Check]:
    try:
        manifest: Manifest = verify_bundle(bundle, key)
    except BundleRefused as error:
        yield Check("bundle", "failed", str(error))
        return
    signed = f"signed by {key.name}" if key else "not signed"
    yield Check("bundle", "passed", f"intact, {signed}, for {manifest.machine.said()}")
    tree = bundle / "tree"
    yield check_locks(tree)
    yield check_licences((bundle / "licences" / "LIST.txt").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        tools = install_tools(Path(scratch))
        yield check_sbom(bundle, tools)
        for name in (manifest.variant, "build", "engine-build", *manifest.extras):
            yield audit(lock_path(tree, name), tools)


def main() -> int:
    """0 all passed, 1 something failed, 3 something could not be checked."""
    parser = argparse.ArgumentParser(prog="python3 -m setup.release")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--json", action="store_true")
    wished = parser.parse_args()
    states = set()
    for check in release_checks(wished.bundle, wished.key):
        states.add(check.state)
        print(
            json.dumps(asdict(check)) if wished.json else f"{check.state:>11}  {check.name}: {check.said}", flush=True
        )
    return 1 if "failed" in states else 3 if "not checked" in states else 0


if __name__ == "__main__":
    sys.exit(main())
