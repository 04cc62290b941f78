"""Messages become the positions of a prompt: tokens, and the blocks of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.chat import ChatMessage
from models.errors import ImagesUnsupported
from models.llama_pictures import Album, PictureBlock, PictureChunk, Projector
from models.llama_text import Picture, PromptWriter


@dataclass(frozen=True, slots=True)
class Prompt:
    """`signs`: one for each position, a token or below 0 where a picture's block lies; `blocks` by first position.

    `size` counts what the cache must hold. Valid while its album is open.
    """

    signs: list[int]
    blocks: dict[int, PictureBlock]
    size: int

    def tokens(self) -> tuple[int, ...]:
        """`size` numbers, -1 for each that belongs to a picture."""
        found: list[int] = []
        at = 0
        while at < len(self.signs):
            block = self.blocks.get(at)
            found += [-1] * block.cells if block else [self.signs[at]]
            at += block.positions if block else 1
        return tuple(found)

    def text_at(self, at: int, most: int) -> list[int]:
        """The tokens from `at` that make one batch: up to the next picture, and the very last one alone."""
        next_block = min((start for start in self.blocks if start > at), default=len(self.signs))
        return self.signs[at : min(at + most, max(at + 1, len(self.signs) - 1), next_block)]


@dataclass(frozen=True, slots=True)
class PromptReader:
    """`projector` is None for a model that cannot see."""

    writer: PromptWriter
    projector: Projector | None

    def read(self, messages: Sequence[ChatMessage], prefill: str, album: Album) -> Prompt:
        signs: list[int] = []
        blocks: dict[int, PictureBlock] = {}
        for chunk in self._chunks(messages, prefill, album):
            if isinstance(chunk, PictureBlock):
                blocks[len(signs)] = chunk
                signs += chunk.signs
            else:
                signs += chunk
        return Prompt(signs, blocks, len(signs) + sum(b.cells - b.positions for b in blocks.values()))

    def _chunks(self, messages: Sequence[ChatMessage], prefill: str, album: Album) -> Iterator[PictureChunk]:
        for piece in self.writer.write(messages, prefill):
            if not isinstance(piece, Picture):
                yield self.writer.tokenize(piece)
            elif self.projector is None:
                raise ImagesUnsupported(
                    "This model was loaded without a projector and cannot see; take a vision model."
                )
            else:
                yield from self.projector.read(piece.image, album)
