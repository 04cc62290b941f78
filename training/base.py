"""The frozen base the trainer works over, from the GGUF file that the server serves.

`gguf` keeps the file's blocks (gguf_linear.py), `bf16` and `fp32` hold its numbers, `int8` and `nf4` quantise them once
more with bitsandbytes: faster on a card, and another policy than the server. Whatever the kind, the architecture is
built from the file's own metadata and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFReader, get_tensor_name_map
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.qwen2 import Qwen2Config

from models.catalog import load_catalog
from models.errors import ModelError
from models.unchanged import refuse_changed
from training.gguf_blocks import dequantise
from training.gguf_linear import GgufEmbedding, GgufLinear

BaseKind = Literal["gguf", "int8", "bf16", "nf4", "fp32"]


class UntrainableBase(ModelError):
    """The file cannot be trained on: an architecture or a format that is not known here."""


@dataclass(frozen=True, slots=True)
class _Stored:
    rows: Tensor
    kind: GGMLQuantizationType
    shape: tuple[int, ...]

    def numbers(self) -> Tensor:
        return dequantise(self.rows, self.kind).reshape(self.shape)


def load_base(path: Path, kind: BaseKind, *, device: str = "cpu") -> PreTrainedModel:
    """The model, all of it frozen and in eval mode. Raises UntrainableBase, and ModelFileCorrupt for a changed file."""
    refuse_changed(path, load_catalog())
    reader = GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    if fields.get("general.architecture") != "qwen2":
        raise UntrainableBase(
            f"'{path.name}' is of the architecture “{fields.get('general.architecture')}”; only qwen2 can be trained."
        )
    config = config_of(fields, has_head=any(tensor.name == "output.weight" for tensor in reader.tensors))
    dtype = torch.float32 if kind in ("fp32", "gguf") and device == "cpu" else torch.bfloat16
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    stored = {
        tensor.name: _Stored(
            torch.from_numpy(np.array(tensor.data).view(np.uint8).reshape(*_rows(tensor.data, tensor.shape), -1)),
            tensor.tensor_type,
            tuple(int(n) for n in reversed(tensor.shape)),
        )
        for tensor in reader.tensors
    }
    _fill(model, stored, config, kind, dtype, path)
    if config.tie_word_embeddings and kind != "gguf":
        model.lm_head.weight = model.model.embed_tokens.weight
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.to(device)
    model.eval()
    whole: PreTrainedModel = model
    return whole


def config_of(fields: Mapping[str, Any], *, has_head: bool) -> Qwen2Config:
    """A GGUF may carry a head of its own although the original tied it to the embedding."""

    def own(name: str) -> Any:
        return fields[f"qwen2.{name}"]

    return Qwen2Config(
        vocab_size=len(fields["tokenizer.ggml.tokens"]),
        hidden_size=own("embedding_length"),
        intermediate_size=own("feed_forward_length"),
        num_hidden_layers=own("block_count"),
        num_attention_heads=own("attention.head_count"),
        num_key_value_heads=own("attention.head_count_kv"),
        max_position_embeddings=own("context_length"),
        rms_norm_eps=own("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": own("rope.freq_base")},
        tie_word_embeddings=not has_head,
        use_cache=False,
    )


def head_of(model: PreTrainedModel) -> Tensor:
    """The dense output matrix (vocabulary, hidden), for chunked log-probs."""
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if isinstance(head, GgufLinear):
        return head.numbers()
    weight: Tensor = head.weight.detach()
    return weight


def _rows(data: np.ndarray[Any, Any], shape: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in reversed(shape))[:-1] if len(shape) > 1 else (1,)


def _fill(
    model: nn.Module,
    stored: Mapping[str, _Stored],
    config: Qwen2Config,
    kind: BaseKind,
    dtype: torch.dtype,
    path: Path,
) -> None:
    names = get_tensor_name_map(MODEL_ARCH.QWEN2, config.num_hidden_layers)

    def of(module: str, part: str = "weight") -> _Stored | None:
        found = names.get_name(f"{module}.{part}", try_suffixes=(".weight", ".bias"))
        return stored.get(found or "")

    for name, module in list(model.named_modules()):
        if not isinstance(module, nn.Linear | nn.Embedding) and "norm" not in type(module).__name__.lower():
            continue
        weight = of(name) or (stored.get("token_embd.weight") if name == "lm_head" else None)
        if weight is None:
            raise UntrainableBase(f"'{path.name}' has no weights for {name}; verify the file.")
        _set(model, name, _made(module, weight, of(name, "bias"), kind, dtype, is_head=name == "lm_head"))


def _made(
    module: nn.Module, weight: _Stored, bias: _Stored | None, kind: BaseKind, dtype: torch.dtype, *, is_head: bool
) -> nn.Module:
    offset = None if bias is None else bias.numbers().reshape(-1)
    if isinstance(module, nn.Embedding):
        if kind == "gguf":
            return GgufEmbedding(weight.rows, weight.kind, weight.shape[-1], dtype)
        return _with_numbers(nn.Embedding(weight.shape[0], weight.shape[1], device="meta"), weight, None, dtype)
    if not isinstance(module, nn.Linear):
        return _with_numbers(module, weight, None, dtype)
    outputs, inputs = weight.shape
    if kind == "gguf":
        return GgufLinear(weight.rows, weight.kind, inputs, offset, dtype)
    if kind in ("int8", "nf4") and not is_head:
        return _requantised(kind, weight.numbers(), offset, dtype)
    return _with_numbers(nn.Linear(inputs, outputs, bias=offset is not None, device="meta"), weight, offset, dtype)


def _requantised(kind: BaseKind, numbers: Tensor, offset: Tensor | None, dtype: torch.dtype) -> nn.Module:
    """bitsandbytes packs the numbers when the layer is moved to its device."""
    bnb: Any = import_module("bitsandbytes")  # heavy, and only for these two kinds
    outputs, inputs = numbers.shape
    has_bias = offset is not None
    layer: nn.Module
    if kind == "nf4":
        layer = bnb.nn.Linear4bit(inputs, outputs, has_bias, dtype, compress_statistics=True, quant_type="nf4")
        layer.weight = bnb.nn.Params4bit(
            numbers.to(dtype), requires_grad=False, compress_statistics=True, quant_type="nf4"
        )
    else:
        layer = bnb.nn.Linear8bitLt(inputs, outputs, has_bias, has_fp16_weights=False)
        layer.weight = bnb.nn.Int8Params(numbers.to(torch.float16), requires_grad=False, has_fp16_weights=False)
    if offset is not None:
        layer.bias = nn.Parameter(offset.to(dtype), requires_grad=False)
    return layer


def _with_numbers(module: nn.Module, weight: _Stored, offset: Tensor | None, dtype: torch.dtype) -> nn.Module:
    module.weight = nn.Parameter(weight.numbers().reshape(weight.shape).to(dtype), requires_grad=False)
    if offset is not None:
        module.bias = nn.Parameter(offset.to(dtype), requires_grad=False)
    return module


def _set(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, module)
