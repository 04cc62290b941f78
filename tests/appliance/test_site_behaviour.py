"""The worked examples that small models copy: each must do what it promises when somebody uses it."""

from __future__ import annotations

import pytest
from pages import STYLE
from rooms import LocalRooms

from appliance.assets import complete
from appliance.explorer import explore
from appliance.recipes import _recipes
from appliance.site import Site

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><title>Kitchen</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css"></head>
<body><header><h1>Kitchen</h1></header><main><p>We cook every day but Monday.</p>{}</main></body></html>"""
HOLDS = {
    "add": {"add-item", "persists"},
    "edit": {"add-item", "persists"},
    "complete": {"add-item", "complete-item", "delete-item"},
    "search": {"search-items"},
    "filter": {"filter-items"},
    "submit": {"submit-shows"},
    "login": {"submit-shows"},
    "vote": {"submit-shows"},
    "cart": {"control-works"},
    "report": {"control-works"},
    "inquire": {"add-item"},
    "choose": {"control-works"},
    "mark": {"control-works"},
    "open": {"control-works"},
}
"""What the explorer must see of each; `shows` offers nothing to use."""


@pytest.fixture(scope="module")
def site():
    with Site(LocalRooms(), "static", explore=explore) as opened:
        yield opened


@pytest.mark.parametrize("name", sorted(HOLDS))
def test_a_recipe_works_when_it_is_used(site, name):
    page = PAGE.format(_recipes()[name])
    files = complete({"index.html": page.encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    assert b"kit/site.js" in files["index.html"]
    seen = site.look(files, "A kitchen.").observation
    assert not seen.error
    facts = seen.exploration.facts
    assert {fact.kind for fact in facts if fact.holds} >= HOLDS[name]
    assert [fact for fact in facts if not fact.holds] == []


def test_every_recipe_is_tried():
    assert set(_recipes()) == {*HOLDS, "shows"}


UNTAKEN = """<section><h2>Write to us</h2><form><label>Name <input name="name"></label><button>Send</button></form>
</section><section><h2>Settings</h2><button data-choose="#box">Garden</button><div id="box"><p>Two chairs.</p></div>
</section>"""
THROWING = """<section><h2>Book a table</h2><form id="f" data-answer="Thank you.">
<label>Name <input name="name" required></label><button>Book</button></form></section>
<script>document.getElementById("f").onsubmit = () => { missing() }</script>"""


def test_a_form_that_nobody_takes_answers_instead_of_loading_the_page_anew(site):
    files = complete({"index.html": PAGE.format(UNTAKEN).encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    facts = site.look(files, "A kitchen.").observation.exploration.facts
    assert {(fact.kind, fact.holds) for fact in facts if "Send" in fact.place} >= {("submit-shows", True)}


def test_an_attribute_wins_over_a_listener_that_throws(site):
    files = complete({"index.html": PAGE.format(THROWING).encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    seen = site.look(files, "A kitchen.").observation
    assert [fact for fact in seen.exploration.facts if not fact.holds] == []
    assert {fact.kind for fact in seen.exploration.facts if fact.holds} >= {"submit-shows"}


NAMED_BY_OTHERS = """<section id="policies"><h2>Policies by kind</h2>
<label>Show <select data-filter="#kinds"><option>All</option><option>Rules</option><option>Compliance</option></select>
</label><div class="cards" id="kinds">
<article class="card" data-category="Rules"><h3>Food rules</h3><p>Compliance: 90 %</p></article>
<article class="card" data-category="Compliance"><h3>Clean air</h3><p>Compliance: 85 %</p></article></div></section>"""


def test_a_kind_that_items_have_is_no_mere_word_of_others(site):
    page = PAGE.format(NAMED_BY_OTHERS)
    files = complete({"index.html": page.encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    facts = site.look(files, "A kitchen.").observation.exploration.facts
    assert {fact.holds for fact in facts if fact.kind == "filter-items"} == {True}
