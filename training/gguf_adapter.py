"""An adapter from PEFT's tensors to the GGUF file that llama.cpp loads.

llama.cpp applies `scale × alpha / r` with r read from the tensors; rank-stabilised LoRA is written as `alpha × √r`.
Llama's q and k rows are permuted in its GGUF files, so only architectures without that are let through.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

from models.errors import AdapterError

ARCHITECTURES = {"qwen2": gguf.MODEL_ARCH.QWEN2}
_PREFIX = "base_model.model."
_PARTS = {".lora_A.weight": ".lora_a", ".lora_B.weight": ".lora_b"}


def write_gguf_adapter(folder: Path, target: Path, architecture: str, layers: int) -> None:
    """Write `target` from PEFT's `adapter_model.safetensors` and `adapter_config.json` in `folder`, all or nothing.

    Raises AdapterError for what llama.cpp could not apply as it was trained.
    """
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    tensors = load_file(folder / "adapter_model.safetensors")
    refuse_config(config, architecture)
    names = gguf.get_tensor_name_map(ARCHITECTURES[architecture], layers)
    scratch = target.with_suffix(".part")
    writer = gguf.GGUFWriter(scratch, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha_of(config))
    for name, tensor in sorted(tensors.items()):
        writer.add_tensor(_served_name(name, names), np.ascontiguousarray(tensor, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with scratch.open("rb") as file:
        os.fsync(file.fileno())
    scratch.replace(target)


def refuse_config(config: Mapping[str, Any], architecture: str) -> None:
    if architecture not in ARCHITECTURES:
        raise AdapterError(f"Adapters for “{architecture}” cannot be written; known are {', '.join(ARCHITECTURES)}.")
    for name, wanted in (("use_dora", False), ("bias", "none"), ("modules_to_save", None), ("rank_pattern", {})):
        if config.get(name, wanted) not in (wanted, None):
            raise AdapterError(f"An adapter with {name} = {config[name]!r} cannot be served; train it without.")


def alpha_of(config: Mapping[str, Any]) -> float:
    return float(config["lora_alpha"]) * (math.sqrt(config["r"]) if config.get("use_rslora") else 1.0)


def _served_name(name: str, names: gguf.TensorNameMap) -> str:
    ending = next((ending for ending in _PARTS if name.endswith(ending)), "")
    module = name.removeprefix(_PREFIX).removesuffix(ending)
    served = names.get_name(module) if ending else None
    if served is None:
        raise AdapterError(f"The adapter changes “{name}”, which the server cannot; train on linear layers only.")
    return f"{served}.weight{_PARTS[ending]}"
