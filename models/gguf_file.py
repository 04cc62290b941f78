"""Reading the front of a GGUF: its metadata and the list of its tensors, without loading a weight.

Checks that every tensor the front promises lies inside the file, so a truncated download is found before an engine
maps it. It does not check the weights themselves; that is what the sha256 is for.
"""

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from models.errors import ModelFileCorrupt, ModelFileMissing

Scalar = int | float | bool | str

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_KEPT_ARRAY_ITEMS = 1024
_MAX_COUNT = 1 << 24


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    type_name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GgufFile:
    """`metadata` leaves out arrays of more than 1024 items (the vocabulary); `array_lengths` counts them all."""

    path: Path
    size_bytes: int
    metadata: Mapping[str, Scalar | tuple[Scalar, ...]]
    array_lengths: Mapping[str, int]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    @property
    def is_projector(self) -> bool:
        return self.architecture == "clip"

    @property
    def is_adapter(self) -> bool:
        return self.metadata.get("general.type") == "adapter"

    @property
    def weights_bytes(self) -> int:
        return sum(t.size_bytes for t in self.tensors)

    @property
    def parameters(self) -> int:
        return sum(prod(t.shape) for t in self.tensors)

    def number(self, key: str) -> int:
        """The architecture's own value (`llama.block_count` as `block_count`); the largest where it is per layer."""
        full = f"{self.architecture}.{key}"
        value = self.metadata.get(full)
        numbers = value if isinstance(value, tuple) else (value,)
        known = [int(n) for n in numbers if isinstance(n, int) or (isinstance(n, float) and isfinite(n))]
        if not known:
            raise ModelFileCorrupt(
                f"'{self.path.name}' does not say its {full}; get the file again from its publisher."
            )
        return max(known)

    def number_or(self, key: str, otherwise: int) -> int:
        return self.number(key) if f"{self.architecture}.{key}" in self.metadata else otherwise


def read_gguf(path: Path) -> GgufFile:
    """Raises ModelFileMissing, or ModelFileCorrupt for anything that is not a whole GGUF."""
    if not path.is_file():
        raise ModelFileMissing(f"There is no model file '{path}'; pull or import the model first.")
    size = path.stat().st_size
    if size < 24:
        raise ModelFileCorrupt(f"'{path.name}' has only {size} bytes and is not a GGUF model; get the file again.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return _read(path, _Cursor(view, path.name), size)


class _Cursor:
    def __init__(self, view: mmap.mmap, name: str) -> None:
        self.view, self.name, self.at = view, name, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.view):
            raise ModelFileCorrupt(
                f"'{self.name}' ends in the middle of its header: the download was cut; get it again."
            )
        self.at += count
        return self.view[self.at - count : self.at]

    def scalar(self, form: str) -> Scalar:
        value: Scalar = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def count(self, form: str = "<Q") -> int:
        value = int(self.scalar(form))
        if value > _MAX_COUNT:
            raise ModelFileCorrupt(f"'{self.name}' has a damaged header (a count of {value}); get the file again.")
        return value

    def text(self) -> str:
        return self.take(self.count()).decode("utf-8", errors="replace")


def _read(path: Path, cursor: _Cursor, size: int) -> GgufFile:
    magic, version = cursor.take(4), cursor.scalar("<I")
    if magic != b"GGUF":
        raise ModelFileCorrupt(f"'{path.name}' is not a GGUF model (it begins with {magic!r}); import a .gguf file.")
    if version not in (2, 3):
        raise ModelFileCorrupt(f"'{path.name}' is GGUF version {version}; only 2 and 3 can be read: convert it anew.")
    tensor_count, entry_count = cursor.count(), cursor.count()
    metadata: dict[str, Scalar | tuple[Scalar, ...]] = {}
    lengths: dict[str, int] = {}
    for _ in range(entry_count):
        key = cursor.text()
        kind = cursor.count("<I")
        if kind == _ARRAY:
            lengths[key], kept = _array(cursor)
            if kept is not None:
                metadata[key] = kept
        else:
            metadata[key] = _value(cursor, kind)
    tensors, offsets = _tensors(cursor, tensor_count)
    _refuse_truncated(path, size, cursor.at, metadata, tensors, offsets)
    return GgufFile(path, size, metadata, lengths, tensors)


def _value(cursor: _Cursor, kind: int) -> Scalar:
    if kind == _STRING:
        return cursor.text()
    return cursor.scalar(_form(cursor, kind))


def _form(cursor: _Cursor, kind: int) -> str:
    if kind not in _SCALARS:
        raise ModelFileCorrupt(f"'{cursor.name}' has a damaged header (value type {kind}); get the file again.")
    return _SCALARS[kind]


def _array(cursor: _Cursor) -> tuple[int, tuple[Scalar, ...] | None]:
    kind, length = cursor.count("<I"), cursor.count()
    if length <= _KEPT_ARRAY_ITEMS:
        return length, tuple(_value(cursor, kind) for _ in range(length))
    if kind == _STRING:
        _repeat(length, lambda: cursor.take(cursor.count()))
    else:
        cursor.take(length * struct.calcsize(_form(cursor, kind)))
    return length, None


def _repeat(times: int, act: Callable[[], object]) -> None:
    for _ in range(times):
        act()


def _tensors(cursor: _Cursor, count: int) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    tensors, offsets = [], []
    for _ in range(count):
        name = cursor.text()
        shape = tuple(int(cursor.scalar("<Q")) for _ in range(cursor.count("<I")))
        kind = cursor.count("<I")
        offsets.append(int(cursor.scalar("<Q")))
        tensors.append(Tensor(name, shape, *_stored(cursor, name, shape, kind)))
    return tuple(tensors), tuple(offsets)


def _stored(cursor: _Cursor, name: str, shape: tuple[int, ...], kind: int) -> tuple[str, int]:
    try:
        quantization = GGMLQuantizationType(kind)
    except ValueError:
        raise ModelFileCorrupt(
            f"'{cursor.name}' stores the tensor {name} in a form (number {kind}) that this engine does not know; "
            "take another quantization of the model, such as Q4_K_M."
        ) from None
    block, block_bytes = GGML_QUANT_SIZES[quantization]
    return quantization.name, prod(shape) // block * block_bytes


def _refuse_truncated(
    path: Path,
    size: int,
    header_end: int,
    metadata: Mapping[str, Scalar | tuple[Scalar, ...]],
    tensors: tuple[Tensor, ...],
    offsets: tuple[int, ...],
) -> None:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0:
        raise ModelFileCorrupt(f"'{path.name}' has a damaged header (alignment {alignment!r}); get the file again.")
    start = -(-header_end // alignment) * alignment
    needed = max((start + o + t.size_bytes for o, t in zip(offsets, tensors, strict=True)), default=start)
    if needed > size:
        raise ModelFileCorrupt(f"'{path.name}' is cut off: it has {size} bytes but needs {needed}; get the file again.")
