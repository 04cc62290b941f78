"""`python -m models.vision_child`: the process that holds one vision model of transformers."""

from pathlib import Path
from typing import Any

from models.child_loop import run_child
from models.vision_engine import VisionEngine, VisionOptions
from models.wire import Frame


def _load(options: dict[str, Any]) -> tuple[VisionEngine, Frame]:
    engine = VisionEngine(VisionOptions(**{**options, "folder": Path(options["folder"])}))
    return engine, {"engine": engine.device, "weights_bytes": engine.weights_bytes}


if __name__ == "__main__":
    run_child(_load, {})
