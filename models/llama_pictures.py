"""Pictures for a llama.cpp model, by its own `mtmd` library: from bytes to chunks, from chunks into the KV cache.

A picture becomes one or several chunks: the marks around it are ordinary tokens, the picture itself is a block that
takes `cells` of the cache but moves on by only `positions` (in models with positions in three dimensions the larger
side of its grid). In the bookkeeping of the cache a block stands as that many equal signs below 0, made from the
picture's hash: no token is below 0, and only the very same picture has the same signs.

Encoding cannot be cancelled half-way: it takes a second on a GPU and up to ten for a large screenshot on a CPU.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp import mtmd_cpp

from models.errors import EngineRefused, ImagesUnsupported
from models.llama_native import NativeLog
from models.picture import open_picture


@dataclass(frozen=True, slots=True)
class PictureBlock:
    """`handle` is valid as long as the Album it came from."""

    handle: Any
    cells: int
    positions: int
    sign: int

    @property
    def signs(self) -> list[int]:
        return [self.sign] * self.positions


PictureChunk = Sequence[int] | PictureBlock


class Album:
    """The native chunks of one prompt's pictures; whoever opens it closes it."""

    def __init__(self) -> None:
        self._handles: list[Any] = []

    def keep(self, handle: Any) -> None:
        self._handles.append(handle)

    def close(self) -> None:
        for handle in self._handles:
            mtmd_cpp.mtmd_input_chunks_free(handle)
        self._handles.clear()


class Projector:
    """The eyes of one loaded model."""

    def __init__(self, path: Path, model: object, *, threads: int, use_gpu: bool, log: NativeLog) -> None:
        params = mtmd_cpp.mtmd_context_params_default()
        params.use_gpu, params.n_threads, params.print_timings = use_gpu, threads, False
        self._log = log
        self._marker = mtmd_cpp.mtmd_default_marker()
        log.also_from_pictures()
        self._context: Any = mtmd_cpp.mtmd_init_from_file(str(path).encode(), model, params)
        if not self._context:
            raise EngineRefused(
                f"The engine could not load the projector '{path.name}' ({log.last}); take the one published with the"
                " model."
            )
        if not mtmd_cpp.mtmd_support_vision(self._context):
            raise ImagesUnsupported(f"The projector '{path.name}' hears but cannot see; take a vision model.")

    def read(self, image: bytes, album: Album) -> list[PictureChunk]:
        """What the picture is in the prompt; nothing is encoded yet. Raises PictureRefused."""
        chunks = self._chunks(image)
        album.keep(chunks)
        digest = sha256(image).digest()
        count = int(mtmd_cpp.mtmd_input_chunks_size(chunks))
        return [_chunk(mtmd_cpp.mtmd_input_chunks_get(chunks, n), digest, n) for n in range(count)]

    def encode(self, block: PictureBlock) -> Any:
        """The block's embeddings, valid until the next call."""
        if mtmd_cpp.mtmd_encode_chunk(self._context, block.handle) != 0:
            raise EngineRefused(f"The engine could not read the picture ({self._log.last}); scale it down.")
        return mtmd_cpp.mtmd_get_output_embd(self._context)

    def decode(
        self, context: Any, block: PictureBlock, embeddings: Any, position: int, sequence: int, batch: int
    ) -> int:
        """Puts an encoded block into the cache; the status is llama_decode's."""
        end = llama_cpp.llama_pos(0)
        no_callback = mtmd_cpp.mtmd_helper_post_decode_callback()
        return int(
            mtmd_cpp.mtmd_helper_decode_image_chunk(
                self._context,
                context,
                block.handle,
                embeddings,
                position,
                sequence,
                batch,
                ctypes.byref(end),
                no_callback,
                ctypes.c_void_p(0),
            )
        )

    def _chunks(self, image: bytes) -> Any:
        picture = open_picture(image)
        pixels = picture.tobytes()
        buffer = (ctypes.c_uint8 * len(pixels)).from_buffer_copy(pixels)
        bitmap = mtmd_cpp.mtmd_bitmap_init(picture.width, picture.height, buffer)
        chunks = mtmd_cpp.mtmd_input_chunks_init()
        text = mtmd_cpp.mtmd_input_text(
            text=self._marker, text_len=len(self._marker), add_special=False, parse_special=True
        )
        try:
            bitmaps = (mtmd_cpp.mtmd_bitmap_p_ctypes * 1)(bitmap)
            status = mtmd_cpp.mtmd_tokenize(self._context, chunks, ctypes.byref(text), bitmaps, 1)
        finally:
            mtmd_cpp.mtmd_bitmap_free(bitmap)
        if status != 0:
            mtmd_cpp.mtmd_input_chunks_free(chunks)
            raise EngineRefused(
                f"The engine could not cut the picture into tokens (status {status}: {self._log.last}); scale it down."
            )
        return chunks


def _chunk(handle: Any, digest: bytes, n: int) -> PictureChunk:
    if mtmd_cpp.mtmd_input_chunk_get_type(handle) == mtmd_cpp.MTMD_INPUT_CHUNK_TYPE_TEXT:
        count = ctypes.c_size_t()
        tokens: Any = mtmd_cpp.mtmd_input_chunk_get_tokens_text(handle, ctypes.byref(count))
        return list(tokens[: count.value])
    return PictureBlock(
        handle,
        cells=int(mtmd_cpp.mtmd_input_chunk_get_n_tokens(handle)),
        positions=int(mtmd_cpp.mtmd_input_chunk_get_n_pos(handle)),
        sign=-1 - int.from_bytes(sha256(digest + n.to_bytes(4)).digest()[:7]),
    )
