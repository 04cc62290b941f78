from __future__ import annotations

import re

import pytest

from appliance.changes import apply_changes
from appliance.mend_markup import feature_patch, markup_patch, read_markup, used_patch
from appliance.recipes import opening, recipe, whole_words
from appliance.steps import ChecklistItem, Finding

PAGE = """<!doctype html><html><body>
<header><nav><ul><li><a href="#home">Home</a></li></ul></nav></header>
<main><section class="hero"><h2>Fresh bread</h2><button>Learn More</button></section>
<section id="order"><h2>Order</h2>
<form class="f" id="order-form"><input id="name"><button>Send</button></form></section>
<div class="cards"><button class="b">Buy</button><button class="b">Buy</button></div></main>
</body></html>"""
SEARCH = ChecklistItem("Search for recipes.", "Only matches are shown.", "functional", "search", "recipes")


def finding(kind, place):
    return Finding(kind, place, "nothing happens")


def mended(patch, reply):
    artifact = read_markup(patch, reply, cut=False)
    assert not artifact.problems, artifact.problems
    files, refused = apply_changes({"index.html": patch.page.encode()}, artifact.changes)
    assert not refused
    return files["index.html"].decode()


def test_a_new_section_gets_free_ids_and_a_link_in_the_navigation():
    patch = feature_patch(PAGE, SEARCH, "A site with recipes.")
    assert "data-search" in patch.messages[1].content
    assert "- Fresh bread" in patch.messages[1].content
    page = mended(
        patch,
        '```html\n<section id="order"><h2>Search recipes</h2><input data-search="#name">'
        '<ul id="name"></ul></section>\n```',
    )
    assert '<section id="order-2"><h2>Search recipes' in page
    assert 'data-search="#name-2"' in page
    assert '<li><a href="#order-2">Search recipes</a></li></ul></nav>' in page
    assert page.index("order-2") < page.index("</main>")


def test_what_is_to_be_seen_is_asked_for_by_its_name_not_as_a_task():
    item = ChecklistItem("Look for the team on the page.", "It stands there.", "data-display", "shows-text", "team")
    asked = feature_patch(PAGE, item, "A site.").messages[1].content
    assert "It lacks this: a section about team" in asked
    assert "Look for" not in asked


def test_a_section_brings_no_script_of_its_own():
    patch = feature_patch(PAGE, SEARCH, "A site.")
    page = mended(patch, '```html\n<section id="s"><h2>S</h2></section><script>alert(1)</script>\n```')
    assert "alert" not in page


def test_a_section_that_copies_the_example_or_the_page_is_refused():
    patch = feature_patch(PAGE, SEARCH, "A site.")
    copy = read_markup(patch, '```html\n<section id="x"><h2>Find</h2><h3>Ridge runner</h3></section>\n```', cut=False)
    assert "copies the example (“Ridge runner”)" in copy.problems[0]
    cards = "<article><h3>{}</h3></article>"
    some = f'<section id="x"><h2>Find</h2>{cards.format("Ridge runner")}{cards.format("Red mug")}</section>'
    kept = mended(patch, f"```html\n{some}\n```")
    assert "Red mug" in kept
    assert "Ridge runner" not in kept
    again = read_markup(patch, '```html\n<section id="x"><h2>Order</h2></section>\n```', cut=False)
    assert "“order” already" in again.problems[0]
    of_bikes = feature_patch(PAGE, SEARCH, "A site about the ridge runner.")
    assert read_markup(
        of_bikes, "```html\n<section><h2>Find</h2><h3>Ridge runner</h3></section>\n```", cut=False
    ).changes


