"""The engine's source as it is built: the pinned archive, with faster products, and attention for a few rows, put in.

See few_rows.hpp, many_rows.hpp and few_heads.hpp. Where the processor or the build lacks the instructions, the code is
left out by the compiler and llama.cpp's own takes its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from setup.errors import CommandFailed

KERNELS = tuple(Path(__file__).with_name(f"{name}.hpp") for name in ("few_rows", "many_rows", "few_heads"))
PATCHED_FOLDER = "vendor/llama.cpp/ggml/src/ggml-cpu"
Changes = tuple[tuple[str, str], ...]
_SIGNATURE = "(int n, float * s, size_t bs, const void * vx, const void * vy, int nr, int nc) {\n"


def _gemm(kernel: str, many: str) -> tuple[str, str]:
    few = f"few_rows::{kernel}<few_rows::Four>(n, s, bs, vx, vy, nr / 4, nc)"
    rest = f"many_rows::product<many_rows::{many}>(n, s, bs, vx, vy, nr / 4, nc)"
    return _call("gemm", kernel, f"return nr < many_rows::LEAST ? {few} : {rest};")


def _gemv(kernel: str) -> tuple[str, str]:
    return _call("gemv", kernel, f"return few_rows::{kernel}<few_rows::Loose<1>>(n, s, bs, vx, vy, nr, nc);")


def _call(kind: str, kernel: str, instead: str) -> tuple[str, str]:
    head = f"template <> void {kind}<block_{kernel}, 8, 8, GGML_TYPE_Q8_K>{_SIGNATURE}"
    return head, f"{head}#ifdef FEW_ROWS\n    {instead}\n#endif\n"


_LEFT = "        for (int iter = nrows - (nrows % 4); iter < nrows; iter++) {\n            gemv<BLOC_TYPE"
_LEFT_FIRST = """\
#ifdef FEW_ROWS
        const int64_t fours = nrows - nrows % 4;
        if (few_rows::leftover<BLOC_TYPE, INTER_SIZE, NB_COLS>(
                ne00, (float *) (dst_ptr + fours * nb1) + src0_start, nb1 / nb0, src0_ptr + src0_start * nb01,
                src1_ptr + src1_col_stride * fours, nrows % 4, ncols)) {
            return;
        }
#endif
"""
_CHOICE = "    } else if (cur->type == GGML_TYPE_Q6_K) {\n"
_PRODUCTS: Changes = (
    ('#include "repack.h"\n', '#include "repack.h"\n#include "few_rows.hpp"\n#include "many_rows.hpp"\n'),
    _gemm("q4_K", "Q4"),
    _gemm("q6_K", "Q6"),
    _gemv("q6_K"),
    (_LEFT, _LEFT_FIRST + _LEFT),
    (
        _CHOICE,
        f"{_CHOICE}#ifdef FEW_ROWS\n        if (cur->ne[1] % 8 == 0) {{\n            return &q6_K_8x8_q8_K;\n"
        "        }\n#endif\n",
    ),
)
_ATTENTION: Changes = (
    ('#include "vec.h"\n', '#include "vec.h"\n#include "few_heads.hpp"\n'),
    (
        "            {\n                // uses F32 accumulators\n",
        "            {\n#ifdef FEW_HEADS\n"
        "                if (!params->use_ref && few_heads::knows(dst)) {\n"
        "                    return few_heads::compute(params, dst);\n"
        "                }\n#endif\n                // uses F32 accumulators\n",
    ),
)
CHANGES: Mapping[str, Changes] = {"repack.cpp": _PRODUCTS, "ops.cpp": _ATTENTION}
"""By file: what is looked for, which must be there exactly once, and what takes its place."""


def unpack(archive: Path, folder: Path) -> Path:
    """The changed source tree, ready to build. Raises CommandFailed when this was made for another archive."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.unpack_archive(archive, folder)
    (tree,) = folder.iterdir()
    for name, changes in CHANGES.items():
        target = tree / PATCHED_FOLDER / name
        target.write_text(changed(target.read_text("utf-8"), changes), "utf-8")
    for kernels in KERNELS:
        shutil.copy(kernels, tree / PATCHED_FOLDER)
    return tree


def changed(text: str, changes: Changes) -> str:
    for old, new in changes:
        if text.count(old) != 1:
            raise CommandFailed(f"The engine's source is not the expected one: {old.strip()!r} is not there once.")
        text = text.replace(old, new)
    return text
