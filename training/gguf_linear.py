"""A frozen linear layer that keeps the served file's own blocks and makes numbers of them only while it multiplies.

The trainer then has exactly the weights that sampled the tokens, at a seventh of their size in float32. Only the input
gets a gradient, so backward needs the numbers once more and nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
from gguf import GGMLQuantizationType
from torch import Tensor, nn

from training.gguf_blocks import dequantise


class GgufLinear(nn.Linear):
    """Adapters wrap it like any linear layer; its own `weight` is empty and only says device and dtype."""

    def __init__(
        self, rows: Tensor, kind: GGMLQuantizationType, inputs: int, bias: Tensor | None, dtype: torch.dtype
    ) -> None:
        """`rows`: uint8 (outputs, bytes of one row)."""
        nn.Module.__init__(self)  # a linear layer's own would draw numbers for a weight that nobody uses
        self.weight = nn.Parameter(torch.empty(0, dtype=dtype), requires_grad=False)
        self.register_parameter("bias", None)
        self.in_features, self.out_features, self.kind = inputs, len(rows), kind
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("offset", None if bias is None else bias.to(dtype), persistent=False)

    def numbers(self) -> Tensor:
        """The dense weight (outputs, inputs), made anew."""
        rows: Tensor = self.rows  # type: ignore[assignment]
        return dequantise(rows, self.kind).to(self.weight.dtype)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = _Product.apply(hidden, self)  # type: ignore[no-untyped-call]
        offset: Tensor | None = self.offset  # type: ignore[assignment]
        return out if offset is None else out + offset


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, layer: GgufLinear) -> Tensor:
        ctx.layer = layer
        return hidden @ layer.numbers().T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] @ ctx.layer.numbers(), None


class GgufEmbedding(nn.Embedding):
    """Looks up and dequantises only the rows that are asked for."""

    def __init__(self, rows: Tensor, kind: GGMLQuantizationType, width: int, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.weight = nn.Parameter(torch.empty(0, dtype=dtype), requires_grad=False)
        self.padding_idx, self.max_norm, self.norm_type = None, None, 2.0
        self.scale_grad_by_freq = self.sparse = False
        self.num_embeddings, self.embedding_dim, self.kind = len(rows), width, kind
        self.register_buffer("rows", rows, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        rows: Tensor = self.rows  # type: ignore[assignment]
        return dequantise(rows[ids], self.kind).to(self.weight.dtype)