@pytest.mark.parametrize(("cell", "is_drawn"), [("Policy 2", False), ("$1,200", True), ("-4 %", True)])
def test_a_table_to_be_drawn_has_figures(cell, is_drawn):
    rows = "<tr><th>Policy</th><th>Cost</th></tr>" + f"<tr><td>Water 2030</td><td>{cell}</td></tr>" * 2
    section = f'<section id="s"><h2>Costs</h2><table id="t" data-chart>{rows}</table></section>'
    artifact = read_markup(feature_patch(PAGE, CHARTS, "Policies."), f"```html\n{section}\n```", cut=False)
    assert bool(artifact.changes) == is_drawn
    assert is_drawn or "two rows with a figure" in artifact.problems[0]


def test_a_form_gets_a_new_opening_tag_and_keeps_its_id():
    patch = markup_patch(PAGE, [finding("submit-lost", 'form#order-form (button "Send")')])
    assert patch.scope == "form"
    assert "Ids on the page: order" in patch.messages[1].content
    page = mended(patch, '```html\n<form data-answer="Thank you." onsubmit="x()" id="other">\n```')
    assert '<form id="order-form" data-answer="Thank you."><input id="name">' in page


def test_dead_controls_that_read_alike_are_mended_together_and_offered_no_single_dialog():
    patch = markup_patch(PAGE, [finding("dead-control", 'button "Buy" in div.cards')])
    assert "data-open" not in patch.messages[1].content
    page = mended(patch, '```html\n<button class="b" data-put="#cart">Buy</button>\n```')
    assert page.count('data-put="#cart"') == 2
    one = markup_patch(PAGE, [finding("dead-control", 'button "Learn More" in section.hero')])
    assert "data-open" in one.messages[1].content


@pytest.mark.parametrize(
    ("markup", "place", "way"),
    [
        ("<button>View Project</button>", 'button "View Project" in article', "<button data-details>View Project<"),
        (
            '<a href="#" class="x">Learn more</a>',
            'link "Learn more" in div.card',
            '<a data-details href="#" class="x">',
        ),
        ("<button>Follow</button>", 'button "Follow" in li', '<button data-mark="Following">Follow<'),
        ("<button>Join now</button>", 'button "Join now" in div.card.wide', '<button data-mark="Joined">Join now<'),
        ('<button data-open="#no">See all</button>', 'button "See all" in tr', "<button data-details>See all<"),
        (
            "<button>Generate Report</button><section id='ask'><form data-report='#f'></form></section>",
            'button "Generate Report" in article',
            '<button data-open="#ask">Generate Report<',
        ),
        (
            "<button>Book Service</button>",
            'button "Book Service" in div.card',
            '<button data-mark="Booked">Book Service<',
        ),
        (
            "<button>Register</button><section id='in'><h2>Register here</h2><form><input></form></section>",
            'button "Register" in article',
            '<button data-open="#in">Register<',
        ),
        ("<button>Schedule</button>", 'button "Schedule" in div.card', '<button data-mark="Scheduled">Schedule<'),
        ("<button>Add to Cart</button>", 'button "Add to Cart" in div.card', '<ul id="cart"></ul></section>\n</main>'),
        ("<button>Add to Cart</button>", 'button "Add to Cart" in div.card', '<button data-put="#cart">Add to Cart<'),
        ("<button>Buy</button><i data-put='#c'></i>", 'button "Buy" in article', '<button data-put="#c">Buy<'),
    ],
)
def test_what_a_button_in_a_card_can_only_mean_is_mended_without_a_model(markup, place, way):
    patch = markup_patch(f"<main><article>{markup}</article></main>", [finding("dead-control", place)])
    assert patch.messages == ()
    (change,) = patch.ready.changes
    assert way in change.content


