"""Before a model of the shelf is loaded: is every byte still what was promised? Done at each load.

For a model of the catalog the promise is the publisher's own hash, whoever packed and carried the file; for an imported
one it is the hash it had when it was imported. Nothing is kept of a check: whoever can change the file could change
the note that it was checked. A file outside a shelf's folder has no promise and is not checked.
"""

import json
from pathlib import Path

from models.catalog import Catalog
from models.errors import ModelFileCorrupt
from models.sources import sha256_of

RECORD = "model.json"


def promised_sha256(path: Path, catalog: Catalog) -> str | None:
    """None: the file is not one of a shelf's. Raises ModelFileCorrupt when the record beside it cannot be read."""
    record = path.parent / RECORD
    if not record.is_file():
        return None
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        files = {file["name"]: str(file["sha256"]) for file in (told["weights"], told["projector"]) if file}
        entry = catalog.find(told["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileCorrupt(f"The record '{record}' is damaged; remove the model and get it again.") from error
    official = {file.name: file.sha256 for file in entry.files} if entry else {}
    return official.get(path.name) or files.get(path.name)


def refuse_changed(path: Path, catalog: Catalog) -> None:
    """Reads the whole file: 1.1 GB in memory takes 0.8 s where the processor has SHA instructions, 2.5 s elsewhere."""
    promised = promised_sha256(path, catalog)
    if promised is not None and (found := sha256_of(path)) != promised:
        raise ModelFileCorrupt(
            f"'{path.name}' has the sha256 {found[:12]}… and not {promised[:12]}… as its publisher or import promised,"
            f" so it is not loaded; run: appliance models remove {path.parent.name}, then pull or import it again."
        )
