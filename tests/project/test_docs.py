"""The manual says what the code does: commands, settings, floors, error sentences; and its links lead somewhere."""

from __future__ import annotations

import ast
import configparser
import re
import xml.etree.ElementTree as ET
from dataclasses import fields
from pathlib import Path

import click
import pytest

from appliance import config, profiles
from setup.floors import draw
from setup.reference import commands, pages, settings_of
from web_ui.manual import reading_order, render

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
CODE = ("appliance", "models", "sandbox", "web_ui", "training", "setup")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_pages_that_repeat_the_code_are_what_the_code_gives(path):
    assert path.read_text("utf-8") == pages()[path], "python -m setup.reference --write"


def test_every_command_and_every_option_says_what_it_does():
    silent = set()
    for words, command in commands():
        assert command.help, words
        options = [option for option in command.params if isinstance(option, click.Option)]
        silent |= {f"{' '.join(words)} {option.opts[0]}" for option in options if not option.help}
    assert not silent


def test_every_command_and_option_stands_on_the_page_of_commands():
    page = (DOCS / "commands.md").read_text("utf-8")
    sections = dict(re.findall(r"^##+ (appliance .+?)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    assert list(sections) == [" ".join(words) for words, _ in commands()]
    for words, command in commands():
        named = set(re.findall(r"--[\w-]+", sections[" ".join(words)]))
        assert {name for option in command.params for name in option.opts if name.startswith("--")} <= named


def test_every_setting_says_what_it_does():
    sections = [field.default_factory for field in fields(config.Config) if field.name not in ("home", "profiles")]
    found = [setting for section in sections for setting in settings_of(section, config)]
    found += [setting for setting in settings_of(profiles.Profile, profiles) if setting["name"] != "name"]
    assert [setting["name"] for setting in found if not setting["said"].endswith(".")] == []


def test_every_setting_stands_on_its_page_with_its_variable(tmp_path):
    page = (DOCS / "settings.md").read_text("utf-8")
    _, origins = config.load_config({"APPLIANCE_HOME": str(tmp_path)})
    keys = [origin.key for origin in origins if origin.key != "home"]
    assert re.findall(r"^### (\S+)$", page, re.MULTILINE) == keys
    for key in keys:
        assert f"`APPLIANCE_{key.upper().replace('.', '__')}`" in page


def test_the_picture_has_the_floors_of_the_contract_in_their_order():
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    layers = contract["importlinter:contract:floors"]["layers"].strip().splitlines()
    drawn = [
        [room.strip() for room in " ".join(text.text for text in floor.iter(f"{SVG}text")).split("|")]
        for floor in ET.parse(DOCS / "images" / "floors.svg").getroot().iter(f"{SVG}g")
    ]
    assert drawn == [[room.strip().removeprefix("appliance.") for room in layer.split("|")] for layer in layers]


def test_floors_lie_below_each_other_and_their_words_inside():
    floors = list(ET.fromstring(draw([["a"], [f"room{n}" for n in range(40)], ["b"]])).iter(f"{SVG}g"))
    bands = [floor.find(f"{SVG}rect") for floor in floors]
    tops = [float(band.get("y")) for band in bands]
    ends = [top + float(band.get("height")) for top, band in zip(tops, bands, strict=True)]
    assert all(end < top for end, top in zip(ends, tops[1:], strict=False))
    for floor, top, end in zip(floors, tops, ends, strict=True):
        assert all(top < float(text.get("y")) < end for text in floor.iter(f"{SVG}text"))


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(path):
    text = path.read_text("utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    for target in [*(link.target for link in render(text, path.name).links), *pictures]:
        if re.match(r"[a-z]+:", target):
            assert target in text, "a link to elsewhere is written out"
            continue
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        assert there.exists(), target
        if anchor:
            headings = render(there.read_text("utf-8"), there.name).headings
            assert anchor in {heading.anchor for heading in headings}, target


def test_every_page_of_the_folder_stands_in_the_index():
    assert {path.name for path in DOCS.glob("*.md")} <= set(reading_order())


def said_by_the_code():
    """Every text in the code, with … where a value comes in."""
    for path in (path for name in CODE for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.JoinedStr(values=values):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in values)
                case ast.Constant(value=str(text)):
                    yield text
    yield from re.findall(r'"(.+)"', (ROOT / "web_ui" / "strings" / "en.toml").read_text("utf-8"))


def test_every_sentence_under_troubleshooting_is_one_that_the_code_says():
    said = [re.sub(r"\s+", " ", text) for text in said_by_the_code()]
    quoted = re.findall(r"^### .*?“(.+?)”", (DOCS / "troubleshooting.md").read_text("utf-8"), re.MULTILINE)
    assert len(quoted) > 35
    for sentence in quoted:
        parts = [part.strip() for part in sentence.split("…")]
        pattern = re.compile(".*?".join(map(re.escape, parts)))
        assert any(pattern.search(text) for text in said if max(parts, key=len) in text), sentence