def test_a_form_that_only_says_it_made_a_report_makes_one_without_a_model():
    form = '<form id="ask" class="f" onsubmit="go()" data-answer="Thanks"><label>Stock</label><button>Generate report'
    cards = '<section><div class="cards" id="{}"><article class="card"><h3>{}</h3></article></div></section>'
    page = f"{cards.format('team', 'Mara Lind')}{cards.format('stocks', 'Apple stock')}{form}</button></form>"
    fake = finding("fake-success", 'form#ask (button "Generate report")')
    patch = markup_patch(page, [fake])
    (change,) = patch.ready.changes
    assert (patch.messages, patch.scope) == ((), "form")
    assert '<form id="ask" class="f" data-report="#stocks"><label>' in change.content
    alone = markup_patch(f"{form}</button></form>", [fake])
    assert 'class="f" data-report="">' in alone.ready.changes[0].content
    said_more = markup_patch(
        page.replace("Generate report", "Send"), [finding("fake-success", 'form#ask (button "Send")')]
    )
    assert said_more.ready is None


def test_what_leads_to_a_new_section_is_cut_at_a_word():
    item = ChecklistItem("Generate customized stock reports.", "It appears.", "functional", "add", "reports")
    patch = feature_patch("<nav><a href='#a'>A</a></nav>", item, "Stocks.")
    section = '<section id="r"><h2>Generate customized stock reports</h2><ul id="l"><li>One</li></ul></section>'
    page = mended(patch, f"```html\n{section}\n```")
    assert '<a href="#r">Generate customized stock</a>' in page
    assert whole_words("Basic stock information: more", 28) == "Basic stock information"
    assert whole_words("Get in touch with the designer through contact", 40) == "Get in touch with the designer"


@pytest.mark.parametrize(
    ("label", "where"),
    [("Learn More", "section.hero"), ("Learn More", "div#x"), ("Start", "article"), ("Buy", "article"), ("Join", "")],
)
def test_a_button_that_may_mean_several_things_is_the_models(label, where):
    place = f'button "{label}" in {where}' if where else f'button "{label}"'
    patch = markup_patch(f"<main><div><button>{label}</button></div></main>", [finding("dead-control", place)])
    assert patch.ready is None
    assert patch.messages


def test_a_navigation_may_only_lead_to_places_that_are_there():
    patch = markup_patch(PAGE, [finding("dead-link", 'link "Home" in nav')])
    assert "- #order: Order" in patch.messages[1].content
    assert "- #fresh-bread: Fresh bread" in patch.messages[1].content, "a section without an id gets one"
    page = mended(patch, '```html\n<nav><a href="#fresh-bread">Home</a></nav>\n```')
    assert '<section class="hero" id="fresh-bread">' in page
    assert '<a href="#fresh-bread">Home</a>' in page


@pytest.mark.parametrize("place", ['button "Not there" in div', "button without words"])
def test_what_does_not_stand_in_the_source_is_left_to_other_repairs(place):
    assert markup_patch(PAGE, [finding("dead-control", place)]) is None
    assert markup_patch(PAGE, [finding("contrast", place)]) is None


def test_an_answer_without_a_piece_or_cut_off_changes_nothing():
    patch = markup_patch(PAGE, [finding("dead-link", "nav")])
    assert read_markup(patch, "I cannot do that.", cut=False).problems
    assert read_markup(patch, "```html\n<p>no nav</p>\n```", cut=False).problems == ("the piece came back unchanged",)
    assert read_markup(patch, "```html\n<nav>", cut=True).truncated


@pytest.mark.parametrize(
    ("task", "proof", "attribute"),
    [
        ("Log in to the account", "submit", "data-login"),
        ("Cast votes for options", "none", "data-vote"),
        ("Add a product to the cart", "add", "data-put"),
        ("Generate a sales report", "none", "data-report"),
        ("Mark a task as completed", "complete", "data-check"),
        ("Filter by category", "filter", "data-filter"),
        ("Add a review", "add", "data-add"),
        ("Post a comment on a poem", "submit", 'data-comments="Comment"'),
        ("Reply to a post without a name", "submit", 'data-comments="Reply"'),
        ("Send a message", "submit", "data-answer"),
        ("Look for the company history", "shows-text", "<h2>"),
    ],
)
def test_the_recipe_fits_the_task(task, proof, attribute):
    assert attribute in recipe(ChecklistItem(task, "", "functional", proof))


