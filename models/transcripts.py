"""Conversations of somebody else as tokens of one model: its vocabulary and chat template, nothing of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp

from models.chat import ChatMessage
from models.llama_native import NativeLog, load_model
from models.llama_text import Picture, PromptWriter, Vocabulary, chat_template


@dataclass(frozen=True, slots=True)
class Answer:
    """Token ids: what stood before the answer, and the answer with the token that ends it."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]


class Transcriber:
    """Opens the model's vocabulary in this process; close it. Raises EngineRefused or ModelFileCorrupt."""

    def __init__(self, path: Path) -> None:
        self._log = NativeLog()
        self._model = load_model(path, 0, self._log, vocabulary_only=True)
        self._vocabulary = Vocabulary(self._model)
        self._writer = PromptWriter(self._vocabulary, chat_template(self._model), thinking=False)

    def answers(self, messages: Sequence[ChatMessage]) -> list[Answer]:
        """One for each message of the assistant; where a later one looks back at an answer, it has the same tokens."""
        found = []
        for n, message in enumerate(messages):
            if message.role != "assistant":
                continue
            prompt: list[int] = []
            for piece in self._writer.write(messages[:n], ""):
                if isinstance(piece, Picture):
                    raise ValueError("a conversation with pictures cannot be learned from")
                prompt += self._writer.tokenize(piece)
            tokens = self._vocabulary.tokenize(message.content, with_controls=False)
            self._writer.remember("", message.content, tokens)
            found.append(Answer(tuple(prompt), (*tokens, self._vocabulary.end_of_turn())))
        return found

    def close(self) -> None:
        if self._model:
            llama_cpp.llama_model_free(self._model)
            self._model = None
