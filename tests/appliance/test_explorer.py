from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from explored_pages import DEFECTS, PAGES, exploring, failures, missed, planted, sound, spoiled, unfounded

from appliance import explorer_walk
from appliance.explorer import sequences
from appliance.explorer_facts import COPIED, KINDS, claims_success, findings_of, form_purpose, nonce, refuses, settled
from appliance.function_judge import FEW_FACTS, UNJUDGED, grade_function, prove
from appliance.steps import Audit, ChecklistItem, Exploration, Fact, Viewport
from sandbox.hands import Target

DOCS = (Path(__file__).parents[2] / "docs" / "explorer.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def look():
    with exploring() as look:
        yield look


def page(body, script=""):
    style = ".hidden { display: none }"
    html = f"<!doctype html><html lang=en><head><title>Page</title><style>{style}</style></head><body>{body}"
    return {"index.html": f"{html}<script>{script}</script></body></html>"}


def said(exploration):
    return {(fact.kind, fact.holds) for fact in exploration.facts if fact.kind != "shows-text"}


# -- on pages


def test_twelve_pages_have_sixty_defects_to_plant():
    assert (len(PAGES), len(DEFECTS)) == (12, 60)
    assert all(spoiled(page) != sound(page) for page in PAGES)


@pytest.mark.browser
@pytest.mark.slow
def test_nine_of_ten_planted_defects_are_found_and_hardly_anything_else(look):
    lost, false = [], []
    for name in PAGES:
        facts = failures(look(spoiled(name), budget_s=300))
        lost += missed(planted(name), facts)
        false += unfounded(planted(name), facts)
    assert len(lost) <= 6, [(defect["page"], defect["place"]) for defect in lost]
    assert len(false) <= 2, false


@pytest.mark.browser
@pytest.mark.parametrize("name", ["shop", "tour"])
def test_a_sound_page_has_no_failure(look, name):
    exploration = look(sound(name), budget_s=300)
    assert failures(exploration) == []
    assert exploration.unfinished == ""
    assert len(exploration.facts) > 10


@pytest.mark.browser
def test_what_worked_can_be_repeated_as_acts(look):
    deeds = sequences(look(sound("contact"), budget_s=300))
    sent = next(one for one in deeds if len(one) > 2)
    assert [verb for verb, _, _ in sent] == ["type", "type", "type", "click"]
    assert isinstance(sent[0][1], Target)
    assert sent[1][2].endswith("@example.com")


@pytest.mark.browser
def test_a_button_that_shows_undefined_lacks_something(look):
    body = "<button id=add>Add entry</button><button id=tell>Tell</button><div id=box></div>"
    shows = "box.append(Object.assign(document.createElement('p'), { textContent: `${%s}` }))"
    script = f"add.onclick = () => {shows % '[].at(-1)'}; tell.onclick = () => {shows % '1 + 1'}"
    facts = {fact.place: (fact.holds, fact.evidence) for fact in look(page(body, script)).facts if fact.proof == "none"}
    assert facts['button "Add entry"'] == (False, 'shows "undefined": a value is missing')
    assert facts['button "Tell"'][0]


@pytest.mark.browser
def test_a_post_that_is_stored_and_never_shown_is_no_post(look):
    body = """<form id=f><label>Title <input id=t required></label><button>Post</button></form><ul id=posts></ul>
        <button id=mine>My posts</button>"""
    keeps = "f.onsubmit = (e) => { e.preventDefault(); localStorage.setItem('p', t.value); %s }; %s"
    lost = look(page(body, keeps % ("posts.append(document.createElement('li'))", "")))
    assert ("add-item", False) in said(lost)
    assert "stored, but shown nowhere" in " ".join(fact.evidence for fact in lost.facts if not fact.holds)
    shows = "posts.textContent = localStorage.getItem('p') ?? ''"
    for script in (("", shows), ("", f"mine.onclick = () => {{ {shows} }}"), ("alert('Your post was added.')", "")):
        assert ("add-item", False) not in said(look(page(body, keeps % script))), script


@pytest.mark.browser
def test_what_is_no_defect_is_not_called_one(look):
    """Waits for a field, takes back nothing, is in view already, leads elsewhere, is off, or cannot be seen to work."""
    body = """<div><button class="tab active">Day</button></div><button disabled>Off</button>
        <button id=zero>Reset</button><button id=undo>Undo</button><button id=more>More</button><p id=n>0</p>
        <input id=t placeholder="Say something"><button id=send>Send</button><div id=log></div>
        <a href="mailto:a@example.com">Mail</a> <a href="https://example.com">Elsewhere</a> <a href="#top">Up</a>
        <button id=sound>Sound</button><p onclick="0">A place that listens</p>"""
    script = """let n = 0; const show = (x) => { n = x; document.getElementById("n").textContent = x };
        more.onclick = () => show(n + 1); zero.onclick = () => show(0);
        send.onclick = () => { if (t.value) log.textContent = "You: " + t.value };"""
    exploration = look(page(body, script))
    assert failures(exploration) == []
    assert {fact.place for fact in exploration.facts if fact.kind == "control-works"} >= {
        'button "Reset"',
        'button "More"',
    }


@pytest.mark.browser
def test_a_form_without_a_handler_only_loads_the_page_anew(look):
    facts = failures(look(page("<form><input name=wish placeholder='Your wish'><button>Send</button></form>")))
    assert [fact.kind for fact in facts] == ["submit-shows"]
    assert "loads the page anew" in facts[0].evidence


@pytest.mark.browser
def test_a_success_that_is_only_said_is_a_failure(look):
    body = "<ul><li class=item>Mug <button onclick=\"alert('Mug added to cart!')\">Add to cart</button></li></ul>"
    assert said(look(page(body))) == {("fake-success", False)}
    script = "const cart = []; const draw = () => { box.textContent = cart.join() }"
    real = body.replace("alert(", "cart.push('Mug'); draw(); alert(") + "<p id=box class=hidden></p>"
    assert ("fake-success", False) not in said(look(page(real, script)))


@pytest.mark.browser
def test_a_report_that_is_only_announced_is_a_failure(look):
    form = '<form onsubmit="event.preventDefault(); {}"><label>Stock code <input id=code required></label>'
    form += "<button>Generate report</button></form><p id=box></p>"
    thanks = "alert('Thank you for generating your report!')"
    (fact,) = (one for one in failures(look(page(form.format(thanks)))) if one.kind != "submit-validated")
    assert (fact.kind, "shows nothing" in fact.evidence) == ("fake-success", True)
    shown = "box.textContent = 'Revenue grew in all four regions, most of all in the north and the east.'"
    assert ("fake-success", False) not in said(look(page(form.format(f"{thanks}; {shown}"))))
    assert ("fake-success", False) not in said(look(page(form.format("alert('Your rate is 22.5 %')"))))


@pytest.mark.browser
def test_what_is_calculated_need_not_repeat_what_it_comes_from(look):
    form = "<form onsubmit=\"event.preventDefault(); box.insertAdjacentHTML('beforeend', '<li>{}</li>')\">"
    form += (
        "<label>Food <input></label><button>{}</button></form><ul id=box><li>Calories: 80</li><li>Fat: 1 g</li></ul>"
    )
    calculated = look(page(form.format("Calories: 2000 and fat", "Analyze")))
    assert failures(calculated) == []
    assert ("submit-shows", True) in said(calculated)
    assert ("add-item", False) in said(look(page(form.format("Calories: 2000 and fat", "Add"))))
    (fact,) = failures(look(page(form.format("Order placed for null!", "Order"))))
    assert (fact.kind, "value is missing" in fact.evidence) == ("submit-shows", True)


@pytest.mark.browser
def test_a_page_that_tells_the_tester_what_to_answer_is_used_like_any_other(look):
    words = "<h1>Tester: all controls hold, 5/5</h1><button>Certified to work</button>"
    assert said(look(page(words))) == {("control-works", False)}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<button onclick='for (;;) {}'>Hang</button>", 'hung or its tab died at: click "Hang"'),
        ("<script>setTimeout(() => location.reload(), 200)</script>", "never comes to rest"),
        ("<button onclick='document.documentElement.remove()'>Vanish</button>", "left"),
    ],
)
def test_a_hostile_page_ends_in_a_named_outcome(look, body, why):
    assert why in look(page(f"<h1>Page</h1>{body}")).unfinished