def test_a_section_begins_with_its_heading_and_the_attribute_that_does_the_work():
    patch = feature_patch(PAGE, SEARCH, "A site with recipes.")
    assert patch.start.startswith('```html\n<section id="search-for-recipes"><h2>Search for recipes</h2>')
    assert 'data-search="#search-for-recipes-found"' in patch.start
    page = mended(patch, f"{patch.start}Rye</h3><p>Dark and sour.</p></article></div></section>\n```")
    assert page.count('id="search-for-recipes-found"') == 1


def test_where_a_heading_is_taken_the_section_gets_another():
    order = ChecklistItem("Order.", "It is confirmed.", "functional", "submit", "")
    start = feature_patch(PAGE, order, "A bakery.").start
    assert start.startswith('```html\n<section id="order-form"><h2>Order: form</h2>')


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ("Look for our team on the page.", "Our team"),
        ("Try adding new tasks.", "Adding new tasks"),
        (
            "Verify the stock search functionality by entering a valid stock code.",
            "Stock search functionality by entering a",
        ),
        ("Generate customized stock reports based on user requirements.", "Generate customized stock reports"),
    ],
)
def test_a_heading_is_the_task_without_what_makes_it_a_test(task, title):
    kept = opening(ChecklistItem(task, "", "functional"), set())
    assert f"<h2>{title.removesuffix(' a')}</h2>" in kept


def test_a_list_that_nobody_made_is_put_where_its_form_is_and_handlers_of_missing_functions_go():
    patch = feature_patch(PAGE, SEARCH, "A bakery.")
    reply = '```html\n<section id="a"><h2>Add</h2><form data-add="#a-list" onsubmit="go()"></form></section>\n```'
    page = mended(patch, reply)
    assert '<form data-add="#a-list"></form><ul id="a-list"></ul>\n</section>' in page


def test_an_id_that_a_section_gives_to_several_elements_stays_with_the_first():
    patch = feature_patch(PAGE, SEARCH, "A bakery.")
    reply = '```html\n<section id="a"><h2>Prices</h2><p id="price">1</p><p id="price">2</p></section>\n```'
    assert '<p id="price">1</p><p>2</p>' in mended(patch, reply)


@pytest.mark.parametrize("task", ["Buy bread and see the cart.", "Log in."])
def test_words_that_any_site_needs_are_no_copy(task):
    patch = feature_patch(PAGE, ChecklistItem(task, "It is there.", "functional"), "A bakery.")
    reply = '```html\n<section id="s"><h2>Bread</h2><h3>Your cart</h3><h3>Your account</h3></section>\n```'
    assert read_markup(patch, reply, cut=False).changes


LISTED = PAGE.replace(
    "</main>",
    "<section><h2>Books</h2><label>Genre</label><select><option>All</option></select>"
    '<ul class="x"><li>One</li></ul></section></main>',
)


def test_a_choice_that_does_nothing_gets_an_attribute_that_names_a_list():
    patch = markup_patch(LISTED, [finding("filter-fails", 'select "Genre"')])
    assert patch.scope == "control"
    assert "<nav><ul><li>" in patch.page
    assert '<ul class="x" id="list-2">' in patch.page
    assert "- #list-2" in patch.messages[1].content
    page = mended(patch, '```html\n<select data-filter="#list-2"><option>All</option></select>\n```')
    assert '<select data-filter="#list-2"><option>All</option></select><ul class="x" id="list-2">' in page


def test_of_two_forms_with_one_id_the_one_that_was_meant_is_mended():
    twice = PAGE.replace(
        "</main>", '<form class="f" id="order-form"><input id="mail"><button>Join</button></form></main>'
    )
    patch = markup_patch(twice, [finding("submit-lost", 'form#order-form button "Join"')])
    page = mended(patch, '```html\n<form data-answer="Thank you.">\n```')
    first, second = page.split("<form ")[1:]
    assert "data-answer" not in first
    assert second.startswith('id="order-form" data-answer="Thank you.">')
    assert "Join" in second


