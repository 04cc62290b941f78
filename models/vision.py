"""A vision model as its publisher ships it: a folder of safetensors, by transformers, in four bits by bitsandbytes.

For models that have no GGUF, or whose GGUF lost its eyes. Slower than llama.cpp and without its luxuries: nothing of a
prompt is kept from call to call, drafts run one after the other, and no grammar holds an answer to its JSON schema. So
an answer under a schema is read and checked here, asked for once more when it is useless, and then refused by name.
"""

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from models.chat import MIN_CONTEXT_TOKENS, ChatMessage, Completion, Constraint, Engine, Gbnf, JsonSchema, Sampling
from models.convert import is_safetensors_folder
from models.engine_process import ChildProgram, EngineProcess, completion_from_wire
from models.errors import (
    AnswerUnusable,
    ConstraintError,
    ContextTooSmall,
    EngineMissing,
    ModelFileCorrupt,
    ModelFileMissing,
)
from models.json_answer import parse_answer
from models.memory import MemoryPlan
from models.wire import Frame

PACKAGES = ("torch", "transformers", "bitsandbytes")
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
# Of the 16-bit size: four bits with their scales, and the embeddings and output matrix that stay wide.
_FOUR_BIT_SHARE = 0.35
_RUNTIME_BYTES = 600 << 20
_NEXT_SEED = 1 << 20


@dataclass(frozen=True, slots=True)
class TransformersSettings:
    """`device="auto"`: the GPU where torch sees one."""

    folder: Path
    context_tokens: int = 8192
    four_bit: bool = True
    device: Literal["auto", "cpu", "cuda"] = "auto"
    thinking: bool = False
    start_timeout_s: float = 900


class VisionChild:
    def __init__(self, settings: TransformersSettings) -> None:
        refuse_missing_packages()
        if not is_safetensors_folder(settings.folder):
            raise ModelFileMissing(
                f"The folder '{settings.folder}' holds no config.json with .safetensors files; name a model folder."
            )
        if settings.context_tokens < MIN_CONTEXT_TOKENS:
            raise ContextTooSmall(
                f"A context of {settings.context_tokens} tokens is too small; use {MIN_CONTEXT_TOKENS} or more."
            )
        self.settings = settings
        self.name = settings.folder.resolve().name
        self.context_tokens = settings.context_tokens
        program = ChildProgram("models.vision_child", missing_sentence(PACKAGES), settings.start_timeout_s, _OFFLINE)
        self._child = EngineProcess(program, self.name, self._greeting)
        self.engine: Engine = self._child.ready["engine"]

    @property
    def process_id(self) -> int | None:
        return self._child.process_id

    @property
    def weights_bytes(self) -> int:
        """What the loaded weights really take."""
        loaded: int = self._child.ready["weights_bytes"]
        return loaded

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        tokens: int = self._child.ask({"op": "count"}, messages)["tokens"]
        return tokens

    def chat(
        self,
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        *,
        constraint: Constraint | None = None,
        record: bool = False,
        prefill: str = "",
        on_text: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        """Under a JSON schema `on_text` gets the whole answer at once, when it is known to be good.

        Raises AnswerUnusable when two answers in a row do not keep to the schema.
        """
        match constraint:
            case None:
                one = None if on_text is None else lambda _, text: on_text(text)
                return self._generate(messages, [sampling], record, prefill, one, cancelled)[0]
            case Gbnf():
                raise ConstraintError("This engine has no grammars; ask with a JSON schema, or take a GGUF model.")
        done = self._to_schema(messages, sampling, constraint, record, prefill, cancelled)
        if on_text is not None:
            on_text(done.text)
        return done

    def drafts(
        self,
        messages: Sequence[ChatMessage],
        samplings: Sequence[Sampling],
        *,
        record: bool = False,
        prefill: str = "",
        on_text: Callable[[int, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        return self._generate(messages, samplings, record, prefill, on_text, cancelled)

    def close(self) -> None:
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _to_schema(
        self,
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        constraint: JsonSchema,
        record: bool,
        prefill: str,
        cancelled: Callable[[], bool] | None,
    ) -> Completion:
        # The likeliest answer stays the same however often it is asked for; the second try must be able to differ.
        again = replace(sampling, temperature=max(sampling.temperature, 0.7), seed=sampling.seed + _NEXT_SEED)
        problem = ""
        for one in (sampling, again):
            done = self._generate(messages, [one], record, prefill, None, cancelled)[0]
            if done.finish == "cancelled":
                return done
            try:
                parse_answer(prefill + done.text, constraint.schema)
            except AnswerUnusable as error:
                problem = str(error)
            else:
                return done
        raise AnswerUnusable(f"'{self.name}' did not keep to the JSON schema in two tries: {problem}")

    def _generate(
        self,
        messages: Sequence[ChatMessage],
        samplings: Sequence[Sampling],
        record: bool,
        prefill: str,
        on_text: Callable[[int, str], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> list[Completion]:
        frame = {
            "op": "generate",
            "samplings": [asdict(s) for s in samplings],
            "constraint": None,
            "record": record,
            "prefill": prefill,
        }
        return [completion_from_wire(c) for c in self._child.ask(frame, messages, on_text, cancelled)["completions"]]

    def _greeting(self) -> list[Frame]:
        settings = self.settings
        options = {
            "folder": str(settings.folder.resolve()),
            "context_tokens": settings.context_tokens,
            "four_bit": settings.four_bit,
            "device": settings.device,
            "thinking": settings.thinking,
        }
        return [{"op": "load", "options": options}]


def refuse_missing_packages() -> None:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineMissing(missing_sentence(missing))


def missing_sentence(packages: Sequence[str]) -> str:
    return (
        f"A vision model from a safetensors folder needs {' and '.join(packages)}, which are not installed; run:"
        f" {sys.executable} -m pip install 'webgen-appliance[vision]'"
    )


def transformers_plan(settings: TransformersSettings, *, memory_bytes: int) -> MemoryPlan:
    """An upper estimate from the sizes of the files; nothing is loaded. All layers or none fit."""
    stored = sum(file.stat().st_size for file in settings.folder.glob("*.safetensors"))
    weights = int(stored * (_FOUR_BIT_SHARE if settings.four_bit else 1))
    kv = _kv_bytes(_config(settings.folder), settings.context_tokens)
    fits = weights + kv + _RUNTIME_BYTES <= memory_bytes
    return MemoryPlan(weights, kv, _RUNTIME_BYTES, 0, memory_bytes, 1, int(fits))


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return {**config, **config.get("text_config", {})}
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelFileCorrupt(
            f"'{folder / 'config.json'}' cannot be read ({error}); get the model folder again."
        ) from error


def _kv_bytes(config: Mapping[str, Any], context_tokens: int) -> int:
    """Keys and values of all layers in 16 bits; nothing where the folder does not say its shape."""
    heads = config.get("num_attention_heads", 0)
    layers, kv_heads = config.get("num_hidden_layers", 0), config.get("num_key_value_heads", heads)
    length = config.get("head_dim") or (config.get("hidden_size", 0) // heads if heads else 0)
    return int(2 * 2 * layers * kv_heads * length * context_tokens)