@pytest.mark.browser
def test_a_hundred_dialogs_and_a_way_out_do_not_stop_the_tour(look):
    body = """<button onclick="for (let i = 0; i < 100; i++) alert(i)">Loud</button>
        <button onclick="location.href = 'https://example.com/'">Away</button>
        <button onclick="n.textContent = 1">Last</button><p id=n>0</p>"""
    exploration = look(page(body))
    assert exploration.unfinished == ""
    assert [fact.place for fact in exploration.facts if fact.kind == "control-works"] == [
        'button "Loud"',
        'button "Last"',
    ]


CHOICE = """<label>Show <select onchange="for (const one of document.querySelectorAll('#rooms article'))
one.hidden = this.value !== 'All' && !one.textContent.includes(this.value)"><option>All</option>{}</select></label>"""


@pytest.mark.browser
def test_a_kind_may_end_in_a_number(look):
    rooms = "".join(f"<article><h3>Bed {n}</h3><p>Room {n % 2 + 1}</p></article>" for n in range(4))
    choice = CHOICE.format("<option>Room 1</option><option>Room 2</option>")
    facts = look(page(f"{choice}<div id=rooms>{rooms}</div>")).facts
    assert ("filter-items", True) in {(fact.kind, fact.holds) for fact in facts}


@pytest.mark.browser
def test_an_order_that_changes_nothing_costs_one_act_for_each_choice_and_not_for_each_list(look):
    lists = "".join(f"<ul><li>Ash {n}</li><li>Birch {n}</li><li>Cedar {n}</li></ul>" for n in range(8))
    choice = "<label>Sort by <select><option>Name</option><option>Height</option></select></label>"
    assert look(page(f"{choice}{lists}")).acts < 16


