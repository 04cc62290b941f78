from pathlib import Path

import gguf
import numpy as np


def write_tiny_adapter(path: Path, *, architecture: str = "qwen2", width: int = 256, rank: int = 4) -> Path:
    """A LoRA for the tiny model that changes its answers."""
    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 16.0)
    for name in ("blk.0.attn_q.weight", "blk.1.attn_output.weight"):
        writer.add_tensor(name + ".lora_a", random.standard_normal((rank, width)).astype(np.float32))
        writer.add_tensor(name + ".lora_b", random.standard_normal((256, rank)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
