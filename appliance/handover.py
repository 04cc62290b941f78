"""Files that a root command names and the product's account cannot read: small ones are handed over as open copies."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from appliance.errors import UsageError
from appliance.privileges import Account, unreadable_for

HANDED_OVER_MAX_BYTES = 1024 * 1024
FILE_OPTIONS = ("--checklist", "--image", "--projector")
FILE_COMMANDS = (("models", "import"), ("backup",), ("restore",), ("bundle", "install"), ("bundle", "verify"))


def option_path(words: Sequence[str], option: str) -> Path | None:
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word == "--":
            return None
        if word == option and following is not None:
            return Path(following).absolute()
        if word.startswith(f"{option}="):
            return Path(word.removeprefix(f"{option}=")).absolute()
    return None


def hand_over_files(words: Sequence[str], account: Account) -> list[str]:
    """The words, paths of files made absolute, those the account cannot read replaced by an inherited copy."""
    named = named_files(words)
    closed = set(unreadable_for(account, [path for _, path in named.values() if path.exists()]))
    handed = list(words)
    for index, (prefix, path) in named.items():
        handed[index] = f"{prefix}{_inherited_copy(path, account) if path in closed else path}"
    return handed


def named_files(words: Sequence[str]) -> Mapping[int, tuple[str, Path]]:
    """By the word's place: what stands before the path in it, and the path."""
    found: dict[int, tuple[str, Path]] = {}
    for index, word in enumerate(words):
        before = [each for each in words[:index] if not each.startswith("-") or each in FILE_OPTIONS]
        option = next((each for each in FILE_OPTIONS if word.startswith(f"{each}=")), None)
        if word.startswith("@") and len(word) > 1:
            found[index] = ("@", Path(word[1:]).absolute())
        elif option is not None:
            found[index] = (f"{option}=", Path(word.removeprefix(f"{option}=")).absolute())
        elif before and (before[-1] in FILE_OPTIONS or (tuple(before) in FILE_COMMANDS and not word.startswith("-"))):
            found[index] = ("", Path(word).absolute())
    return found


def _inherited_copy(path: Path, account: Account) -> str:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > HANDED_OVER_MAX_BYTES:
        raise UsageError(
            f'The user "{account.name}", who works for root, cannot read {path}; '
            f"copy it below {account.home}, make it theirs with chown, and name the copy."
        )
    # An anonymous file: another user cannot open a pipe by name, and the path itself is closed to them.
    copy = os.memfd_create(path.name)
    os.write(copy, path.read_bytes())
    os.set_inheritable(copy, True)
    return f"/proc/self/fd/{copy}"
