from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.kit import font_families, icon_words, kit_files
from sandbox.local import LocalContainer
from sandbox.preview import Preview


def test_the_kit_is_small_enough_to_travel():
    assert sum(len(content) for content in kit_files().values()) < 2.5 * 2**20


def test_the_behaviour_reads_the_same_on_a_page_that_does_not_say_how_it_is_written():
    assert kit_files()["site.js"].isascii()


def test_there_is_a_family_for_every_use():
    assert {family.kind for family in font_families()} == {"sans", "display", "serif", "display-serif", "mono"}


def test_the_sheet_names_only_faces_that_are_there():
    named = re.findall(rb'url\("([^"]+)"\)', kit_files()["fonts.css"])
    assert {name.decode() for name in named} == {name for name in kit_files() if name.endswith(".woff2")}
    assert all(kit_files()[name.decode()][:4] == b"wOF2" for name in named)


def test_faces_cover_polish_and_turkish_letters():
    for family in font_families():
        ranges = ",".join(face.unicode_range for face in family.faces if face.style == "normal")
        spans = [tuple(int(end, 16) for end in span.split("-")) for span in re.findall(r"U\+([0-9A-F-]+)", ranges)]
        for letter in "aéąłğşß€":
            assert any(span[0] <= ord(letter) <= span[-1] for span in spans), (family.name, letter)


@pytest.mark.parametrize("name", ["search", "shopping-cart", "user", "menu", "mail", "star", "trash-2", "arrow-right"])
def test_the_icons_that_pages_ask_for_most_are_there(name):
    assert f"icons/{name}.svg" in kit_files()


def test_every_icon_is_a_drawing_in_the_text_colour_with_words_to_find_it():
    icons = {name: content for name, content in kit_files().items() if name.endswith(".svg")}
    assert len(icons) > 250
    for name, content in icons.items():
        assert ElementTree.fromstring(content).attrib["stroke"] == "currentColor", name
    assert {f"icons/{name}.svg" for name in icon_words()} == set(icons)


def test_every_third_party_file_comes_with_its_licence():
    licences = {name for name in kit_files() if name.endswith("LICENSE.txt")}
    assert licences == {"icons/LICENSE.txt", *(f"fonts/{family.slug}.LICENSE.txt" for family in font_families())}
    assert all(b"Copyright" in kit_files()[name] or b"ISC" in kit_files()[name] for name in licences)


CARD = "<article class='card'><h3>Loaf</h3><p>Rye.</p></article>"
SHEET = "<!doctype html><meta name=viewport content=width=device-width><link rel=stylesheet href=kit/site.css><main>"
BOXES = """return [...document.querySelectorAll('.cards')].map((cards) => {
  const boxes = [...cards.querySelectorAll('.card')].map((one) => one.getBoundingClientRect());
  return [boxes.filter((one) => one.top === boxes[0].top).length,
          Math.round(cards.getBoundingClientRect().right - Math.max(...boxes.map((one) => one.right)))];
})"""


@pytest.mark.browser
def test_cards_leave_no_gap_beside_them_with_and_without_a_heading_among_them():
    counts = range(1, 10)
    groups = "".join(f"<section class='cards'><h3>Bread</h3>{CARD * n}</section>" for n in counts)
    groups += "".join(f"<section><h2>Bread</h2><div class='cards'>{CARD * n}</div></section>" for n in counts)
    files = {"index.html": f"{SHEET}{groups}".encode(), **{f"kit/{name}": data for name, data in kit_files().items()}}
    with LocalContainer(ContainerSettings()) as container, Preview(container) as preview:
        container.replace(files)
        with Browser(BrowserSettings(), preview.url) as browser:
            browser.open("/")
            found = browser.evaluate(BOXES)
            browser.resize(390, 800, mobile=True)
            on_a_phone = browser.evaluate(BOXES)
    assert [columns for columns, _ in found] == [1, 2, 3, 4, 3, 3, 4, 4, 4] * 2
    assert [gap for _, gap in found[1:9]] == [0] * 8
    assert {columns for columns, _ in on_a_phone} == {1}
