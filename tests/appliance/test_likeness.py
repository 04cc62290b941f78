"""A picture of how a site should look."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from appliance import prompts
from appliance.errors import UsageError
from appliance.likeness import MOST_BYTES, likeness_from_file, read_likeness
from appliance.profiles import load_profiles
from appliance.steps import LikenessRef, RunRequest


def picture(size=(1600, 900), form="PNG"):
    made = Image.new("RGB", size, "#fdf6ea")
    draw = ImageDraw.Draw(made)
    draw.rectangle((0, 0, size[0], size[1] // 8), fill="#222222")
    draw.rectangle((size[0] // 4, size[1] // 2, size[0] // 3, size[1] // 2 + 60), fill="#0b7a75")
    content = io.BytesIO()
    made.save(content, form, **({"quality": 95} if form == "JPEG" else {}))
    return content.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_its_two_colours_are_read_and_it_is_made_small(form):
    likeness = read_likeness(picture(form=form), "look")
    near = [(0xFD, 0xF6, 0xEA), (0x0B, 0x7A, 0x75)]
    for code, wanted in zip((likeness.background, likeness.component), near, strict=True):
        assert all(abs(a - b) < 12 for a, b in zip(bytes.fromhex(code[1:]), wanted, strict=True)), code
    with Image.open(io.BytesIO(likeness.png)) as small:
        assert (small.format, small.width) == ("PNG", 1024)


def test_a_long_page_is_cut_at_its_end():
    with Image.open(io.BytesIO(read_likeness(picture((400, 9000)), "long").png)) as small:
        assert small.size == (400, 1536)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG, JPEG or WebP"),
        (b"\x89PNG\r\n\x1a\nbroken", "no PNG, JPEG or WebP"),
        (b"", "no PNG, JPEG or WebP"),
        (b"x" * (MOST_BYTES + 1), "larger than 10 MiB"),
        (picture((9000, 9000)), "9000 × 9000 pixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(content, said):
    with pytest.raises(UsageError, match=said):
        read_likeness(content, "look.png")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        likeness_from_file(tmp_path / "none.png")


def test_a_model_that_sees_gets_the_picture_and_another_one_its_colours():
    reference = LikenessRef("ab" * 32, "#fdf6ea", "#0b7a75")
    request = RunRequest("A page for the bakery.", "small", "m", likeness=reference)
    small = load_profiles()["small"]
    seen = prompts.opening(request, small, {}, b"png")[-1]
    assert seen.images == (b"png",)
    assert "#0b7a75" not in seen.content
    told = prompts.opening(request, small, {})[-1]
    assert told.images == ()
    assert "Its background colour is #fdf6ea" in told.content
    assert "--component: #0b7a75;" in prompts.beginning(request, small, {})


def test_colours_named_in_the_brief_win():
    reference = LikenessRef("ab" * 32, "#fdf6ea", "#0b7a75")
    request = RunRequest("A page for the bakery, navy background.", "small", "m", likeness=reference)
    assert "#0b7a75" not in prompts.beginning(request, load_profiles()["small"], {})