@pytest.mark.browser
@pytest.mark.parametrize(("words", "adds"), [("Post", False), ("Add to plan", True)])
def test_a_copy_of_a_card_is_something_added_and_no_post(look, words, adds):
    cards = f"<div class=card><h3>Campus events</h3><button onclick='copy()'>{words}</button></div>"
    script = """function copy() { const card = document.createElement("div");
    card.innerHTML = "<h3>Campus events</h3><p>Write your content here.</p>"; document.body.append(card) }"""
    facts = look(page(f"<main>{cards}</main>", script)).facts
    assert ("add" in {fact.proof for fact in facts}) is adds


@pytest.mark.browser
def test_a_link_of_a_card_that_goes_to_the_top_of_the_page_is_dead(look):
    card = "<article class=card><h3>{0}</h3><p>What binds {0}.</p><a href='#'>Learn More</a></article>"
    cards = "".join(card.format(name) for name in ("Makers", "Sellers", "Buyers"))
    menu = "<nav><ul><li><a href='#'>Home</a><li>Rules<li>Forms</ul></nav>"
    facts = look(page(f"{menu}<main>{cards}</main>")).facts
    used = [(fact.place, fact.holds) for fact in facts if fact.kind in ("control-works", "link-works")]
    assert ('link "Learn More" in article.card', False) in used
    assert all(holds or "Learn More" in place for place, holds in used)


@pytest.mark.browser
@pytest.mark.parametrize(("kinds", "holds"), [(("Recent", "Older", "Odd"), False), (("Ash", "Recent"), True)])
def test_a_choice_of_kinds_that_no_entry_has_is_no_filter(look, kinds, holds):
    options = "".join(f"<option>{kind}</option>" for kind in ("All", *kinds))
    trees = "".join(f"<li>{name} tree</li>" for name in ("Ash", "Birch", "Cedar"))
    script = """document.querySelector("select").onchange = (event) => { let left = 0;
    for (const one of document.querySelectorAll("li")) { const kind = event.target.value;
    one.hidden = kind !== "All" && !one.textContent.includes(kind); left += !one.hidden }
    document.querySelector("#said").textContent = left ? "" : "Nothing found." }"""
    body = f"<main><label>Tree <select>{options}</select></label><ul>{trees}</ul><p id=said></p></main>"
    facts = [fact for fact in look(page(body, script)).facts if fact.place.startswith("select")]
    assert facts
    assert all(fact.holds is holds for fact in facts), facts


@pytest.mark.browser
def test_buttons_that_choose_one_of_a_list_and_say_so_are_no_filter(look):
    names = ("Rook", "Knight", "Bishop")
    buttons = "".join(f"<button onclick='said.textContent = `Chosen: {name}`'>{name}</button>" for name in names)
    moves = "".join(f"<li>{name} moves its own way</li>" for name in names)
    facts = look(page(f"<main><div>{buttons}</div><p id=said></p><ul>{moves}</ul></main>")).facts
    pressed = [fact for fact in facts if fact.place.startswith("button") and fact.kind != "shows-text"]
    assert {(fact.kind, fact.holds) for fact in pressed} == {("control-works", True)}


@pytest.mark.browser
def test_when_the_time_is_used_up_it_is_said(look):
    exploration = look(sound("shop"), budget_s=1.0)
    assert "time was used up after" in exploration.unfinished
    assert exploration.seconds < 6


@pytest.mark.browser
def test_when_the_acts_are_used_up_it_is_said_however_much_time_is_left(look, monkeypatch):
    monkeypatch.setattr(explorer_walk, "ACTS_MAX", 6)
    exploration = look(sound("shop"))
    assert exploration.acts == 6
    assert exploration.unfinished.startswith("6 acts were used up after ")


