"""Filler text is replaced where it stands, and nothing else of the page changes."""

from __future__ import annotations

import pytest

from appliance.findings import FILLER
from appliance.mend import mend_messages
from appliance.mend_words import read_words, words_patch
from appliance.steps import Finding

FIRST = "Lorem ipsum dolor sit amet, consectetur."
SECOND = "Project Name"
PAGE = (
    "<!doctype html><html><body><h2>About us</h2>"
    f'<p class="a">{FIRST}</p><section><h2>Work</h2><h3>{SECOND}</h3><p>A real line.</p></section></body></html>'
)


def filler(text):
    return Finding(FILLER, "p.a", f'filler text: "{text}"')


@pytest.fixture
def patch():
    return words_patch(PAGE, [filler(FIRST), filler(SECOND)], "A bakery.")


def page_of(artifact):
    (change,) = artifact.changes
    return change.content


def test_each_text_is_asked_for_with_what_stands_above_it(patch):
    asked = patch.messages[1].content
    assert f"1. two sentences below “About us”, in place of: {FIRST}" in asked
    assert f"2. a name of two to five words below “Work”, in place of: {SECOND}" in asked
    assert patch.start == "1. "


def test_only_the_texts_change(patch):
    artifact = read_words(patch, "1. We bake with rye. Come by at seven.\n2. The stone oven\n", cut=False)
    assert page_of(artifact) == PAGE.replace(FIRST, "We bake with rye. Come by at seven.").replace(
        SECOND, "The stone oven"
    )
    assert artifact.problems == ()


def test_markup_in_a_line_is_text(patch):
    page = page_of(read_words(patch, "1. **Bread & <b>butter</b>** <script>x</script>\n2. Oven", cut=False))
    assert '<p class="a">Bread &amp; butter x</p>' in page


def test_a_missing_line_leaves_its_text_and_is_told(patch):
    artifact = read_words(patch, "1. We bake with rye.", cut=False)
    assert SECOND in page_of(artifact)
    assert artifact.problems == ("no words came for text 2",)


@pytest.mark.parametrize("reply", ["", "1. Lorem ipsum dolor sit amet, consectetur.\n2. Project Name", "no numbers"])
def test_the_same_words_again_are_no_repair(patch, reply):
    artifact = read_words(patch, reply, cut=False)
    assert artifact.changes == ()
    assert len(artifact.problems) == 2


def test_text_that_a_script_wrote_is_not_in_the_source():
    assert words_patch(PAGE, [filler("Sample text that no file holds")], "A bakery.") is None


def test_filler_is_mended_by_its_words():
    assert mend_messages({"index.html": PAGE.encode()}, [filler(FIRST)], "A bakery.").scope == "words"


def test_what_was_asked_is_no_part_of_the_answer(patch):
    reply = '1. two sentences below "About us", in place of: "We bake with rye. Come at seven."\n2. The stone oven'
    assert '<p class="a">We bake with rye. Come at seven.</p>' in page_of(read_words(patch, reply, cut=False))


def test_words_with_gaps_are_filler_again(patch):
    artifact = read_words(patch, "1. Hello, my name is [Name] and I bake.\n2. The stone oven", cut=False)
    assert FIRST in page_of(artifact)
    assert artifact.problems == ("no words came for text 1",)


NUMBERED = (
    "<!doctype html><html><body><section><h2>My portfolio</h2><h3>Project 1</h3><p>Money.</p><h3>Project 2</h3>"
    "<p>Travel.</p></section></body></html>"
)


@pytest.fixture
def numbered():
    findings = [filler("Project 1"), filler("Project 2")]
    return words_patch(NUMBERED, findings, "A portfolio.")


def test_a_name_is_asked_for_below_a_heading_that_stays(numbered):
    asked = numbered.messages[1].content
    assert "2. a name of two to five words below “My portfolio”, in place of: Project 2" in asked
    assert "below “Project 1”" not in asked


def test_a_number_that_is_written_twice_and_quotes_are_no_part_of_a_name(numbered):
    page = page_of(read_words(numbered, '1. 1. "Budget Buddy"\n2. 2) “Trips Ahead”', cut=False))
    assert "<h3>Budget Buddy</h3>" in page
    assert "<h3>Trips Ahead</h3>" in page


def test_a_name_that_begins_with_a_number_keeps_it(numbered):
    assert "<h3>24 Hours</h3>" in page_of(read_words(numbered, "1. 24 Hours\n2. Trips Ahead", cut=False))


def test_a_heading_of_the_page_and_another_filler_are_no_names(numbered):
    artifact = read_words(numbered, '1. 1. "My Portfolio"\n2. 2. "Project 1"', cut=False)
    assert artifact.changes == ()
    assert set(artifact.problems) == {"no words came for text 1", "no words came for text 2"}
