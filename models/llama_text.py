"""From messages to the token ids of a prompt.

Two things differ from rendering a chat template and tokenizing the result:
- control tokens written out in a message ("<|im_end|>" on a page) stay plain text, so nobody's words end a turn;
- an answer of this model that comes back as history keeps the very tokens it was sampled with, so the KV cache still
  holds them; tokenizing its text again may cut it up differently and throw the rest of the cache away.
"""

import ctypes
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from models.chat import ChatMessage
from models.errors import EngineRefused, ModelFileCorrupt

_REMEMBERED_ANSWERS = 256


@dataclass(frozen=True, slots=True)
class Plain:
    """Text in which nothing is a control token."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    image: bytes


Piece = str | Plain | Picture | tuple[int, ...]


class Vocabulary:
    def __init__(self, model: object) -> None:
        self.handle = llama_cpp.llama_model_get_vocab(model)
        self.size = int(llama_cpp.llama_vocab_n_tokens(self.handle))
        self._piece = ctypes.create_string_buffer(512)
        self.controls = frozenset(self._controls())

    def _controls(self) -> Iterator[str]:
        for token in range(self.size):
            if llama_cpp.llama_vocab_get_attr(self.handle, token) & llama_cpp.LLAMA_TOKEN_ATTR_CONTROL:
                yield self.text(token)

    def text(self, token: int) -> str:
        return (llama_cpp.llama_vocab_get_text(self.handle, token) or b"").decode("utf-8", errors="replace")

    def bos(self) -> str:
        token = int(llama_cpp.llama_vocab_bos(self.handle))
        return self.text(token) if token >= 0 else ""

    def eos(self) -> str:
        token = int(llama_cpp.llama_vocab_eos(self.handle))
        return self.text(token) if token >= 0 else ""

    def bos_to_add(self) -> tuple[int, ...]:
        return (int(llama_cpp.llama_vocab_bos(self.handle)),) if llama_cpp.llama_vocab_get_add_bos(self.handle) else ()

    def end_of_turn(self) -> int:
        """The token a model ends its answer with."""
        token = int(llama_cpp.llama_vocab_eot(self.handle))
        return token if token >= 0 else int(llama_cpp.llama_vocab_eos(self.handle))

    def is_end(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self.handle, token))

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; nothing for control tokens."""
        length = llama_cpp.llama_token_to_piece(self.handle, token, self._piece, len(self._piece), 0, False)
        return self._piece.raw[: max(0, length)]

    def tokenize(self, text: str, *, with_controls: bool) -> list[int]:
        data = text.encode("utf-8", errors="replace")
        room = len(data) + 8
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.handle, data, len(data), tokens, room, False, with_controls)
        if count < 0:
            raise EngineRefused("The engine could not cut the prompt into tokens; is the model's vocabulary whole?")
        return list(tokens[:count])


class PromptWriter:
    def __init__(self, vocabulary: Vocabulary, template: str, *, thinking: bool) -> None:
        if not template:
            raise ModelFileCorrupt(
                "This model file has no chat template, so it cannot be talked to; take an instruct model."
            )
        self._vocabulary = vocabulary
        self._format = Jinja2ChatFormatter(template, eos_token=vocabulary.eos(), bos_token=vocabulary.bos())
        self._thinking = thinking
        self._controls = _any_of(vocabulary.controls)
        self._answers: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def write(self, messages: Sequence[ChatMessage], prefill: str) -> list[Piece]:
        """The prompt in pieces, up to the place where the model goes on."""
        slots: list[Piece] = []
        nonce = secrets.token_hex(8)

        def hide(piece: Piece) -> str:
            slots.append(piece)
            return f"\x02{nonce}:{len(slots) - 1}\x03"

        hidden: list[Any] = [{"role": m.role, "content": self._hide_content(m, hide)} for m in messages]
        rendered = self._render(hidden)
        pieces = list(_split(rendered, nonce, slots))
        bos = self._vocabulary.bos()
        if not (bos and rendered.startswith(bos)):
            pieces.insert(0, self._vocabulary.bos_to_add())
        return [*pieces, Plain(prefill)]

    def remember(self, prefill: str, text: str, tokens: Sequence[int]) -> None:
        """`tokens` are those of the text alone, prefill and end token left out."""
        before = self._vocabulary.tokenize(prefill, with_controls=False) if prefill else []
        self._answers[prefill + text] = (*before, *tokens)
        self._answers.move_to_end(prefill + text)
        if len(self._answers) > _REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)

    def tokenize(self, piece: str | Plain | tuple[int, ...]) -> list[int]:
        if isinstance(piece, tuple):
            return list(piece)
        if isinstance(piece, Plain):
            return self._vocabulary.tokenize(piece.text, with_controls=False)
        return self._vocabulary.tokenize(piece, with_controls=True)

    def _hide_content(self, message: ChatMessage, hide: Callable[[Piece], str]) -> str:
        known = self._answers.get(message.content) if message.role == "assistant" else None
        # Templates of thinking models cut the thoughts out of old answers; they must see those to do so.
        if known is not None and "</think>" not in message.content:
            return hide(known)
        pictures = "".join(hide(Picture(image)) for image in message.images)
        return pictures + self._controls.sub(lambda found: hide(Plain(found[0])), message.content)

    def _render(self, messages: list[Any]) -> str:
        try:
            return self._format(messages=messages, enable_thinking=self._thinking).prompt
        except Exception as error:  # a template is a stranger's program: anything may come out of it
            raise EngineRefused(
                f"The model's chat template refused these messages ({error}); reorder the roles."
            ) from error


def chat_template(model: object) -> str:
    """The file's own; empty where it has none."""
    return (llama_cpp.llama_model_chat_template(model, None) or b"").decode("utf-8", errors="replace")


def _any_of(words: Collection[str]) -> re.Pattern[str]:
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _split(rendered: str, nonce: str, slots: Sequence[Piece]) -> Iterator[Piece]:
    parts = re.split(f"\x02{nonce}:(\\d+)\x03", rendered)
    for text, slot in zip(parts[::2], [*parts[1::2], None], strict=True):
        if text:
            yield text
        if slot is not None:
            yield slots[int(slot)]
