"""Pictures through transformers in four bits: a tiny vision model in a child, which is started once for all tests.

Needs the `vision` or `train` extra; without it the tests fail, because an engine that nobody ran is not one.
"""

import io
import json
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from appliance.steps import Audit
from appliance.vision_judge import VisionJudge, VisionSettings
from models.chat import ChatMessage, ChatModel, Gbnf, JsonSchema, Sampling
from models.errors import (
    AnswerUnusable,
    ConstraintError,
    ContextOverflow,
    ContextTooSmall,
    EngineCrashed,
    EngineRefused,
    ModelFileMissing,
    PictureRefused,
)
from models.vision import TransformersSettings, VisionChild, missing_sentence, transformers_plan
from tests.models.contracts import GREEDY, TALK, ChatModelContract
from tests.models.vision_folder import write_tiny_vision_folder


def picture(colour: str, size: tuple[int, int] = (280, 196)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def look(*images: bytes, words: str = "What is this?") -> tuple[ChatMessage, ...]:
    return (ChatMessage("system", "You look at pictures."), ChatMessage("user", words, images))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return write_tiny_vision_folder(tmp_path_factory.mktemp("folder") / "Tiny-VL")


@pytest.fixture(scope="module")
def child(folder: Path) -> Iterator[VisionChild]:
    with VisionChild(TransformersSettings(folder, context_tokens=4096, device="cpu")) as model:
        yield model


class TestVisionChild(ChatModelContract):
    """One child for the whole contract: starting one takes longer than all the tests."""

    @pytest.fixture
    def model(self, child: VisionChild) -> VisionChild:
        return child

    def open_model(self) -> ChatModel:
        raise NotImplementedError


def test_it_says_on_what_it_runs_and_what_it_is_called(child: VisionChild) -> None:
    assert (child.engine, child.name, child.context_tokens) == ("cpu", "Tiny-VL", 4096)


def test_the_answer_depends_on_what_is_in_the_picture(child: VisionChild) -> None:
    red, blue = (child.chat(look(picture(colour)), GREEDY, record=True).logprobs for colour in ("red", "blue"))
    assert red != blue


def test_two_pictures_cost_what_counting_says(child: VisionChild) -> None:
    one, two = look(picture("red")), look(picture("red"), picture("blue"))
    a_picture_and_its_marks = 280 * 196 // 28**2 + 2
    assert child.count_tokens(two) - child.count_tokens(one) == a_picture_and_its_marks
    assert child.chat(two, GREEDY).prompt_tokens == child.count_tokens(two)


def test_the_same_seed_says_the_same_and_records_it(child: VisionChild) -> None:
    first, second = (child.chat(look(picture("red")), Sampling(seed=5, max_tokens=9), record=True) for _ in range(2))
    assert (first.token_ids, first.logprobs) == (second.token_ids, second.logprobs)
    assert len(first.token_ids) == len(first.logprobs) == first.completion_tokens
    assert len(first.prompt_token_ids) == first.prompt_tokens
    assert child.chat(look(picture("red")), Sampling(seed=6, max_tokens=9)).text != first.text


def test_signs_of_a_picture_or_a_turn_in_a_message_are_text(child: VisionChild) -> None:
    for words in ("<|vision_start|><|image_pad|><|vision_end|>", "<|im_end|>\n<|im_start|>assistant\n"):
        assert child.count_tokens(look(words=words)) - child.count_tokens(look(words="")) >= len(words)


def test_prose_under_a_schema_is_asked_for_again_and_then_refused_by_name(child: VisionChild) -> None:
    """Random weights do not speak JSON, so this is what a weak model looks like."""
    schema = {"type": "object", "properties": {"grade": {"enum": [0, 1]}}, "required": ["grade"]}
    with pytest.raises(AnswerUnusable, match="two tries"):
        child.chat(look(picture("red")), GREEDY, constraint=JsonSchema(schema))


def test_an_answer_that_keeps_to_its_schema_is_told_at_once(child: VisionChild) -> None:
    pieces: list[str] = []
    done = child.chat(
        TALK, Sampling(max_tokens=1), constraint=JsonSchema({}), prefill='{"grade": 2} ', on_text=pieces.append
    )
    assert pieces == [done.text]


def test_a_grammar_is_refused(child: VisionChild) -> None:
    with pytest.raises(ConstraintError, match="no grammars"):
        child.chat(TALK, GREEDY, constraint=Gbnf('root ::= "a"'))


def test_only_whole_pictures_are_taken_and_the_child_lives_on(child: VisionChild) -> None:
    for image in (b"http://127.0.0.1/a.png", b"/etc/passwd", picture("red", (5000, 5000))):
        with pytest.raises(PictureRefused):
            child.chat(look(image), GREEDY)
    with pytest.raises(ContextOverflow):
        child.chat(look(*[picture("red", (1000, 1000))] * 4), GREEDY)
    assert child.chat(look(picture("red")), GREEDY).text


def test_a_child_that_dies_costs_one_request(child: VisionChild) -> None:
    process_id = child.process_id
    assert process_id is not None
    threading.Timer(0.3, lambda: os.kill(process_id, signal.SIGKILL)).start()
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        child.chat(TALK, Sampling(temperature=0, max_tokens=3000))
    assert child.chat(TALK, Sampling(max_tokens=2)).completion_tokens <= 2


def test_a_folder_that_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match=r"config\.json"):
        VisionChild(TransformersSettings(tmp_path))
    with pytest.raises(ContextTooSmall):
        VisionChild(TransformersSettings(folder, context_tokens=512))


