"""`python -m models.quantize FULL.gguf SMALL.gguf Q4_K_M`: a child of its own, for the engine may crash or swell."""

import ctypes
import sys

import llama_cpp


def main(full: str, small: str, quantization: str) -> int:
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{quantization}")
    failed: int = llama_cpp.llama_model_quantize(full.encode(), small.encode(), ctypes.byref(params))
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