def test_a_sections_own_choices_are_wired():
    item = ChecklistItem("Filter the books.", "Only those are shown.", "functional", "filter", "books")
    patch = feature_patch(PAGE, item, "A site with books.")
    page = mended(
        patch,
        '```html\n<section id="books"><h2>Filter books</h2>'
        '<label>Genre</label><select id="g"><option>All</option></select>'
        '<label>Sort by</label><select id="s"><option>Name</option></select><form><select id="in-form"></select></form>'
        '<ul id="book-list"><li>One</li></ul></section>\n```',
    )
    assert '<select data-filter="#book-list" id="g">' in page
    assert '<select data-sort="#book-list" id="s">' in page
    assert '<select id="in-form">' in page


def test_a_list_that_an_attribute_names_is_the_sections_own_list():
    patch = feature_patch(PAGE, SEARCH, "A site with recipes.")
    page = mended(
        patch,
        '```html\n<section id="r"><h2>Search recipes</h2><input data-search="#all-recipes">'
        '<ul id="other" class="c"><li>Soup</li></ul></section>\n```',
    )
    assert '<ul class="c" id="all-recipes">' in page


def test_fields_that_stand_in_no_form_are_mended_at_their_button():
    loose = '<!doctype html><html><body><main><input id="q"><button>Ask</button></main></body></html>'
    patch = markup_patch(loose, [finding("submit-lost", 'button "Ask"')])
    assert patch.scope == "control"
    page = mended(patch, '```html\n<button data-answer="Thank you.">Ask</button>\n```')
    assert '<input id="q"><button data-answer="Thank you.">Ask</button>' in page


@pytest.mark.parametrize(("place", "scope"), [('a "Home" in nav', "nav"), ('a "Read on" in div.card', "control")])
def test_a_link_that_leads_nowhere_is_mended_where_it_stands(place, scope):
    page = PAGE.replace("</main>", '<a href="#nowhere">Read on</a></main>')
    assert markup_patch(page, [finding("dead-anchor", place)]).scope == scope


def test_a_form_without_a_choice_is_no_vote():
    patch = markup_patch(PAGE, [finding("submit-lost", 'form#order-form button "Send"')])
    page = mended(patch, '```html\n<form data-vote="#results">\n```')
    assert 'data-answer="Thank you, we have received it."' in page
    assert "data-vote" not in page
    agreed = PAGE.replace('<input id="name">', '<label><input type="checkbox"> I agree</label>')
    patch = markup_patch(agreed, [finding("submit-lost", 'form#order-form button "Send"')])
    assert "data-vote" not in mended(patch, "```html\n<form data-vote>\n```")
    poll = PAGE.replace('<input id="name">', '<label><input type="radio" name="dish"> Soup</label>')
    patch = markup_patch(poll, [finding("submit-lost", 'form#order-form button "Send"')])
    assert "data-vote" in mended(patch, '```html\n<form data-vote="#results">\n```')


EMPTY = PAGE.replace("</main>", '<section id="charts"><h2>Charts</h2> <!-- Charts come here --> </section></main>')
CHART = f"<th>Month</th></tr></thead>{'<tr><td>May</td><td>12</td></tr>' * 2}</table></section>\n```"
CHARTS = ChecklistItem("Look for charts on the page.", "They stand there.", "data-display", "shows-text", "charts")


def test_a_section_that_was_only_announced_is_written():
    patch = feature_patch(EMPTY, CHARTS, "A site with charts.")
    assert patch.start.startswith('```html\n<section id="charts"><h2>Charts</h2>')
    page = mended(patch, patch.start + CHART)
    assert page.count("<h2>Charts</h2>") == 1
    assert "Charts come here" not in page
    assert "<th>Month</th>" in page