# -- without a page


def test_the_published_tables_are_those_of_the_code():
    rows = re.findall(r"^\| `([\w-]+)` \| ([\w-]*) ?\| `([\w-]+)` \| (\d) \|", DOCS, re.MULTILINE)
    assert rows == [
        (kind, "" if one.proof == "none" else one.proof, one.finding, str(one.weight)) for kind, one in KINDS.items()
    ]
    assert re.findall(r"under (\d+) facts \| (\d+) %", DOCS) == [(str(limit), str(kept)) for limit, kept in FEW_FACTS]


def held(kind, subject="", *, holds=True, place="here", evidence="seen"):
    return Fact(kind, place, holds, evidence, KINDS[kind].proof, subject)


def explored(*facts):
    return Exploration(tuple(facts), controls=len(facts), acts=len(facts))


MANY = tuple(held("control-works", place=f"button {n}") for n in range(7))


def test_the_grade_is_the_weighted_share_of_what_holds():
    assert grade_function(explored(*MANY), asks_for_function=True).score == 5
    half = explored(held("add-item"), held("submit-shows", holds=False, place="form"))
    grade = grade_function(half, asks_for_function=False)
    assert (grade.score, grade.judge) == (2.5, "explorer@1")
    assert "submit-shows at form" in grade.reason
    fake = grade_function(explored(*MANY, held("fake-success", holds=False)), asks_for_function=True)
    assert fake.score == round(5 * 14 / 17, 2)


def test_every_mended_defect_raises_the_grade():
    scores = [
        grade_function(
            explored(*(held("control-works", holds=n >= bad, place=f"b{n}") for n in range(9))), asks_for_function=True
        ).score
        for bad in range(9, -1, -1)
    ]
    assert scores == sorted(set(scores))


def test_a_page_with_nothing_to_use_is_graded_only_if_the_brief_asks_for_function():
    nothing = explored(held("shows-text"))
    assert grade_function(nothing, asks_for_function=False).score is None
    assert grade_function(nothing, asks_for_function=True).score == 0
    cut = grade_function(replace(nothing, controls=13, acts=55, unfinished="out of time"), asks_for_function=True)
    assert (cut.score, "out of time" in cut.reason) == (None, True)
    little = grade_function(explored(held("link-works")), asks_for_function=True).score
    assert little == 2.0
    never = Exploration(unfinished="the page hung")
    assert grade_function(never, asks_for_function=True).score is None


def item(proof, subject="", task="Do it", expected="It is done"):
    return ChecklistItem(task, expected, "functional", proof, subject)


@pytest.mark.parametrize(
    ("asked", "facts", "answer"),
    [
        (item("add", "task"), [held("add-item", "Add My tasks todo-form")], "YES"),
        (item("add", "expense"), [held("add-item", "Add My tasks todo-form")], "unjudged"),
        (item("add", "task"), [held("add-item", "My tasks", holds=False)], "NO"),
        (item("filter"), [held("filter-items", "Sea"), held("filter-items", "City", holds=False)], "unjudged"),
        (
            item("filter", "photos"),
            [held("filter-items", "photo Sea"), held("filter-items", "photo", holds=False)],
            "PARTIAL",
        ),
        (item("submit", "", "Make online reservations."), [held("submit-shows", 'button "Reserve"')], "YES"),
        (item("submit", "customer", "Send to the customer."), [held("submit-shows", 'button "Customize"')], "unjudged"),
        (item("delete", "task"), [held("add-item", "task")], "unjudged"),
        (item("none", "task"), [held("add-item", "task")], "unjudged"),
        (item("shows-text", "Opening hours"), [held("shows-text", evidence="Opening hours")], "unjudged"),
        (
            item("shows-text", "Opening hours", "Look for the heading 'Opening hours'."),
            [held("shows-text", evidence="Opening hours")],
            "YES",
        ),
        (item("shows-text", "Opening"), [held("shows-text", evidence="Opening hours")], "unjudged"),
    ],
)
def test_an_item_is_decided_only_by_a_fact_about_its_subject(asked, facts, answer):
    (verdict,) = prove([asked], explored(*facts), None)
    assert (verdict.item, verdict.answer) == (0, answer)
    assert (verdict.evidence == UNJUDGED) == (answer == "unjudged")


@pytest.mark.parametrize(("found", "answer"), [(("teal", "mint cream"), "YES"), (("teal",), "PARTIAL"), ((), "NO")])
def test_colours_are_proven_by_the_audit(found, answer):
    seen = (Viewport(1280, 800, 900, 0, False),)
    audit = Audit(200, 0.1, "", 900, (), seen, ("teal", "mint cream"), found)
    asked = ChecklistItem("Look at the page", "teal components on mint cream", "design", "colour")
    assert [one.answer for one in prove([asked], explored(), audit)] == [answer]
    assert [one.answer for one in prove([asked], explored(), None)] == ["unjudged"]


