"""Fetches a stack's packages once, when its image is made; a running site never installs anything."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sandbox.errors import PackagesAbsent
from sandbox.rootfs import NodeFiles

STACK_FOLDER = Path(__file__).with_name("stacks") / "vite-react"
TIMEOUT_S = 900


def stack_files() -> Mapping[str, bytes]:
    return {name: (STACK_FOLDER / name).read_bytes() for name in ("package.json", "package-lock.json")}


def fetch_packages(folder: Path, node: NodeFiles, *, cache: Path) -> Path:
    """The node_modules folder, exactly as locked, from the registry of this account's npm settings."""
    for name, content in stack_files().items():
        (folder / name).write_bytes(content)
    argv = [
        *(str(node.node), str(node.npm / "bin" / "npm-cli.js"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
        *(f"--cache={cache}", "--prefer-offline", "--fetch-retries=1", "--loglevel=error"),
    ]
    # A company's own authority stands in the system's list, which node does not read by itself.
    env = {**os.environ, "NODE_USE_SYSTEM_CA": "1", "PATH": f"{node.node.parent}:{os.environ.get('PATH', os.defpath)}"}
    try:
        told = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise PackagesAbsent(f"Fetching the packages took longer than {TIMEOUT_S} s; try again.") from error
    if told.returncode != 0:
        reason = next((line for line in told.stderr.splitlines() if "error" in line), "no reason given")
        raise PackagesAbsent(
            f"The packages of the vite-react stack could not be fetched ({reason.strip()[:200]}); connect this machine "
            "to a package registry once, or load the finished image from a bundle."
        )
    return folder / "node_modules"
