"""Where set-up puts things when the checkout is closed to the account, and how the copy stays in step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from setup.copy import is_in_step, link_environment, sync
from setup.errors import InTheWay
from tests.setup.machine import Machine

FIND = """
import pwd
from pathlib import Path
from appliance.account import account_of
from setup.places import find_places

places = find_places(Path(sys.argv[1]), account_of(pwd.getpwnam("appliance")), {}, copies=Path("/open/copies"))
print(places.tree, places.venv, places.cache, places.is_copy)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "models").mkdir(parents=True)
    (root / "models" / "chat.py").write_text("1")
    (root / "Makefile").write_text("demo:")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").touch()
    return root


@pytest.mark.podman
@pytest.mark.parametrize(("folder", "is_copy"), [("closed", True), ("open", False)])
def test_a_checkout_closed_to_the_account_runs_from_a_copy(machine: Machine, folder: str, is_copy: bool) -> None:
    machine.add_product_user()
    clone = getattr(machine, folder) / "clone"
    for name in ("appliance", "models", "sandbox", "tests"):
        (clone / name).mkdir(parents=True)
    for name in ("pyproject.toml", "appliance/account.py"):
        (clone / name).touch()
    done = machine.python(FIND, f"/{folder}/clone")
    tree, _, cache, copied = done.stdout.split()
    assert (copied, cache) == (str(is_copy), "/var/cache/webgen-appliance"), done.stderr
    assert tree.startswith("/open/copies/") if is_copy else tree == "/open/clone"


def test_the_copy_follows_the_checkout_and_leaves_out_its_history(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert sync(checkout, copy) == 2
    assert sync(checkout, copy) == 0
    assert not (copy / ".git").exists()
    (checkout / "models" / "chat.py").write_text("22")
    (checkout / "Makefile").unlink()
    assert not is_in_step(checkout, copy)
    assert sync(checkout, copy) == 2
    assert (copy / "models" / "chat.py").read_text() == "22"
    assert not (copy / "Makefile").exists()
    assert is_in_step(checkout, copy)


def test_the_copy_is_readable_to_all_even_where_the_checkout_is_not(checkout: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        (checkout / "models" / "chat.py").chmod(0o600)
        (checkout / "models").chmod(0o700)
        sync(checkout, tmp_path / "copy")
    finally:
        os.umask(before)
    assert (tmp_path / "copy" / "models").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "copy" / "models" / "chat.py").stat().st_mode & 0o777 == 0o644


def test_the_checkouts_venv_leads_to_the_copys(checkout: Path, tmp_path: Path) -> None:
    link_environment(checkout, tmp_path / "old")
    link_environment(checkout, tmp_path / "copy")
    assert (checkout / ".venv").readlink() == tmp_path / "copy" / ".venv"


def test_the_link_itself_is_never_copied_even_when_it_leads_nowhere(checkout: Path, tmp_path: Path) -> None:
    link_environment(checkout, tmp_path / "copy")
    sync(checkout, tmp_path / "copy")
    assert not (tmp_path / "copy" / ".venv").is_symlink()


def test_a_real_environment_is_not_thrown_away_for_the_link(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv").mkdir()
    with pytest.raises(InTheWay, match="remove it and try again"):
        link_environment(checkout, tmp_path / "copy")
