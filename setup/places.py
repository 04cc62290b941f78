"""Where things lie on this machine, and whose they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.privileges import Account, unreadable_for

# Owned by root, so that the account whose code runs here cannot change that code.
COPIES = Path("/var/lib/webgen-appliance/checkouts")
ROOT_CACHE = Path("/var/cache/webgen-appliance")
MUST_BE_READABLE = (".", "pyproject.toml", "appliance/account.py", "models", "sandbox", "tests")


@dataclass(frozen=True, slots=True)
class Places:
    """`tree` is what runs: the checkout itself, or a copy where the account cannot read the checkout.

    `wheels` is the folder that pip takes everything from; None: where its settings lead.
    """

    checkout: Path
    tree: Path
    cache: Path
    account: Account
    wheels: Path | None = None

    @property
    def venv(self) -> Path:
        return self.tree / ".venv"

    @property
    def log(self) -> Path:
        return self.cache / "setup.log"

    @property
    def is_copy(self) -> bool:
        return self.tree != self.checkout


def find_places(checkout: Path, account: Account, environ: Mapping[str, str], copies: Path = COPIES) -> Places:
    """Root's work is looked at with the account's eyes; everybody else runs what they cloned."""
    if os.geteuid() != 0:
        return Places(checkout, checkout, person_cache(account, environ), account)
    readable = not unreadable_for(account, [checkout / name for name in MUST_BE_READABLE])
    tree = checkout if readable else copies / hashlib.sha256(bytes(checkout)).hexdigest()[:12]
    return Places(checkout, tree, ROOT_CACHE, account)


def person_cache(account: Account, environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CACHE_HOME") or account.home / ".cache") / "webgen-appliance"
