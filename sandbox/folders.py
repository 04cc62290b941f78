"""Removing folders that others may be writing or removing at the same moment."""

import shutil
import time
from pathlib import Path

TRIES, POLL_S = 50, 0.025


def remove_folder(folder: Path) -> None:
    """Waits for a dying process that still writes there, and lets others remove it too. Raises OSError for one that
    stays."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(POLL_S)
    shutil.rmtree(folder)
