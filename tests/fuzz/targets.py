"""Every reader of what strangers write. A new one belongs into one of the three tables, and its module among
those that `guided` follows.

The reader of bundles belongs beside that of backups, in `of_files`.
"""

from __future__ import annotations

from tests.fuzz.of_files import OF_FILES
from tests.fuzz.of_models import OF_MODELS
from tests.fuzz.of_pages import OF_PAGES

TARGETS = {target.name: target for target in (*OF_MODELS, *OF_PAGES, *OF_FILES)}
