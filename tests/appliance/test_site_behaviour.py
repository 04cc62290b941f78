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
