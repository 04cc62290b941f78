"""One loaded GGUF inside the child: prompts in, tokens out, the texts of several requests at a time over one KV cache.

What is written together is computed in one batch, and a request that comes joins in between two tokens (continuous
batching). A text is the same for the same seed as long as nothing else is written beside it.

Does not speculate, shift contexts or cut prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import llama_cpp
import numpy as np

from models.chat import ChatMessage, Completion, Finish
from models.child_loop import OnText, Outcome, Request
from models.core_share import CoreShare
from models.errors import ContextOverflow, EngineRefused, ModelError
from models.kv_slots import KvSlots
from models.llama_drafts import Draft, Writing, grammar_text, in_turns, lengths
from models.llama_native import (
    AbortSwitch,
    Adapters,
    Batch,
    GrammarGuard,
    NativeLog,
    load_model,
    open_context,
)
from models.llama_pictures import Album, PictureBlock, Projector
from models.llama_prompt import Prompt, PromptReader
from models.llama_text import PromptWriter, Vocabulary, chat_template
from models.sampler import Logits, TokenDrawer, logprob
from models.text_stream import TextStream

_NO_ROOM, _ABORTED = 1, 2


@dataclass(frozen=True, slots=True)
class EngineOptions:
    path: Path
    projector: Path | None
    context_tokens: int
    kv_tokens: int
    batch_tokens: int
    read_tokens: int
    """Prompt tokens computed together, at most `batch_tokens`."""
    threads: int
    gpu_layers: int
    parallel: int
    kv_type: str
    thinking: bool


class _Memory:
    def __init__(self, model: object, context: object) -> None:
        self._memory = llama_cpp.llama_get_memory(context)
        self.can_cut = not (llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model))

    def cut(self, sequence: int, start: int) -> None:
        if not llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, -1):
            raise EngineRefused("The engine could not shorten its cache for this kind of model; restart the model.")

    def copy(self, source: int, target: int, end: int) -> None:
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, end if self.can_cut else -1)


class LlamaEngine:
    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self.log = NativeLog()
        self.abort = AbortSwitch()
        self._model = load_model(options.path, options.gpu_layers, self.log)
        self._context = open_context(
            self._model,
            cells=options.kv_tokens,
            sequences=options.parallel,
            batch_tokens=options.batch_tokens,
            threads=options.threads,
            kv_type=options.kv_type,
            log=self.log,
        )
        self.abort.connect(self._context)
        self._projector = None if options.projector is None else self._open_projector(options.projector)
        self._vocabulary = Vocabulary(self._model)
        writer = PromptWriter(self._vocabulary, chat_template(self._model), thinking=options.thinking)
        self._prompts = PromptReader(writer, self._projector)
        self._memory = _Memory(self._model, self._context)
        self._slots = KvSlots(self._memory, options.parallel)
        self._batch = Batch(max(options.batch_tokens, options.parallel))
        self._adapters = Adapters(self._model, self._context)
        self._cores = CoreShare(options.threads)
        self._requests: dict[int, Writing] = {}
        self._cancelled: set[int] = set()

    def set_adapters(self, adapters: Sequence[tuple[Path, float]]) -> None:
        """The cache was computed with the old set, so it is forgotten."""
        self._adapters.set(adapters)
        self._slots.clear()

    def cancel(self, key: int) -> None:
        self._cancelled.add(key)
        self.abort.on()

    def count_tokens(self, messages: Sequence[ChatMessage], prefill: str = "") -> int:
        with closing(Album()) as album:
            return self._prompts.read(messages, prefill, album).size

    @property
    def is_busy(self) -> bool:
        return bool(self._requests)

    def begin(self, key: int, request: Request, on_text: OnText) -> None:
        grammar = grammar_text(request.constraint)
        album = Album()
        try:
            prompt = self._prompts.read(request.messages, request.prefill, album)
            for sampling in request.samplings:
                self._refuse_overflow(prompt.size, sampling.max_tokens)
        except BaseException:
            album.close()
            raise
        turns = in_turns(request.samplings, self.options.kv_tokens - prompt.size, self.options.parallel)
        self._requests[key] = Writing(request, on_text, album, prompt, grammar, turns)

    def step(self) -> list[tuple[int, Outcome]]:
        """One more token for every text that is being written, whichever request it belongs to, and a beginning for
        the first that waits and has room. Texts of one request are drawn together over one prompt, in turns where the
        cache cannot hold them."""
        self._obey()
        failed = self._open_next()
        drafts = [draft for writing in self._requests.values() for draft in writing.drafts if draft.finish is None]
        if drafts:
            try:
                self._write_next(drafts)
            except ModelError as error:
                return [*failed, *((key, self._dropped(key, error)) for key in list(self._requests))]
        return [*failed, *self._finished()]

    def _obey(self) -> None:
        """What was cancelled ends here. The switch stops the batch that runs, which others had a part in: it is only
        computed again."""
        self.abort.off()
        for key, writing in self._requests.items():
            if key in self._cancelled and not writing.cancelled:
                writing.cancelled = True
                for draft in writing.drafts:
                    if draft.finish is None:
                        self._end(draft, "cancelled")

    def _open_next(self) -> list[tuple[int, Outcome]]:
        """In the order of arrival: a large request is not overtaken for ever by small ones."""
        waiting = next(((key, one) for key, one in self._requests.items() if not one.drafts), None)
        if waiting is None:
            return []
        key, writing = waiting
        if not writing.cancelled and not self._has_room(writing):
            return []
        try:
            self._open_turn(key, writing)
        except ModelError as error:
            return [(key, self._dropped(key, error))]
        return []

    def _has_room(self, writing: Writing) -> bool:
        """Whether its next turn fits beside what is being written, in full length. Alone it always fits."""
        taken = sum(other.cells for other in self._requests.values() if other.drafts)
        if not taken:
            return True
        turn = writing.turns[0]
        return self._slots.free >= len(turn) and taken + writing.prompt.size + lengths(turn) <= self.options.kv_tokens

    def _open_turn(self, key: int, writing: Writing) -> None:
        turn = writing.turns.pop(0)
        first = len(writing.completions)
        writing.started = monotonic()
        writing.cells = writing.prompt.size + lengths(turn)
        writing.drafts = [
            Draft(writing, first + n, s, TokenDrawer(s), self._guard(writing.grammar), TextStream(s.stop))
            for n, s in enumerate(turn)
        ]
        if writing.cancelled:
            for draft in writing.drafts:
                self._end(draft, "cancelled")
        else:
            writing.evaluated = self._read_prompt(writing)

    def _finished(self) -> list[tuple[int, Outcome]]:
        done: list[tuple[int, Outcome]] = []
        for key, writing in list(self._requests.items()):
            if not writing.drafts or any(draft.finish is None for draft in writing.drafts):
                continue
            writing.completions += [
                self._completion(d, 0 if n else writing.evaluated) for n, d in enumerate(writing.drafts)
            ]
            self._close_turn(writing)
            if not writing.turns:
                done.append((key, writing.completions))
                self._forget(key)
        return done

    def _dropped(self, key: int, error: ModelError) -> ModelError:
        self._close_turn(self._requests[key])
        self._forget(key)
        return error

    def _close_turn(self, writing: Writing) -> None:
        for draft in writing.drafts:
            self._slots.release(draft.sequence)
            if draft.guard is not None:
                draft.guard.close()
        writing.drafts = []

    def _forget(self, key: int) -> None:
        self._requests.pop(key).album.close()
        self._cancelled.discard(key)

    def _read_prompt(self, writing: Writing) -> int:
        """Evaluates what the cache lacks and draws every draft's first token. The number of tokens evaluated.

        The last token is a batch of its own, so that it is the only one to compute when the same prompt comes again.
        """
        prompt, drafts = writing.prompt, writing.drafts
        sequence = self._slots.take(prompt.signs)
        self._slots.hold(sequence)
        drafts[0].sequence = sequence
        at, evaluated = len(self._slots[sequence].tokens), 0
        while at < len(prompt.signs):
            block = prompt.blocks.get(at)
            signs = prompt.text_at(at, self.options.read_tokens) if block is None else block.signs
            if not (self._read_text(signs, at, sequence, prompt) if block is None else self._look(block, at, sequence)):
                self._obey()
                if writing.cancelled:
                    return evaluated
                continue
            self._slots.note(sequence, signs, is_prompt=True)
            at += len(signs)
            evaluated += len(signs) if block is None else block.cells
        for draft, its_own in zip(drafts[1:], self._slots.siblings(sequence, len(drafts) - 1), strict=True):
            self._slots.hold(its_own)
            draft.sequence = its_own
        logits = self._logits(-1)
        for draft in drafts:
            self._take(draft, logits)
        return evaluated

    def _read_text(self, tokens: Sequence[int], at: int, sequence: int, prompt: Prompt) -> bool:
        self._batch.clear()
        for n, token in enumerate(tokens):
            self._batch.add(token, at + n, sequence, wants_logits=at + n + 1 == len(prompt.signs))
        return self._decode((sequence,), lambda: self._batch.decode(self._context))

    def _look(self, block: PictureBlock, at: int, sequence: int) -> bool:
        projector = self._projector
        if projector is None:
            raise ValueError("a picture was let through without a projector")
        if self.abort.is_on:
            return False
        embeddings = projector.encode(block)

        def decode() -> int:
            """A block may need several batches, so that a try without room leaves its beginning behind."""
            if self._memory.can_cut:
                self._memory.cut(sequence, at)
            return projector.decode(self._context, block, embeddings, at, sequence, self.options.batch_tokens)

        while not self._memory.can_cut and self._slots.drop_oldest(but=(sequence,)):
            pass  # a running state cannot take a half-read picture back, so there must be room at once
        return self._decode((sequence,), decode)

    def _write_next(self, drafts: Sequence[Draft]) -> None:
        self._batch.clear()
        for draft in drafts:
            self._batch.add(
                draft.tokens[-1], len(self._slots[draft.sequence].tokens), draft.sequence, wants_logits=True
            )
        if not self._decode([d.sequence for d in drafts], lambda: self._batch.decode(self._context)):
            return
        for draft in drafts:
            self._slots.note(draft.sequence, draft.tokens[-1:], is_prompt=False)
        for row, draft in enumerate(drafts):
            self._take(draft, self._logits(row))

    def _decode(self, sequences: Sequence[int], decode: Callable[[], int]) -> bool:
        """False when cancelled. Old conversations leave the cache when there is no room."""
        while True:
            if self._cores.adapt():
                llama_cpp.llama_set_n_threads(self._context, self._cores.threads, self._cores.threads)
            status = _ABORTED if self.abort.is_on else decode()
            if status == 0:
                return True
            if status == _ABORTED:
                for sequence in sequences:
                    self._slots.restore(sequence)
                return False
            if status != _NO_ROOM or not self._slots.drop_oldest(but=sequences):
                raise EngineRefused(f"The engine could not go on (status {status}: {self.log.last}); try again.")

    def _take(self, draft: Draft, logits: Logits) -> None:
        token = draft.draw(logits)
        draft.tokens.append(token)
        if draft.writing.request.record:
            draft.logprobs.append(logprob(logits, token))
        if self._vocabulary.is_end(token):
            self._end(draft, "stop")
            return
        draft.pieces.append(self._vocabulary.piece(token))
        draft.emit(draft.text.feed(draft.pieces[-1]))
        if draft.text.is_stopped:
            self._end(draft, "stop")
        elif len(draft.tokens) >= draft.sampling.max_tokens:
            self._end(draft, "length")

    def _end(self, draft: Draft, finish: Finish) -> None:
        draft.emit(draft.text.end())
        draft.finish, draft.ended_at = finish, monotonic()

    def _completion(self, draft: Draft, evaluated: int) -> Completion:
        request, prompt = draft.writing.request, draft.writing.prompt
        self._prompts.writer.remember(request.prefill, draft.text.text, self._tokens_of_text(draft))
        return Completion(
            text=draft.text.text,
            finish=draft.finish or "cancelled",
            prompt_tokens=prompt.size,
            evaluated_tokens=evaluated,
            completion_tokens=len(draft.tokens),
            seconds=draft.ended_at - draft.writing.started,
            token_ids=tuple(draft.tokens) if request.record else (),
            logprobs=tuple(draft.logprobs),
            prompt_token_ids=prompt.tokens() if request.record else (),
        )

    def _tokens_of_text(self, draft: Draft) -> list[int]:
        """Without the end token; where a stop string cut a token in two, what is left of it is tokenized anew."""
        tokens = draft.tokens[: len(draft.pieces)]
        if not draft.text.is_stopped:
            return tokens
        text, length = draft.text.text.encode(), 0
        for count, piece in enumerate(draft.pieces):
            if length + len(piece) > len(text):
                rest = text[length:].decode("utf-8", errors="replace")
                return tokens[:count] + (self._vocabulary.tokenize(rest, with_controls=False) if rest else [])
            length += len(piece)
        return tokens

    def _open_projector(self, path: Path) -> Projector:
        options = self.options
        return Projector(path, self._model, threads=options.threads, use_gpu=options.gpu_layers > 0, log=self.log)

    def _refuse_overflow(self, prompt_tokens: int, max_tokens: int) -> None:
        if prompt_tokens + max_tokens > self.options.context_tokens:
            raise ContextOverflow(
                f"The prompt has {prompt_tokens} tokens and {max_tokens} are kept for the answer, but the context holds"
                f" {self.options.context_tokens}; shorten the prompt, ask for fewer tokens, or load a larger context."
            )

    def _guard(self, grammar: str | None) -> GrammarGuard | None:
        return None if grammar is None else GrammarGuard(self._vocabulary.handle, grammar)

    def _logits(self, row: int) -> Logits:
        pointer: Any = llama_cpp.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self._vocabulary.size,))
