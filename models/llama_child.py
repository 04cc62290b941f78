"""`python -m models.llama_child`: the process that holds one GGUF model."""

from pathlib import Path
from typing import Any

from models.child_loop import run_child
from models.llama_engine import EngineOptions, LlamaEngine
from models.wire import Frame


def _load(options: dict[str, Any]) -> tuple[LlamaEngine, Frame]:
    projector = options["projector"]
    paths = {"path": Path(options["path"]), "projector": None if projector is None else Path(projector)}
    return LlamaEngine(EngineOptions(**{**options, **paths})), {}


def _set_adapters(engine: LlamaEngine, frame: Frame) -> None:
    engine.set_adapters([(Path(path), scale) for path, scale in frame["adapters"]])


if __name__ == "__main__":
    run_child(_load, {"adapters": _set_adapters})
