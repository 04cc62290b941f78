"""Signatures over a bundle's `SHA256SUMS`, by `minisign` or by `ssh-keygen`: whichever kind of key is given.

Either is checked without our code too (docs/bundle.md). Standard library only.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from appliance.errors import BundleRefused

SUMS = "SHA256SUMS"
SSH, MINISIGN = f"{SUMS}.sig", f"{SUMS}.minisig"
SIGNATURES = (SSH, MINISIGN)
NAMESPACE = "webgen-appliance-bundle"
TOOL_PACKAGES = {SSH: "openssh-client", MINISIGN: "minisign"}
_SSH_KEYS = ("ssh-", "ecdsa-", "sk-")
_IDENTITY = "bundle"


def kind_of(key: Path) -> str:
    """SSH or MINISIGN, for a secret as for a public key. Raises BundleRefused for anything else."""
    try:
        text = key.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise BundleRefused(f"The key {key} cannot be read; name a key of minisign or of ssh-keygen.") from error
    if "OPENSSH PRIVATE KEY" in text or _ssh_key(text):
        return SSH
    if text.startswith(("untrusted comment:", "RW")):
        return MINISIGN
    raise BundleRefused(f"{key} is no key of minisign or of ssh-keygen; name one of these.")


def sign(folder: Path, key: Path) -> str:
    """Name of the signature's file. The tool may ask for the key's password. Raises BundleRefused."""
    kind = kind_of(key)
    sums = str(folder / SUMS)
    if kind == SSH:
        words = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), sums]
    else:
        words = ["minisign", "-S", "-q", "-s", str(key), "-m", sums, "-x", str(folder / MINISIGN)]
    if _run(words, kind, None) != 0:
        raise BundleRefused(f"The bundle could not be signed with {key}; look at what {words[0]} said.")
    return kind


def check_signature(folder: Path, key: Path | None) -> None:
    """Raises BundleRefused unless the bundle is signed by this key, or there is neither signature nor key."""
    there = [name for name in SIGNATURES if (folder / name).exists()]
    if key is None:
        if there:
            raise BundleRefused(f"The bundle is signed ({there[0]}); name the public key you trust with --key.")
        return
    kind = kind_of(key)
    if kind not in there:
        raise BundleRefused(f"The bundle is not signed by a key of this kind (no {kind}); ask for a signed one.")
    if not _is_by(folder, kind, key):
        raise BundleRefused(f"The signature {kind} is not by the key {key}, or the bundle was changed; do not use it.")


def _is_by(folder: Path, kind: str, key: Path) -> bool:
    sums = folder / SUMS
    if kind == MINISIGN:
        given = ["-p", str(key)] if key.read_text().startswith("untrusted") else ["-P", key.read_text().strip()]
        return _run(["minisign", "-V", "-q", *given, "-m", str(sums), "-x", str(folder / MINISIGN)], kind, None) == 0
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as allowed:
        allowed.write(f'{_IDENTITY} namespaces="{NAMESPACE}" {_ssh_key(key.read_text())}\n')
        allowed.flush()
        words = ["ssh-keygen", "-q", "-Y", "verify", "-f", allowed.name, "-I", _IDENTITY, "-n", NAMESPACE]
        return _run([*words, "-s", str(folder / SSH)], kind, sums) == 0


def _ssh_key(text: str) -> str:
    """Type and key out of a .pub file or a line of allowed signers; empty where there is none."""
    words = text.split()
    starts = [i for i, word in enumerate(words[:-1]) if word.startswith(_SSH_KEYS)]
    return " ".join(words[starts[0] : starts[0] + 2]) if starts else ""


def _run(words: list[str], kind: str, standard_input: Path | None) -> int:
    try:
        if standard_input is None:
            return subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode
        with standard_input.open("rb") as file:
            done = subprocess.run(words, stdin=file, capture_output=True, check=False)
        return done.returncode
    except FileNotFoundError as error:
        raise BundleRefused(f"{words[0]} is missing; install the package {TOOL_PACKAGES[kind]}.") from error
