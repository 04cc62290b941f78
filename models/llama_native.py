"""llama.cpp's own objects, opened and closed; errors become ours here.

The library's abort callback is libc's `strlen` on a two-byte buffer: an empty string means go on. It is asked for every
node of every graph, and a Python function there would need the interpreter lock each time.
"""

import ctypes
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt
from llama_cpp import mtmd_cpp

from models.errors import AdapterError, ConstraintError, EngineRefused
from models.sampler import Logits

_ERROR_LEVEL = 4

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class NativeLog:
    """Keeps the last errors the library writes, for our messages; the rest is dropped."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=4)
        self._callback = llama_cpp.llama_log_callback(self._keep)
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def also_from_pictures(self) -> None:
        """The picture library has a log of its own."""
        mtmd_cpp.mtmd_log_set(self._callback, ctypes.c_void_p(0))
        mtmd_cpp.mtmd_helper_log_set(self._callback, ctypes.c_void_p(0))

    def _keep(self, level: int, text: bytes, _: object) -> None:
        line = text.decode("utf-8", errors="replace").strip()
        if level == _ERROR_LEVEL and line:
            self._lines.append(line)

    @property
    def last(self) -> str:
        return self._lines[-1] if self._lines else "no reason given"


class AbortSwitch:
    def __init__(self) -> None:
        self._flag = ctypes.create_string_buffer(2)
        strlen = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p).value or 0
        self._callback = llama_cpp.llama_cpp.ggml_abort_callback(strlen)

    def connect(self, context: object) -> None:
        llama_cpp.llama_set_abort_callback(context, self._callback, ctypes.addressof(self._flag))

    def on(self) -> None:
        self._flag[0] = b"\x01"

    def off(self) -> None:
        self._flag[0] = b"\x00"

    @property
    def is_on(self) -> bool:
        return self._flag[0] != b"\x00"


def load_model(path: Path, gpu_layers: int, log: NativeLog, *, vocabulary_only: bool = False) -> Any:
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers, params.vocab_only = gpu_layers, vocabulary_only
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise EngineRefused(f"The engine could not load '{path.name}' ({log.last}); verify it, or take another model.")
    return model


def open_context(
    model: object, *, cells: int, sequences: int, batch_tokens: int, threads: int, kv_type: str, log: NativeLog
) -> Any:
    """One KV cache of `cells` tokens for all sequences together, so that drafts hold their common prompt once."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = cells, batch_tokens, batch_tokens
    params.n_seq_max, params.n_outputs_max = sequences, sequences
    params.n_threads = params.n_threads_batch = threads
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
    params.type_k = params.type_v = {"f16": llama_cpp.GGML_TYPE_F16, "q8_0": llama_cpp.GGML_TYPE_Q8_0}[kv_type]
    params.kv_unified = params.swa_full = True
    params.no_perf = True
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise EngineRefused(
            f"The engine could not make a context of {cells} tokens ({log.last}); use a smaller context."
        )
    return context


class Batch:
    def __init__(self, room: int) -> None:
        self._batch = llama_cpp.llama_batch_init(room, 0, 1)

    def clear(self) -> None:
        self._batch.n_tokens = 0

    def add(self, token: int, position: int, sequence: int, *, wants_logits: bool) -> None:
        batch, at = self._batch, self._batch.n_tokens
        batch.token[at], batch.pos[at] = token, position
        batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
        batch.logits[at] = wants_logits
        batch.n_tokens = at + 1

    def decode(self, context: object) -> int:
        return int(llama_cpp.llama_decode(context, self._batch))

    def close(self) -> None:
        llama_cpp.llama_batch_free(self._batch)


class GrammarGuard:
    """Says which tokens a grammar allows next. One token is asked about cheaply; the whole vocabulary takes a hundred
    times as long, so that is for when the drawn token was refused."""

    def __init__(self, vocabulary: object, grammar: str) -> None:
        self._sampler = llama_cpp.llama_sampler_init_grammar(vocabulary, grammar.encode(), b"root")
        if not self._sampler:
            raise ConstraintError("The engine does not accept this grammar; check its rules (the first one is 'root').")

    def allows(self, token: int) -> bool:
        return bool(np.isfinite(self._apply(np.array([(token, 1.0, 0.0)], dtype=_TOKEN_DATA))[0]))

    def masked(self, logits: Logits) -> Logits:
        """-inf for every token that the grammar forbids."""
        candidates = np.zeros(len(logits), dtype=_TOKEN_DATA)
        candidates["id"] = np.arange(len(logits), dtype=np.int32)
        candidates["logit"] = logits
        return self._apply(candidates)

    def accept(self, token: int) -> None:
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._sampler)

    def _apply(self, candidates: npt.NDArray[np.void]) -> Logits:
        data = candidates.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        view = llama_cpp.llama_token_data_array(data=data, size=len(candidates), selected=-1, sorted=False)
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(view))
        return np.ascontiguousarray(candidates["logit"])


class Adapters:
    """The LoRA files in force. Setting replaces the whole set; an empty set is exactly the base model again."""

    def __init__(self, model: object, context: object) -> None:
        self._model, self._context = model, context
        self._loaded: list[Any] = []

    def set(self, adapters: Sequence[tuple[Path, float]]) -> None:
        """All or nothing: a file that does not fit leaves the old set in force."""
        opened: list[Any] = []
        for path, _ in adapters:
            handle = llama_cpp.llama_adapter_lora_init(self._model, str(path).encode())
            if not handle:
                _free(opened)
                raise AdapterError(f"'{path.name}' is not a LoRA adapter for this model; choose one trained on it.")
            opened.append(handle)
        count = len(opened)
        handles = (llama_cpp.llama_cpp.llama_adapter_lora_p_ctypes * count)(*opened) if count else None
        scales = (ctypes.c_float * count)(*(scale for _, scale in adapters)) if count else None
        if llama_cpp.llama_set_adapters_lora(self._context, handles, count, scales) != 0:
            _free(opened)
            raise AdapterError("The engine could not apply the adapters; choose others, or none.")
        _free(self._loaded)
        self._loaded = opened


def _free(handles: Sequence[Any]) -> None:
    for handle in handles:
        llama_cpp.llama_adapter_lora_free(handle)