def test_a_full_section_of_that_name_stays_and_the_new_one_has_its_own():
    full = EMPTY.replace("<!-- Charts come here -->", "<p>Sales rose by ten per cent in the spring of last year.</p>")
    patch = feature_patch(full, CHARTS, "A site with charts.")
    assert patch.page == full
    assert "<h2>Charts: figures</h2>" in patch.start


def test_a_link_that_leads_there_already_is_not_made_twice():
    linked = EMPTY.replace("</ul></nav>", '<li><a href="#charts">Charts</a></li></ul></nav>')
    patch = feature_patch(linked, CHARTS, "A site with charts.")
    assert mended(patch, patch.start + CHART).count('href="#charts"') == 1


@pytest.mark.parametrize("filled", ['<div id="chart-box"></div>', "<canvas></canvas>", "<textarea></textarea>"])
def test_what_a_script_may_fill_is_not_empty(filled):
    page = EMPTY.replace("<!-- Charts come here -->", filled)
    assert feature_patch(page, CHARTS, "A site with charts.").page == page


def test_links_to_the_section_that_gave_way_lead_to_the_new_one():
    page = EMPTY.replace('id="charts"', 'id="chart-area"').replace(
        "</ul></nav>", '<li><a href="#chart-area">Charts</a></li></ul></nav>'
    )
    patch = feature_patch(page, CHARTS, "A site with charts.")
    assert 'href="#charts"' in patch.page
    assert "chart-area" not in patch.page


@pytest.mark.parametrize(
    ("button", "reply", "wanted"),
    [
        ("Generate report", '<form data-report-output="#out">', 'data-report="#out"'),
        ("Generate report", "<form class='x'>", 'data-report=""'),
        ("Send", '<form data-submit="yes">', 'data-answer="Thank you, we have received it."'),
        ("Send", '<form data-login="#area">', 'data-answer="Thank you, we have received it."'),
    ],
)
def test_an_attribute_that_nobody_knows_becomes_the_one_that_is_meant(button, reply, wanted):
    form = f'<form id="f"><label>Name <input name="n"></label><button>{button}</button></form>'
    finding = Finding("submit-lost", f'form#f (button "{button}")', "it is gone", "serious")
    page = mended(markup_patch(f"<main>{form}</main>", [finding]), f"```html\n{reply}\n```")
    assert wanted in page
    assert 'id="f"' in page


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ('<dialog id="more"><h3>Prices</h3><p>From 3 euros.</p></dialog>', "without its words “Buy”"),
        (
            '<button data-open="#m">Buy</button><dialog id="m"><h3>Title</h3><p>Two sentences.</p></dialog>',
            "words of the example",
        ),
    ],
)
def test_a_control_that_came_back_as_something_else_is_refused(reply, why):
    patch = markup_patch(
        PAGE.replace('<button class="b">Buy</button>', "", 1), [finding("dead-control", 'button "Buy" in div.cards')]
    )
    artifact = read_markup(patch, f"```html\n{reply}\n```", cut=False)
    assert artifact.changes == ()
    assert why in artifact.problems[0]


def test_a_form_whose_button_throws_loses_the_handler_and_makes_its_report_without_a_model():
    form = '<form id="ask"><input id="code"><button onclick="event.preventDefault(); go()">Generate Report</button>'
    page = f"<main><button onclick='menu()'>Menu</button>{form}</form></main><script>go = 1</script>"
    used = 'Uncaught TypeError: no x (when form#ask (button "Generate Report") is used)'
    patch = used_patch(page, Finding("exception", "index.html:1:9", used, "error"))
    (change,) = patch.ready.changes
    assert '<form id="ask" data-report=""><input id="code"><button>Generate Report</button>' in change.content
    assert "<button onclick='menu()'>" in change.content


