"""`python -m tests.fuzz.guided TARGET [--seconds N]`: cases that atheris finds by following the reader's branches.

Needs `pip install --require-hashes -r locks/fuzz.txt`. The modules of readers alone are instrumented: all of the
project with what it imports takes minutes. A fault ends the search; its case lies where libFuzzer says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

READERS = (
    *("appliance.artifact", "appliance.backup", "appliance.brief", "appliance.changes", "appliance.checklist"),
    *("appliance.config", "appliance.delivery", "appliance.gui_actions", "appliance.likeness", "appliance.mend"),
    *("appliance.profiles", "appliance.reference", "appliance.rubric", "appliance.schedule", "appliance.vision_judge"),
    *("models.catalog", "models.gguf_file", "models.json_answer", "models.openai", "models.picture"),
    *("sandbox.packages", "sandbox.page_events", "sandbox.workspace", "training.conversations"),
)

with atheris.instrument_imports(include=list(READERS)):
    from tests.fuzz.target import Target, tried
    from tests.fuzz.targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        search(TARGETS[options.target], Path(folder), options.seconds, options.seed)


def search(target: Target, folder: Path, seconds: int, seed: int) -> None:
    """Ends the process, with an exit code other than 0 after a fault."""
    corpus, room, words = folder / "corpus", folder / "room", folder / "words"
    corpus.mkdir()
    room.mkdir()
    for n, sound in enumerate(target.seeds):
        (corpus / str(n)).write_bytes(sound)
    words.write_text("".join(f"{_quoted(word)}\n" for word in target.words if word))

    def once(case: bytes) -> None:
        fault = tried(target, case, room)
        if fault:
            raise AssertionError(fault.told or fault.what)

    limits = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=4096", "-print_final_stats=1"]
    if words.stat().st_size:  # an empty one is refused
        limits.append(f"-dict={words}")
    atheris.Setup([sys.argv[0], *limits, str(corpus)], once)
    atheris.Fuzz()


def _quoted(word: bytes) -> str:
    """As libFuzzer's dictionaries have it."""
    shown = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word)
    return f'"{shown}"'


if __name__ == "__main__":
    main()
