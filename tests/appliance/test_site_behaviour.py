"""The worked examples that small models copy: each must do what it promises when somebody uses it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pages import STYLE
from rooms import LocalRooms

from appliance.assets import complete
from appliance.explorer import explore
from appliance.explorer_facts import findings_of
from appliance.function_judge import prove
from appliance.mend_markup import markup_patch
from appliance.recipes import _recipes
from appliance.site import Site
from appliance.steps import ChecklistItem, Exploration
from sandbox.browser import Browser, BrowserSettings
from sandbox.hands import Hands

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
    "comment": {"add-item", "persists"},
    "login": {"submit-shows"},
    "vote": {"submit-shows"},
    "cart": {"control-works"},
    "report": {"control-works"},
    "inquire": {"add-item"},
    "choose": {"control-works"},
    "mark": {"control-works"},
    "open": {"control-works"},
    "shows": {"control-works"},
}
"""What the explorer must see of each."""


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


def test_a_script_that_hides_every_form_as_the_page_loads_leaves_those_of_the_kit(site):
    script = "<script>for (const form of document.querySelectorAll('form')) form.style.display = 'none'</script>"
    page = PAGE.format(
        f"<form id=own><input aria-label=Own></form>{_recipes()['add']}<form hidden data-answer=Yes></form>"
    )
    head = '<link rel="stylesheet" href="kit/site.css"></head>'
    page = page.replace("</head>", head).replace("</main>", f"</main>{script}")
    facts = site.look(complete({"index.html": page.encode(), "style.css": b""}, "A kitchen.").files, "A kitchen.")
    facts = facts.observation.exploration.facts
    assert {fact.kind for fact in facts if fact.holds} >= {"add-item", "persists"}
    assert not any("own" in fact.place.lower() for fact in facts)


def test_every_recipe_is_tried():
    assert set(_recipes()) == set(HOLDS)


def test_filtering_and_sorting_are_two_facts(site):
    page = PAGE.format(_recipes()["filter"])
    files = complete({"index.html": page.encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    facts = site.look(files, "A kitchen.").observation.exploration.facts
    seen = {"Sort by" in fact.place: fact for fact in facts if fact.kind == "filter-items" and fact.holds}
    assert set(seen) == {True, False}
    filtered, ordered = (
        ChecklistItem(f"{verb} the bikes.", "It changes.", "functional", "filter", "bikes")
        for verb in ("Filter", "Sort")
    )
    for item, facts in ((filtered, (seen[False],)), (ordered, (seen[True],))):
        other = ordered if item is filtered else filtered
        exploration = Exploration(facts=facts)
        assert [one.answer for one in prove([item, other], exploration, None)] == ["YES", "unjudged"]


def test_a_chart_is_a_figure_and_an_icon_is_none(site):
    chart = PAGE.format(
        _recipes()["report"]
        + "<section><h2>Help</h2><p>Ask us.</p><svg width=24 height=24><path d='M0 0L9 9'/></svg></section>"
    )
    files = complete({"index.html": chart.encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    outline = {heading.text: heading.figures for heading in site.look(files, "A kitchen.").observation.audit.outline}
    assert (outline["Yearly report"], outline["Help"]) == (1, 0)


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


ADDING = """<section><h2>Tasks</h2><form id="f"><label>Title <input name="title" required></label>
<label>Due <input name="due" type="date" required></label><button>Add task</button></form>{}</section>
<script>document.getElementById("g")?.addEventListener("submit", () => 1)</script>"""


@pytest.mark.parametrize("a_list", ["", "<ul><li>Peel onions</li></ul>"])
def test_a_form_that_adds_and_that_nobody_takes_has_a_list(site, a_list):
    page = PAGE.format(ADDING.format(a_list) + _recipes()["open"]).encode()
    files = complete({"index.html": page, "style.css": STYLE.encode()}, "A kitchen.").files
    facts = site.look(files, "A kitchen.").observation.exploration.facts
    assert {fact.kind for fact in facts if fact.holds} >= {"add-item", "persists", "delete-item"}
    assert [fact for fact in facts if not fact.holds] == []


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


KNOWN = """<section><h2>Find</h2><form data-report="#out"><label>Code <input name="code" required></label>
<button>Generate report</button></form><div id="out"></div></section>
<section><h2>Soups</h2><article class="card"><h3>Lentil soup</h3><p>Code LS1, warm.</p></article>
<article class="card"><h3>Corn chowder</h3><p>Code CC2.</p></article></section>"""


@contextmanager
def used(folder, body):
    """The page with this body, open before somebody's hands."""
    files = complete({"index.html": PAGE.format(body).encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with Browser(BrowserSettings(), url) as browser, Hands(browser) as hands:
            hands.open("/")
            yield hands
        server.shutdown()


def control(hands, name):
    return next(mark.target for mark in hands.marks() if mark.target.name == name)


OWN_FACTS = '<article class="card"><h3>Bread</h3><p>Twelve loaves a day.</p></article>'


def reported(folder, code, *, own="", more=""):
    """What comes when a report about this code is asked for."""
    with used(folder, KNOWN.replace("</div></section>", f"{own}</div></section>", 1) + more) as hands:
        hands.type(control(hands, "Code"), code)
        return " ".join(hands.click(control(hands, "Generate report")).added)


@pytest.mark.parametrize("own", ["", OWN_FACTS])
def test_a_report_whose_own_facts_do_not_name_it_tells_what_the_page_knows(tmp_path, own):
    told = reported(tmp_path, "LS1", own=own)
    assert "Report: LS1" in told
    assert "Lentil soup" in told
    assert "Corn chowder" not in told
    assert "Bread" not in told


def test_a_report_by_code_tells_all_that_has_the_name(tmp_path):
    sales = '<article class="card"><h3>Lentil soup: sales</h3><p>85 this week.</p></article>'
    told = reported(tmp_path, "LS1", more=sales)
    assert "85 this week." in told
    assert "Corn chowder" not in told


@pytest.mark.parametrize("own", ["", OWN_FACTS])
def test_a_report_about_nothing_known_says_so(tmp_path, own):
    told = reported(tmp_path, "gravel", own=own)
    assert "Nothing was found about “gravel”" in told
    assert ("Bread" in told) == bool(own)


FACTS = """<section><h2>Sales</h2><form data-report="#facts"><label>Month <input name="month" required></label>
<button>Generate report</button></form><div class="cards" id="facts">
<article class="card"><h3>Soup</h3><p>Sold 30 bowls since 2019</p></article>
<article class="card"><h3>Bread</h3><p>Sold 12 loaves for $48</p></article>
<article class="card"><h3>Cake</h3><p>1,200 trays for $9,600, of which $600 in May</p></article></div></section>"""


def test_a_report_draws_numbers_of_one_kind(tmp_path):
    with used(tmp_path, FACTS) as hands:
        hands.type(control(hands, "Month"), "June")
        hands.click(control(hands, "Generate report"))
        drawn = hands.browser.evaluate("return [...document.querySelectorAll('figure text')].map((t) => t.textContent)")
    assert drawn == ["Soup", "30", "Bread", "12", "Cake", "1,200"]


FOODS = """<section><h2>Foods</h2><div class="cards" id="foods">
<article class="card" id="a"><h3>Apple</h3><p>Sweet and firm, 52 kcal.</p></article>
<article class="card"><h3>Broccoli</h3><p>Green and crisp, 34 kcal.</p></article></div></section>
<section><h2>Look up</h2><form {way}><label>Food <input name="food" required></label><button>Search</button></form>
</section>"""


def test_what_a_search_form_found_stands_below_it(tmp_path):
    with used(tmp_path, FOODS.format(way='data-find="#foods"')) as hands:
        hands.type(control(hands, "Food"), "aPPle sweet")
        told = " ".join(hands.click(control(hands, "Search")).added)
        assert "52 kcal" in told
        assert "34 kcal" not in told
        assert hands.browser.evaluate("return document.querySelectorAll('#a').length") == 1
        hands.type(control(hands, "Food"), "gravel")
        none = hands.click(control(hands, "Search"))
        assert "Nothing found." in none.added
        assert "52 kcal" in " ".join(none.removed)
        hands.type(control(hands, "Food"), " ")
        assert "Please enter what to look for." in hands.click(control(hands, "Search")).added


@pytest.mark.parametrize(
    ("way", "holds"),
    [
        ('data-find="#foods"', True),
        ("onsubmit=\"this.after('Nothing found.'); return false\"", False),
    ],
)
def test_a_search_that_brings_its_finds_is_told_from_one_that_has_none(site, way, holds):
    page = PAGE.format(FOODS.format(way=way))
    files = complete({"index.html": page.encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    facts = site.look(files, "A kitchen.").observation.exploration.facts
    assert [fact.holds for fact in facts if fact.kind == "search-items"] == [holds]


TASKS = """<section><h2>Tasks</h2><form data-add="#tasks"><label>Task <input name="task" required></label>
<button>Add task</button></form><label>Find <input type="search" data-search="#tasks"></label><ul id="tasks"></ul>
</section>"""


@pytest.mark.parametrize("then", ["Delete", "Find"])
def test_what_was_said_of_a_list_ends_when_the_list_changes(tmp_path, then):
    with used(tmp_path, TASKS) as hands:
        hands.type(control(hands, "Task"), "Peel onions")
        assert "Added: Peel onions" in " ".join(hands.click(control(hands, "Add task")).added)
        target = control(hands, then)
        effect = hands.click(target) if then == "Delete" else hands.type(target, "carrots")
    assert "Added: Peel onions" in " ".join(effect.removed)
    assert ("Deleted." if then == "Delete" else "Nothing found.") in " ".join(effect.added)


LOST = """<section><h2>Tasks</h2><form data-add="#nowhere"><label>Task <input name="task" required></label>
<button>Add task</button></form></section>"""


def test_a_form_whose_list_is_not_there_gets_one_and_tasks_a_box(site, tmp_path):
    with used(tmp_path, LOST) as hands:
        hands.type(control(hands, "Task"), "Peel onions")
        hands.click(control(hands, "Add task"))
        hands.reload()
        assert "Peel onions" in hands.view().text
    files = complete({"index.html": PAGE.format(LOST).encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    facts = site.look(files, "A kitchen.").observation.exploration.facts
    assert {fact.kind for fact in facts if fact.holds} >= {"add-item", "persists", "complete-item", "delete-item"}
    assert [fact for fact in facts if not fact.holds] == []


POSTS = """<section><h2>Posts</h2><form data-add="#posts"><label>Title <input name="title" required></label>
<button>Add post</button></form><div class="cards" id="posts" data-comments="Reply"><article class="card">
<h3>Exam week</h3><p>Who has notes?</p></article></div></section>"""


def test_a_reply_stands_below_its_own_post_also_one_that_was_added(tmp_path):
    with used(tmp_path, POSTS) as hands:
        hands.type(control(hands, "Title"), "Lost keys")
        hands.click(control(hands, "Add post"))
        hands.type(control(hands, "Your reply"), "Ask the porter")  # the new post comes first
        assert "Ask the porter" in " ".join(hands.click(control(hands, "Post reply")).added)
        hands.reload()
        told = hands.view().text
    assert told.index("Lost keys") < told.index("Ask the porter") < told.index("Exam week")


def test_a_form_below_comments_has_its_entries_again(tmp_path):
    below = "<section><form><label>Note <input required></label><button>Add note</button></form></section>"
    with used(tmp_path, _recipes()["comment"] + below) as hands:
        hands.type(control(hands, "Note"), "Buy plums")
        hands.click(control(hands, "Add note"))
        hands.reload()
        assert "Buy plums" in hands.view().text


def test_a_cart_keeps_what_was_chosen_with_a_card(tmp_path):
    sizes = "<label>Size <select><option>Small</option><option>Large</option></select></label>"
    card = f'<article class="card"><h3>Shirt</h3><p>$12.00</p>{sizes}<button data-put="#cart">Add to cart</button>'
    with used(tmp_path, f'<section><h2>Shop</h2>{card}</article><ul id="cart"></ul></section>') as hands:
        hands.choose(control(hands, "Size"), "Large")
        told = " ".join(hands.click(control(hands, "Add to cart")).added)
    assert "Shirt (Size: Large)" in told


FAKE = """<section><h2>Prices</h2><div class="cards" id="prices"><article class="card"><h3>Soup price</h3><p>$4</p>
</article></div></section><section><h2>Price report</h2>
<form onsubmit="event.preventDefault(); alert('Thank you for generating your report!')"><label>Dish
<input required></label><button>Generate report</button></form></section>"""


def test_a_report_that_was_only_announced_is_mended_without_a_model(site):
    files = complete({"index.html": PAGE.format(FAKE).encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    (fake,) = findings_of(site.look(files, "A kitchen.").observation.exploration)
    patch = markup_patch(files["index.html"].decode(), [fake])
    (change,) = patch.ready.changes
    mended = complete({**files, "index.html": change.content.encode()}, "A kitchen.").files
    seen = site.look(mended, "A kitchen.").observation.exploration
    assert "#prices" in change.content
    assert findings_of(seen) == ()
    assert ("submit-kept", True) in {(fact.kind, fact.holds) for fact in seen.facts}


def test_what_opens_a_section_in_sight_leads_there(site):
    body = '<article class="card"><h3>Costs</h3><button data-open="#kinds">Generate report</button></article>'
    page = PAGE.format(body + _recipes()["filter"])
    files = complete({"index.html": page.encode(), "style.css": STYLE.encode()}, "A kitchen.").files
    facts = site.look(files, "A kitchen.").observation.exploration.facts
    assert [fact.holds for fact in facts if fact.place.startswith('button "Generate report"')] == [True]


@pytest.mark.parametrize("attribute", ["data-report", "data-chart"])
def test_a_report_on_a_table_draws_its_numbers(tmp_path, attribute):
    table = _recipes()["report"].replace(" data-chart", "").replace("data-report", attribute)
    with used(tmp_path, table) as hands:
        told = " ".join(hands.click(control(hands, "Generate report")).added)
    assert "Number of repairs: total 5,150" in told
    assert "1,850" in told.replace("3,050", "")


TRENDS = """<section><h2>Trends</h2><table id="trends" data-chart><thead><tr><th>Year</th><th>Trend</th></tr></thead>
<tbody><tr><td>2023</td><td>Rising</td></tr><tr><td>2024</td><td>Falling</td></tr></tbody></table>
<button data-report="#trends">Generate report</button></section>"""


def test_years_are_no_figures(tmp_path):
    with used(tmp_path, TRENDS) as hands:
        assert hands.browser.evaluate("return document.querySelectorAll('figure').length") == 0
        told = " ".join(hands.click(control(hands, "Generate report")).added)
    assert "2023: Rising" in told
    assert "total" not in told


def test_a_name_with_a_number_in_it_is_no_figure(tmp_path):
    with used(tmp_path, TRENDS.replace("Rising", "Policy 1: Water").replace("Falling", "Policy 2: Air")) as hands:
        assert hands.browser.evaluate("return document.querySelectorAll('figure').length") == 0


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