def test_a_filter_by_kinds_that_no_entry_has_gets_those_of_the_entries_without_a_model():
    cards = "".join(f'<article class="card" data-category="{kind}"></article>' for kind in ("Ash", "Fir", "Ash"))
    select = '<label>Filter <select data-filter="#trees"><option>All</option><option>Recent</option></select></label>'
    page = f'<main><section>{select}<div class="cards" id="trees">{cards}</div></section></main>'
    patch = markup_patch(page, [finding("filter-fails", 'select "Filter" in section')])
    (change,) = patch.ready.changes
    assert (
        patch.messages,
        "<option>All</option><option>Ash</option><option>Fir</option></select>" in change.content,
    ) == ((), True)
    assert markup_patch(page.replace("Fir", "Ash"), [finding("filter-fails", 'select "Filter" in section')]).messages


def test_a_section_that_is_left_open_is_closed():
    patch = feature_patch(PAGE, SEARCH, "A bakery.")
    left_open = '<section id="find"><h2>Find bread</h2><p>Rye and spelt.</p>'
    for reply in (left_open, f"{left_open}</section>"):
        *_, added = read_markup(patch, f"```html\n{reply}\n```", cut=False).changes
        assert added.content.count("</section>") == 1


GAMES = """<main><section id="home"><h1>Chess</h1><button>Create game</button><a href="/join" class="b">Join a game</a>
<button>Polish pieces</button><a href="#joining">Join in</a><a href="#top">Up</a></section>
<section id="try-creating"><h2>Creating new games</h2><form data-add="#games"><input><button>Create game now</button>
</form></section><section id="joined"><h2>Joining existing games</h2><form><input></form></section></main>"""


@pytest.mark.parametrize(
    ("kind", "place", "mended_to"),
    [
        (
            "dead-control",
            'button "Create game" in section#home',
            '<button data-open="#try-creating">Create game</button>',
        ),
        ("dead-link", 'link "Join a game" in section#home', '<a class="b" href="#joined">Join a game</a>'),
        ("dead-anchor", "section#home > a", '<a href="#joined">Join in</a><a href="#top">Up</a>'),
    ],
)
def test_what_names_a_section_leads_there_without_a_model(kind, place, mended_to):
    patch = markup_patch(GAMES, [finding(kind, place)])
    files, refused = apply_changes({"index.html": GAMES.encode()}, patch.ready.changes)
    assert not refused
    assert mended_to in files["index.html"].decode()


@pytest.mark.parametrize("words", ["Polish pieces", "Create game now"])
def test_what_names_no_section_or_belongs_to_a_form_is_left_to_the_model(words):
    patch = markup_patch(GAMES, [finding("dead-control", f'button "{words}" in section')])
    assert patch.ready is None
    assert patch.messages


FOODS = """<nav><ul id="menu"><li>Apple food</li><li>Foods</li></ul></nav>
<section><div class="cards"><div class="card"><h3>Apple</h3></div><div class="card"><h3>Rice</h3></div></div></section>
<section id="search"><form id="find" onsubmit="return look(event)"><label>Food <input></label>
<button onclick="look()">Search</button></form><div class="cards"><!-- results --></div></section>"""


def test_a_search_form_that_finds_nothing_brings_what_the_one_list_has():
    patch = markup_patch(FOODS, [finding("search-fails", 'field "Food" in form#find')])
    files, refused = apply_changes({"index.html": FOODS.encode()}, patch.ready.changes)
    assert not refused
    page = files["index.html"].decode()
    assert '<div class="cards" id="list-1"><div class="card"><h3>Apple' in page
    assert '<form id="find" data-find="#list-1"><label>Food <input></label>\n<button>Search</button>' in page


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ('<input id="q" placeholder="Search foods..." oninput="look()" />', '"Find" (placeholder "Search foods...")'),
        ('<label for="q">Find food</label> <input id="q">', '"Find food"'),
    ],
)
def test_a_search_field_without_a_form_shows_what_fits_of_the_one_list(field, place):
    alone = FOODS.partition('<section id="search">')[0] + f'<section id="search"><input name="mail">{field}</section>'
    patch = markup_patch(alone, [finding("search-fails", f"field {place} in section#search")])
    files, refused = apply_changes({"index.html": alone.encode()}, patch.ready.changes)
    assert not refused
    page = files["index.html"].decode()
    assert re.search(r'<input id="q"[^<>]* data-search="#list-1">', page)
    assert "oninput" not in page