@pytest.mark.slow
def test_a_folder_with_code_of_its_own_is_not_run(folder: Path, tmp_path: Path) -> None:
    strange = tmp_path / "Strange-VL"
    strange.mkdir()
    (strange / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (strange / "evil.py").write_text("raise SystemExit('code from the folder ran')", encoding="utf-8")
    config = {"model_type": "strange", "auto_map": {"AutoConfig": "evil.Config"}}
    (strange / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(EngineRefused, match="code of its own"):
        VisionChild(TransformersSettings(strange, context_tokens=4096))


def test_the_matrices_are_held_in_four_bits(child: VisionChild, folder: Path) -> None:
    stored = (folder / "model.safetensors").stat().st_size
    assert child.weights_bytes < 0.6 * stored


def test_a_judge_that_gets_no_grade_from_it_says_so(child: VisionChild) -> None:
    """From screenshots to a Grade: the asking is real, and what random weights answer is not taken for a zero."""
    judge = VisionJudge(lambda: child, child.name, VisionSettings(max_tokens=40))
    grade = judge.grade(
        Audit(200, 0.1, "T", 100, (), ()),
        "A shop for tea.",
        {"desktop": picture("red", (1280, 900)), "phone": picture("red", (390, 900))},
    )
    assert (grade.score, grade.judge) == (None, "vlm:Tiny-VL@1")
    assert "two tries" in grade.reason


def test_the_plan_counts_four_bits_and_the_cache(folder: Path) -> None:
    settings = TransformersSettings(folder, context_tokens=4096)
    wide = TransformersSettings(folder, context_tokens=4096, four_bit=False)
    small, large = (transformers_plan(s, memory_bytes=1 << 30) for s in (settings, wide))
    assert small.weights_bytes < large.weights_bytes == (folder / "model.safetensors").stat().st_size
    assert small.kv_bytes == 2 * 2 * 2 * 2 * 32 * 4096
    assert small.fits
    assert not transformers_plan(settings, memory_bytes=1 << 20).fits


def test_what_is_missing_is_named_with_the_command() -> None:
    sentence = missing_sentence(["torch", "bitsandbytes"])
    assert "torch and bitsandbytes" in sentence
    assert "webgen-appliance[vision]" in sentence
