"""The manual as the interface shows it: whole, from here alone, and nothing but the manual."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zipfile
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.web_ui.visits import Visitor, config_of
from web_ui.app import create_app
from web_ui.manual import INDEX, folder, reading_order, render

ROOT = Path(__file__).parents[2]
SHAPES = {"svg", "title", "g", "rect", "text"}
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    app = create_app(*config_of(tmp_path_factory.mktemp("reader")))
    yield Visitor(app)
    app.extensions["desk"].pool.close()


class Seen(HTMLParser):
    """What a page loads, where it leads, and what a link can lead to."""

    def __init__(self, html):
        super().__init__()
        self.loads, self.links, self.ids, self.tags, self.styled = [], [], set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.ids.add(values.get("id"))
        if "style" in values:
            self.styled.append(tag)
        if tag in LOADS and values.get(LOADS[tag]):
            self.loads.append(values[LOADS[tag]])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])


@pytest.mark.parametrize("name", reading_order())
def test_a_page_is_whole_loads_from_here_alone_and_its_links_work(reader, name):
    address = f"/manual/{name}"
    page = Seen(reader.text(address))
    assert page.tags.count("h1") == 1
    assert not page.styled, "the content policy forbids styles in attributes"
    for load in page.loads:
        assert not urlsplit(load).netloc, load
        with reader.get(urljoin(address, load)) as answer:
            assert answer.status_code == 200, load
    for link in page.links:
        target = urlsplit(urljoin(address, link))
        if target.netloc or not target.path.startswith("/manual/"):
            continue
        with reader.get(target.path) as answer:
            assert answer.status_code == 200, link
            assert not target.fragment or target.fragment in Seen(answer.text).ids, link


def test_the_first_page_is_the_index_and_each_page_leads_to_the_next(reader):
    assert render((folder() / INDEX).read_text("utf-8"), INDEX).html in reader.text("/manual/")
    for name, following in pairwise(reading_order()):
        assert f'Next: <a lang="en" href="/manual/{following}">' in reader.text(f"/manual/{name}")


def test_the_navigation_leads_to_the_manual(reader):
    assert 'href="/manual/"' in reader.text("/")


@pytest.mark.parametrize(
    "address",
    [
        *("/manual/nobody.md", "/manual/install", "/manual/images", "/manual/images/nobody.png", "/manual/bench/"),
        *("/manual/../README.md", "/manual/%2e%2e/README.md", "/manual/images/../../README.md"),
        *("/manual/..%2f..%2fetc%2fhosts.md", "/manual/%00.md", "/manual/%00.png"),
    ],
)
def test_what_is_no_page_of_the_manual_is_answered_by_the_interfaces_own_page(reader, address):
    answer = reader.get(address)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_a_picture_is_served_as_one_under_the_policy(reader):
    with reader.get("/manual/images/floors.svg") as answer:
        assert answer.mimetype == "image/svg+xml"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert {element.tag.rpartition("}")[2] for element in ET.fromstring(answer.data).iter()} == SHAPES


def test_html_in_a_page_is_text_and_no_link_runs_a_script():
    html = render(
        "# A <b>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![y](data:text/html,z)", "a.md"
    ).html
    assert Seen(html).tags == ["h1", "p", "p"]


def test_a_link_out_of_the_manual_is_shown_as_its_words():
    page = render("[the log](../training/LOG.md), [inside](bench/../install.md#x), [up](../../a.md)", "index.md")
    assert page.html == '<p>the log, <a href="bench/../install.md#x">inside</a>, up</p>\n'
    assert page.links[0].target == "../training/LOG.md"
    assert 'href="../install.md"' in render("[install](../install.md)", "bench/README.md").html


def test_headings_have_the_anchors_that_code_hosts_give_them():
    page = render("# A\n\n## Who may `use` it?\n\n## Who may use it\n\n### judge.votes", "a.md")
    assert [heading.anchor for heading in page.headings] == ["a", "who-may-use-it", "who-may-use-it-1", "judgevotes"]
    assert '<h2 id="who-may-use-it">' in page.html


def test_numbers_stand_right_without_a_style_and_code_is_shown_as_it_is():
    page = render("| a | b |\n|---|--:|\n| `x\\|y` | 1 |\n\n    <i> & [a](b)", "a.md")
    assert '<td class="number">1</td>' in page.html
    assert "<code>x|y</code>" in page.html
    assert "<code>&lt;i&gt; &amp; [a](b)" in page.html
    broken = "<code>tests/<wbr>web_<wbr>ui/<wbr>test_<wbr>manual.py</code>"
    assert broken in render("`tests/web_ui/test_manual.py`", "a.md").html


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_an_installed_wheel_has_the_manual_and_an_editable_install_no_copy(tmp_path):
    for kind in ("standard", "editable"):
        list(WheelBuilder(str(ROOT)).build(directory=str(tmp_path / kind), versions=[kind]))
    wheel, editable = (names_in(next((tmp_path / kind).iterdir())) for kind in ("standard", "editable"))
    pages = {f"web_ui/manual_pages/{path.relative_to(ROOT / 'docs')}" for path in (ROOT / "docs").rglob("*.*")}
    assert pages <= set(wheel)
    assert not [name for name in editable if "manual_pages" in name]