def test_a_search_without_a_list_is_left_to_the_model():
    bare = FOODS.replace('<div class="card"><h3>Rice</h3></div>', "")
    assert markup_patch(bare, [finding("search-fails", 'field "Food" in form#find')]) is None
    assert markup_patch(FOODS, [finding("search-fails", 'field "Elsewhere" in div.card')]) is None


def test_a_report_can_be_had_for_all_days():
    item = ChecklistItem("Generate reports.", "A report appears.", "functional", "none", "")
    dates = '<input name="what" required><input type="date" required min="1"><input required type="month">'
    section = f'<section id="r"><h2>Reports</h2><form data-report="#f">{dates}</form><form>{dates}</form></section>'
    page = mended(feature_patch(PAGE, item, "Reports."), f"```html\n{section}\n```")
    free = '<input name="what" required><input type="date" min="1"><input required type="month">'
    assert f'<form data-report="#f">{free.replace(" required type", " type")}</form><form>{dates}</form>' in page


TABLES = """<section id="hero"><h1>Rye</h1><button>Book a table</button><button>Add to cart</button>
<a href="#" onclick="boom()">See events</a></section>
<section id="letter"><h2>Letter</h2><form><label>Tell me of events</label><input></form></section>
<section id="events"><h2>Events</h2><p>Harvest.</p></section>
<section id="booking"><h2>Table booking</h2><form><input><button>Book a table</button></form></section>
<section id="tasks"><h2>Work</h2><input><button>Add event</button></section>
<section id=cart><h2>Your cart</h2></section>"""


@pytest.mark.parametrize(
    ("place", "mended_to"),
    [
        # Not the form's own button, which reads alike and is to send it.
        ('button "Book a table" in section#hero', "<input><button>Book a table</button></form>"),
        ('link "See events" in section#hero', '<a href="#events">See events</a>'),  # headings before forms
    ],
)
def test_a_section_is_named_by_its_heading_first(place, mended_to):
    patch = markup_patch(TABLES, [finding("dead-control" if "button" in place else "dead-link", place)])
    assert mended_to in apply_changes({"index.html": TABLES.encode()}, patch.ready.changes)[0]["index.html"].decode()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("dead-control", "Add to cart"),  # it puts something there
        ("dead-control", "Add event"),  # it takes the field beside it
        ("filter-fails", "Book a table"),
    ],
)
def test_what_is_to_do_more_than_lead_is_left_to_the_model(kind, words):
    patch = markup_patch(TABLES, [finding(kind, f'button "{words}" in section#hero')])
    assert patch.ready is None


def test_an_anchor_without_quotes_is_an_anchor():
    page = '<a href="#menu">Menu</a><a href="#no">Menu</a><section id=menu></section><section id="menu-card"></section>'
    patch = markup_patch(page, [finding("dead-anchor", "a")])
    assert '<a href="#menu">Menu</a><a href="#menu-card">' in patch.ready.changes[0].content


LISTS = """<section><ul class="tags" id="tags"><li>Fresh</li></ul><div class="cards" id="foods">
<div class="card"><h3 class="card-title">Rye</h3></div><div class="card">Oat</div></div></section>
<form id="mail"><input placeholder="Mail"></form><form class="search"><input placeholder="Search foods"></form>"""


def test_the_form_that_is_meant_searches_the_list_that_has_entries():
    patch = markup_patch(LISTS, [finding("search-fails", 'field "Search foods" in form.search')])
    page = patch.ready.changes[0].content
    assert '<form class="search" data-find="#foods">' in page
    assert '<form id="mail">' in page
