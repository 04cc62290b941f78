"""One loaded vision model of transformers inside the child: messages and pictures in, text out.

Local files only, and of them only data: no code from the folder, no pickles. What looks like a control token in a
message is broken up, so that nobody's words end a turn or fake a picture.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from models.chat import ChatMessage, Completion, Finish, Sampling
from models.child_loop import OneByOne, OnText, Request
from models.errors import ContextOverflow, ContextTooSmall, EngineRefused, EngineVariantError
from models.picture import open_picture
from models.sampler import TokenDrawer, logprob
from models.text_stream import TextStream

_UNFINISHED = "\ufffd"


@dataclass(frozen=True, slots=True)
class VisionOptions:
    folder: Path
    context_tokens: int
    four_bit: bool
    device: str
    thinking: bool


@dataclass(slots=True)
class _Answer:
    """One text while it is being written."""

    number: int
    sampling: Sampling
    text: TextStream
    fed: str = ""
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish | None = None


class VisionEngine(OneByOne):
    def __init__(self, options: VisionOptions) -> None:
        self.options = options
        self.device = _device(options.device)
        super().__init__(self._answer)
        self.is_cancelled: Callable[[], bool] = lambda: False
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        try:
            config = AutoConfig.from_pretrained(options.folder, local_files_only=True, trust_remote_code=False)
            _refuse_context(options, config)
            self._processor = _open_processor(options.folder, config)
            self._model: Any = AutoModelForImageTextToText.from_pretrained(
                options.folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                device_map={"": self.device},
                dtype=_number_type(self.device),
                quantization_config=_four_bit(self.device) if options.four_bit else None,
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            if isinstance(error, ContextTooSmall):
                raise
            raise EngineRefused(
                f"The vision model '{options.folder.name}' could not be loaded ({_first_line(error)}); check that its"
                " folder is complete and of a kind transformers knows without code of its own."
            ) from error
        self._tokenizer: Any = self._processor.tokenizer
        self._controls = _controls(self._tokenizer)
        self._ends = _ends(self._model, self._tokenizer)

    @property
    def weights_bytes(self) -> int:
        return int(self._model.get_memory_footprint())

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return int(self._inputs(messages, "")["input_ids"].shape[1])

    def _answer(self, request: Request, on_text: OnText, is_cancelled: Callable[[], bool]) -> list[Completion]:
        self.is_cancelled = is_cancelled
        inputs = self._inputs(request.messages, request.prefill).to(self.device)
        prompt: list[int] = inputs["input_ids"][0].tolist()
        for sampling in request.samplings:
            self._refuse_overflow(len(prompt), sampling.max_tokens)
        return [
            self._write(request, sampling, n, inputs, prompt, on_text) for n, sampling in enumerate(request.samplings)
        ]

    def _write(
        self, request: Request, sampling: Sampling, number: int, inputs: Any, prompt: Sequence[int], on_text: OnText
    ) -> Completion:
        started = monotonic()
        answer = _Answer(number, sampling, TextStream(sampling.stop))
        pen = _Pen(self, answer, on_text, record=request.record)
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False,
            max_new_tokens=sampling.max_tokens,
            eos_token_id=sorted(self._ends),
            pad_token_id=min(self._ends),
        )
        if not self.is_cancelled():
            try:
                with torch.inference_mode():
                    self._model.generate(
                        **inputs,
                        generation_config=settings,
                        logits_processor=LogitsProcessorList([pen]),
                        stopping_criteria=StoppingCriteriaList([_Stopped(self, answer)]),
                    )
            except RuntimeError as error:
                raise EngineRefused(
                    f"The vision model could not answer ({_first_line(error)}); use smaller pictures or fewer of them."
                ) from error
        if answer.finish is None:
            answer.finish = "cancelled" if self.is_cancelled() else "length"
        pen.flush()
        return Completion(
            text=answer.text.text,
            finish=answer.finish,
            prompt_tokens=len(prompt),
            evaluated_tokens=len(prompt),
            completion_tokens=len(answer.tokens),
            seconds=monotonic() - started,
            token_ids=tuple(answer.tokens) if request.record else (),
            logprobs=tuple(answer.logprobs) if request.record else (),
            prompt_token_ids=tuple(prompt) if request.record else (),
        )

    def is_end(self, token: int) -> bool:
        return token in self._ends

    def spell(self, tokens: Sequence[int]) -> str:
        words = [token for token in tokens if token not in self._ends]
        return str(self._tokenizer.decode(words, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _inputs(self, messages: Sequence[ChatMessage], prefill: str) -> Any:
        pictures = [open_picture(image) for message in messages for image in message.images]
        talk = [{"role": m.role, "content": self._content(m)} for m in messages]
        try:
            text: str = self._processor.apply_chat_template(
                talk, tokenize=False, add_generation_prompt=True, enable_thinking=self.options.thinking
            )
        except Exception as error:  # a template is a stranger's program: anything may come out of it
            raise EngineRefused(
                f"The model's chat template refused these messages ({error}); reorder the roles."
            ) from error
        bos = self._tokenizer.bos_token
        return self._processor(
            text=[text + self._defused(prefill)],
            images=pictures or None,
            return_tensors="pt",
            add_special_tokens=not (bos and text.startswith(bos)),
        )

    def _content(self, message: ChatMessage) -> list[dict[str, str]]:
        text = {"type": "text", "text": self._defused(message.content)}
        return [*({"type": "image"} for _ in message.images), text]

    def _defused(self, text: str) -> str:
        """A space that nobody sees behind the first letter of whatever would be a control token."""
        return self._controls.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)

    def _refuse_overflow(self, prompt_tokens: int, max_tokens: int) -> None:
        if prompt_tokens + max_tokens > self.options.context_tokens:
            raise ContextOverflow(
                f"The prompt has {prompt_tokens} tokens and {max_tokens} are kept for the answer, but the context holds"
                f" {self.options.context_tokens}; shorten the prompt, ask for fewer tokens, or load a larger context."
            )


class _Pen(LogitsProcessor):
    """Draws the token itself, as every engine here does, and leaves the library no other choice."""

    def __init__(self, engine: VisionEngine, answer: _Answer, on_text: OnText, *, record: bool) -> None:
        self._engine, self._answer, self._on_text, self._record = engine, answer, on_text, record
        self._drawer = TokenDrawer(answer.sampling)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logits = scores[0].float().cpu().numpy()
        token = self._drawer.draw(logits)
        self._drawer.accept(token)
        self._note(token, logprob(logits, token) if self._record else 0.0)
        only = torch.full_like(scores, float("-inf"))
        only[0, token] = 0
        return only

    def flush(self) -> None:
        self._feed(self._engine.spell(self._answer.tokens))
        self._emit(self._answer.text.end())

    def _note(self, token: int, likelihood: float) -> None:
        answer = self._answer
        answer.tokens.append(token)
        if self._record:
            answer.logprobs.append(likelihood)
        if self._engine.is_end(token):
            answer.finish = "stop"
            return
        # A character cut in two is spelled as a question mark until its other half is there.
        self._feed(self._engine.spell(answer.tokens).rstrip(_UNFINISHED))
        if answer.text.is_stopped:
            answer.finish = "stop"

    def _feed(self, spelled: str) -> None:
        answer = self._answer
        if len(spelled) > len(answer.fed):
            more, answer.fed = spelled[len(answer.fed) :], spelled
            self._emit(answer.text.feed(more.encode("utf-8", errors="replace")))

    def _emit(self, text: str) -> None:
        if text:
            self._on_text(self._answer.number, text)


class _Stopped(StoppingCriteria):
    def __init__(self, engine: VisionEngine, answer: _Answer) -> None:
        self._engine, self._answer = engine, answer

    def __call__(self, input_ids: torch.Tensor, scores: object, **more: object) -> torch.Tensor:
        stop = self._answer.finish is not None or self._engine.is_cancelled()
        return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)


def _device(wish: str) -> Literal["cpu", "cuda"]:
    if wish == "cuda" and not torch.cuda.is_available():
        raise EngineVariantError(
            "The installed torch sees no GPU; run set-up again, or load the vision model on the CPU."
        )
    return "cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu"


def _number_type(device: str) -> torch.dtype:
    return torch.bfloat16 if device == "cuda" else torch.float32


def _four_bit(device: str) -> Any:
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=_number_type(device),
    )


def _open_processor(folder: Path, config: Any) -> Any:
    """Without torchvision the library cannot open the part for films, and refuses the whole; stills need none of it."""
    try:
        open_whole: Any = AutoProcessor.from_pretrained
        return open_whole(folder, local_files_only=True, trust_remote_code=False)
    except ImportError:
        whole = PROCESSOR_MAPPING[type(config)]
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    open_images: Any = AutoImageProcessor.from_pretrained
    images = open_images(folder, local_files_only=True, trust_remote_code=False, backend="pil")

    class StillsOnly(whole):  # type: ignore[misc,valid-type]
        def check_argument_for_proper_class(self, name: str, part: object) -> Any:
            return None if part is None else super().check_argument_for_proper_class(name, part)

    return StillsOnly(
        image_processor=images, tokenizer=tokenizer, video_processor=None, chat_template=tokenizer.chat_template
    )


def _refuse_context(options: VisionOptions, config: Any) -> None:
    trained = getattr(config.get_text_config(), "max_position_embeddings", None)
    if trained is not None and options.context_tokens > trained:
        raise ContextTooSmall(
            f"'{options.folder.name}' was trained for a context of {trained} tokens, not {options.context_tokens}; set"
            " a smaller context or take another model."
        )


def _controls(tokenizer: Any) -> re.Pattern[str]:
    words = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    longest_first = sorted((word for word in words if len(word) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    said = model.generation_config.eos_token_id
    listed = said if isinstance(said, list) else [said]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
