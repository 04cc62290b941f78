from pathlib import Path

import gguf
import numpy as np


def write_tiny_projector(path: Path) -> Path:
    """Enough of a projector to be known as one; it cannot see."""
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_tensor("v.patch_embd.weight", np.zeros((32, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
