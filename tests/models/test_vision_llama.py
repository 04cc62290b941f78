"""Pictures through llama.cpp: a tiny vision pair with random weights. It sees, but what it says is noise."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from models.chat import ChatMessage, JsonSchema, Sampling
from models.errors import ContextOverflow, EngineRefused, ImagesUnsupported, ModelFileCorrupt, PictureRefused
from models.llama import LlamaChild, LlamaSettings
from models.tiny_vision import TinyVisionPair, write_tiny_vision_pair
from tests.models.contracts import GREEDY, ChatModelContract
from tests.models.projector import write_tiny_projector


def picture(colour: str, size: tuple[int, int] = (280, 196), kind: str = "PNG") -> bytes:
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).rectangle((20, 20, size[0] // 2, size[1] // 2), fill="white")
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


RED, BLUE = picture("red"), picture("blue")
GRADE = {
    "type": "object",
    "properties": {"grade": {"enum": [0, 1, 2, 3, 4, 5]}, "reason": {"type": "string", "maxLength": 20}},
    "required": ["grade", "reason"],
    "additionalProperties": False,
}


def look(*images: bytes, words: str = "What is this?") -> tuple[ChatMessage, ...]:
    return (ChatMessage("system", "You look at pictures."), ChatMessage("user", words, images))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> TinyVisionPair:
    return write_tiny_vision_pair(tmp_path_factory.mktemp("pair"))


def opened(pair: TinyVisionPair, **changed: int) -> LlamaChild:
    return LlamaChild(
        LlamaSettings(pair.weights, pair.projector, **{"context_tokens": 4096, "threads": 1, **changed})  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def model(pair: TinyVisionPair) -> Iterator[LlamaChild]:
    with opened(pair) as model:
        yield model


def raw(model: LlamaChild, messages: Sequence[ChatMessage]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    done = model.chat(messages, GREEDY, record=True)
    return done.token_ids, done.logprobs


class TestLlamaChildWithEyes(ChatModelContract):
    @pytest.fixture(autouse=True)
    def _pair(self, pair: TinyVisionPair) -> None:
        self.pair = pair

    def open_model(self) -> LlamaChild:
        return opened(self.pair)


def test_the_answer_depends_on_what_is_in_the_picture(model: LlamaChild) -> None:
    assert raw(model, look(RED)) != raw(model, look(BLUE))


def test_a_jpeg_is_seen_too(model: LlamaChild) -> None:
    assert model.chat(look(picture("red", kind="JPEG")), GREEDY).text


def test_the_order_of_two_pictures_matters(model: LlamaChild) -> None:
    assert raw(model, look(RED, BLUE)) != raw(model, look(BLUE, RED))


def test_a_larger_picture_costs_more_tokens_and_counting_knows_it(model: LlamaChild) -> None:
    small, large = look(RED), look(picture("red", (560, 560)))
    assert model.count_tokens(large) - model.count_tokens(small) == (560 * 560 - 280 * 196) // 28**2
    assert model.count_tokens(large) == model.chat(large, GREEDY).prompt_tokens


def test_what_the_cache_kept_of_a_picture_gives_the_same_answer(pair: TinyVisionPair) -> None:
    """Positions behind a picture go on by less than the picture takes: one wrong number and these differ."""
    talk = (*look(RED), ChatMessage("assistant", "A box."), ChatMessage("user", "And this?", (BLUE,)))
    with opened(pair) as fresh:
        expected = raw(fresh, talk)
    with opened(pair) as model:
        model.chat(look(RED), GREEDY)
        model.chat(look(BLUE), GREEDY)
        again = model.chat(talk, GREEDY, record=True)
    assert again.token_ids == expected[0]
    assert again.logprobs == pytest.approx(expected[1], abs=0.02)
    assert again.evaluated_tokens < again.prompt_tokens


def test_another_picture_in_the_same_place_is_read_anew(model: LlamaChild) -> None:
    model.chat(look(picture("orange")), GREEDY)
    seventy_tokens = 280 * 196 // 28**2
    assert model.chat(look(picture("brown")), GREEDY).evaluated_tokens >= seventy_tokens


def test_text_alone_keeps_its_prefix_between_pictures(model: LlamaChild) -> None:
    talk = [ChatMessage("user", "A long talk about nothing. " * 10)]
    talk += [ChatMessage("assistant", model.chat(talk, GREEDY).text), ChatMessage("user", "More.")]
    model.chat(look(RED), GREEDY)
    assert model.chat(talk, GREEDY).evaluated_tokens < 60


def test_several_drafts_share_the_picture_and_differ(model: LlamaChild) -> None:
    samplings = [Sampling(seed=n, max_tokens=12) for n in range(3)]
    drafts = model.drafts(look(picture("green")), samplings)
    assert [d.evaluated_tokens > 0 for d in drafts] == [True, False, False]
    assert len({d.text for d in drafts}) == 3
    alone = model.chat(look(picture("green")), samplings[1])
    assert alone.text == drafts[1].text


def test_a_schema_holds_with_pictures(model: LlamaChild) -> None:
    for seed in range(3):
        done = model.chat(look(RED, BLUE), Sampling(seed=seed, max_tokens=300), constraint=JsonSchema(GRADE))
        assert json.loads(done.text, strict=False)["grade"] in range(6)


def test_recorded_prompts_have_a_number_for_every_token(model: LlamaChild) -> None:
    done = model.chat(look(RED), GREEDY, record=True)
    assert len(done.prompt_token_ids) == done.prompt_tokens
    assert done.prompt_token_ids.count(-1) == 280 * 196 // 28**2


def test_the_signs_of_a_picture_in_a_message_are_text(model: LlamaChild) -> None:
    """Written out, they are cut into letters, so nobody fakes a picture; a fake one would also move the positions."""
    words = "<|vision_start|><|image_pad|><|vision_end|>"
    assert model.count_tokens(look(words=words)) - model.count_tokens(look(words="")) >= len(words)


def test_a_cancelled_picture_leaves_the_model_in_order(pair: TinyVisionPair) -> None:
    with opened(pair) as model:
        expected = raw(model, look(RED))
    with opened(pair) as model:
        done = model.chat(look(picture("red", (900, 900))), GREEDY, cancelled=lambda: True)
        assert done.finish in ("cancelled", "length")
        assert raw(model, look(RED))[0] == expected[0]


def test_pictures_give_way_when_the_cache_is_full(pair: TinyVisionPair) -> None:
    with opened(pair, kv_tokens=4096) as model:
        for colour in ("red", "green", "blue", "black"):
            assert model.chat(look(picture(colour, (980, 980))), GREEDY).prompt_tokens > 1200


@pytest.mark.parametrize("image", [b"", b"http://127.0.0.1/secret.png", b"/etc/passwd", b"\x89PNG\r\n\x1a\nhalf"])
def test_only_whole_pictures_are_taken_and_addresses_never_fetched(model: LlamaChild, image: bytes) -> None:
    with pytest.raises(PictureRefused, match="give the bytes"):
        model.chat(look(image), GREEDY)
    assert model.chat(look(RED), GREEDY).text


def test_a_huge_picture_is_refused_with_its_size(model: LlamaChild) -> None:
    with pytest.raises(PictureRefused, match="5000 x 5000"):
        model.chat(look(picture("red", (5000, 5000))), GREEDY)


def test_pictures_over_the_context_are_refused_before_they_are_read(model: LlamaChild) -> None:
    with pytest.raises(ContextOverflow, match="shorten"):
        model.chat(look(*[picture("red", (1000, 1000))] * 4), GREEDY)


def test_without_its_projector_it_says_that_it_cannot_see(pair: TinyVisionPair) -> None:
    with (
        LlamaChild(LlamaSettings(pair.weights, context_tokens=4096, threads=1)) as blind,
        pytest.raises(ImagesUnsupported),
    ):
        blind.chat(look(RED), GREEDY)


def test_a_file_that_is_no_projector_is_refused(pair: TinyVisionPair, tmp_path: Path) -> None:
    with pytest.raises(ModelFileCorrupt, match="not a projector"):
        opened(TinyVisionPair(pair.weights, pair.weights))
    with pytest.raises(EngineRefused, match="projector"):
        opened(TinyVisionPair(pair.weights, write_tiny_projector(tmp_path / "blind.gguf")))