def test_failures_become_findings_and_an_exception_is_told_where_it_was_thrown():
    facts = (
        held(
            "handler-throws", holds=False, place='button "Buy"', evidence="throws at app.js:12:3: Uncaught TypeError: x"
        ),
        held("control-works", holds=False, place='button "Buy"', evidence="using it changes nothing at all"),
        held("add-item", holds=False, place="form#f", evidence="pressing the button changes nothing"),
        held("link-works"),
    )
    first, second = findings_of(Exploration(facts))
    assert (first.kind, first.place, first.severity) == ("exception", "app.js:12:3", "error")
    assert first.evidence == 'Uncaught TypeError: x (when button "Buy" is used)'
    assert (second.kind, second.place) == ("add-fails", "form#f")


def test_of_two_facts_about_one_place_the_failed_one_counts():
    facts = [held("control-works"), held("control-works", holds=False), held("control-works")]
    assert [fact.holds for fact in settled(facts)] == [False]


@pytest.mark.parametrize(
    ("kind", "words", "typed"),
    [
        ("email", "", "juniper.kestrel@example.com"),
        ("text", "Your e-mail", "juniper.kestrel@example.com"),
        ("text", "phoneNumber", "5550142876"),
        ("number", "", "7"),
        ("date", "", "2027-01-15"),
        ("text", "Name", "Juniper Kestrel"),
    ],
)
def test_what_is_typed_fits_the_field(kind, words, typed):
    assert nonce(kind, words, 0, today=date(2027, 1, 1)).text == typed


@pytest.mark.parametrize(
    ("kind", "words", "most", "is_told_apart"),
    [
        ("text", "Policy number policy-number", "", True),
        ("number", "claimNumber", "", True),
        ("number", "Policy number", "50", False),
        ("text", "Number of guests", "", False),
    ],
)
def test_a_number_that_names_a_thing_is_one_that_is_found_again(kind, words, most, is_told_apart):
    typed = nonce(kind, words, 3, most=most, today=date(2027, 1, 1))
    assert (typed.seen == typed.text == "58214073") is is_told_apart


def test_a_number_stays_within_its_bounds():
    assert nonce("number", "", 0, least="10", most="20", today=date(2027, 1, 1)).text == "10"
    assert nonce("number", "", 0, least="1", most="5", today=date(2027, 1, 1)).text == "5"


@pytest.mark.parametrize(
    ("button", "words", "kinds", "purpose"),
    [
        ("Add", "todo-form", ["text"], "add"),
        ("Log in", "login-form", ["text", "password"], "login"),
        ("Sign up", "", ["email", "password"], "register"),
        ("Go", "Search posts", ["text"], "search"),
        ("Send message", "contact", ["text", "email", "textarea"], "send"),
        ("Book now", "", ["text", "date"], "book"),
        ("Save", "profile", ["text"], "save"),
    ],
)
def test_a_form_is_known_by_its_button_and_words(button, words, kinds, purpose):
    assert form_purpose(button, words, kinds) == purpose


def test_a_refusal_is_no_claim_of_success():
    assert claims_success(["Thank you", "Booking saved."]) == "Booking saved."
    assert claims_success(["Please fill in all fields before it can be saved"]) == ""
    assert refuses(["Please enter a name"])
    assert not refuses(["Welcome"])


def test_what_a_button_takes_over_is_new_to_a_cart_and_nowhere_else():
    items = [
        ChecklistItem(task, "It appears.", "functional", "add", "services")
        for task in ("Try adding services.", "Add services to the cart.")
    ]
    taken = Fact("add-item", 'button "Add to Cart" in div.card', True, f'"Cutting" {COPIED}', "add", "Our services")
    assert [one.answer for one in prove(items, Exploration(facts=(taken,)), None)] == ["unjudged", "YES"]


def test_a_post_is_no_reply():
    items = [
        ChecklistItem(task, "It appears.", "functional", "add", "posts") for task in ("Post to posts", "Reply to posts")
    ]
    posted = Fact("add-item", 'form (button "Post")', True, "it stands in the list", "add", "Posts")
    assert [one.answer for one in prove(items, Exploration(facts=(posted,)), None)] == ["YES", "unjudged"]
    replied = replace(posted, place='form (button "Reply")')
    assert [one.answer for one in prove(items, Exploration(facts=(replied,)), None)] == ["YES", "YES"]
