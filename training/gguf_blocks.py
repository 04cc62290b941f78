"""GGUF's quantised blocks back to numbers, in torch: bit for bit what the `gguf` package computes in numpy.

Each function takes uint8 blocks (n, bytes of one block) and gives float32 (n, numbers of one block). Formats as in
ggml's `ggml-quants.c`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from torch import Tensor

_K_SCALES = 12


def dequantise(rows: Tensor, kind: GGMLQuantizationType) -> Tensor:
    """float32 (..., numbers) of uint8 rows (..., bytes). Raises ValueError for a format that is not known here."""
    if kind not in BLOCKS:
        raise ValueError(f"weights of the format {kind.name} cannot be trained on; known are {known_formats()}")
    _, size = GGML_QUANT_SIZES[kind]
    blocks = rows.reshape(-1, size)
    return BLOCKS[kind](blocks).reshape(*rows.shape[:-1], -1)


def known_formats() -> str:
    return ", ".join(kind.name for kind in BLOCKS)


def _half(raw: Tensor) -> Tensor:
    return raw.contiguous().view(torch.float16).float()


def _shifted(raw: Tensor, width: int, shifts: tuple[int, ...]) -> Tensor:
    """(n, groups, shifts, width): each group of `width` bytes, moved right by each of the shifts."""
    by = torch.tensor(shifts, dtype=torch.uint8, device=raw.device).reshape(1, 1, -1, 1)
    return raw.reshape(len(raw), -1, 1, width) >> by


def _q8_0(blocks: Tensor) -> Tensor:
    return _half(blocks[:, :2]) * blocks[:, 2:].contiguous().view(torch.int8).float()


def _q4_0(blocks: Tensor) -> Tensor:
    quants = (_shifted(blocks[:, 2:], 16, (0, 4)) & 0x0F).reshape(len(blocks), -1).to(torch.int8) - 8
    return _half(blocks[:, :2]) * quants.float()


def _q5_0(blocks: Tensor) -> Tensor:
    low = (_shifted(blocks[:, 6:], 16, (0, 4)) & 0x0F).reshape(len(blocks), 32)
    bits = blocks[:, 2:6].reshape(len(blocks), 4, 1) >> torch.arange(8, dtype=torch.uint8, device=blocks.device)
    high = (bits & 1).reshape(len(blocks), 32)
    return _half(blocks[:, :2]) * ((low | (high << 4)).to(torch.int8) - 16).float()


def _k_scales(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Eight 6-bit scales and eight 6-bit minima from twelve bytes."""
    d, m, both = raw.reshape(-1, 3, 4).unbind(1)
    scales = torch.cat([d & 0x3F, (both & 0x0F) | ((d >> 2) & 0x30)], dim=1)
    return scales.float(), torch.cat([m & 0x3F, (both >> 4) | ((m >> 2) & 0x30)], dim=1).float()


def _k_parts(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scales and minima (n, 8, 1) of a Q4_K or Q5_K block, and what comes after them."""
    scales, minima = _k_scales(blocks[:, 4 : 4 + _K_SCALES])
    scales, minima = _half(blocks[:, :2]) * scales, _half(blocks[:, 2:4]) * minima
    return scales[:, :, None], minima[:, :, None], blocks[:, 4 + _K_SCALES :]


def _q4_k(blocks: Tensor) -> Tensor:
    scales, minima, rest = _k_parts(blocks)
    quants = (_shifted(rest, 32, (0, 4)) & 0x0F).reshape(len(blocks), 8, 32).float()
    return (scales * quants - minima).reshape(len(blocks), 256)


def _q5_k(blocks: Tensor) -> Tensor:
    scales, minima, rest = _k_parts(blocks)
    low = (_shifted(rest[:, 32:], 32, (0, 4)) & 0x0F).reshape(len(blocks), 8, 32)
    high = (_shifted(rest[:, :32], 32, tuple(range(8))) & 1).reshape(len(blocks), 8, 32)
    return (scales * (low | (high << 4)).float() - minima).reshape(len(blocks), 256)


def _q6_k(blocks: Tensor) -> Tensor:
    low = (_shifted(blocks[:, :128], 64, (0, 4)) & 0x0F).reshape(len(blocks), 8, 32)
    high = (_shifted(blocks[:, 128:192], 32, (0, 2, 4, 6)) & 3).reshape(len(blocks), 8, 32)
    quants = ((low | (high << 4)).to(torch.int8) - 32).reshape(len(blocks), 16, 16).float()
    scales = _half(blocks[:, 208:]) * blocks[:, 192:208].contiguous().view(torch.int8).float()
    return (scales[:, :, None] * quants).reshape(len(blocks), 256)


def _plain(kind: torch.dtype) -> Callable[[Tensor], Tensor]:
    return lambda blocks: blocks.contiguous().view(kind).float()


BLOCKS: Mapping[GGMLQuantizationType, Callable[[Tensor], Tensor]] = {
    GGMLQuantizationType.Q4_K: _q4_k,
    GGMLQuantizationType.Q5_K: _q5_k,
    GGMLQuantizationType.Q6_K: _q6_k,
    GGMLQuantizationType.Q4_0: _q4_0,
    GGMLQuantizationType.Q5_0: _q5_0,
    GGMLQuantizationType.Q8_0: _q8_0,
    GGMLQuantizationType.F16: _plain(torch.float16),
    GGMLQuantizationType.BF16: _plain(torch.bfloat16),
    GGMLQuantizationType.F32: _plain(torch.float32),
}
