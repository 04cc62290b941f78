from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from builders import audit, step
from rooms import ScriptedWorkshop, fenced, page, request

from appliance.decide import FIXED
from appliance.findings import BARE, bare_lists
from appliance.list_facts import facts_of
from appliance.mend import mend_messages, read_patch
from appliance.profiles import load_profiles
from appliance.steps import Finding, Heading, Observation
from appliance.store import Store
from appliance.strategy import Mend, Stop, next_move
from appliance.worker import execute

MENU = """<main><section id="menu"><h2>Our menu</h2><div class="cards">
<article class="card"><h3>Rye &amp; honey</h3><p>Dark, with a crust.</p><button data-details>View</button></article>
<article class="card"><h3>Plum cake</h3><p>Sweet, from a tray.</p><p hidden>Butter and oats.</p></article>
<article class="card"><h3>Pretzel</h3><p>$1.20 each.</p></article></div></section>
<section><h2>Opening hours</h2><h3>Weekdays</h3><p>All day.</p></section></main>"""
BAKERY = "A bakery with a menu."
LIST = Finding(BARE, "Our menu", "2 entries tell no figure, no price, date or number: Rye & honey, Plum cake", "minor")


def asked(markup=MENU):
    return mend_messages({"index.html": markup.encode()}, [LIST], BAKERY)


def answered(reply, markup=MENU):
    patch = asked(markup)
    artifact = read_patch(patch, patch.start + reply, cut=False)
    return artifact.changes[0].content if artifact.changes else "", artifact.problems


def test_only_the_bare_entries_of_the_list_are_asked_for_with_the_labels_that_fit():
    patch = asked()
    said = patch.messages[-1].content
    assert "“Our menu”, facts Price and Size" in said
    assert "1. Rye & honey: Dark, with a crust.\n2. Plum cake: Sweet, from a tray." in said
    assert "Pretzel" not in said
    assert "Weekdays" not in said
    assert patch.start == "1. Rye & honey →"


def test_facts_go_below_the_text_that_is_seen_and_nothing_else_changes():
    markup, problems = answered(" Price: $4; Size: 1 kg\n2. Plum cake → Price: $3 & up; Size: one slice")
    assert problems == ()
    assert "<p>Dark, with a crust.</p><p>Price: $4<br>Size: 1 kg</p><button" in markup
    assert "<p>Sweet, from a tray.</p><p>Price: $3 &amp; up<br>Size: one slice</p><p hidden>" in markup
    without = markup.replace("<p>Price: $4<br>Size: 1 kg</p>", "")
    assert without.replace("<p>Price: $3 &amp; up<br>Size: one slice</p>", "") == MENU


@pytest.mark.parametrize(
    "reply",
    [
        " Taste: dark; Crust: hard\n2. Plum cake → Taste: sweet",
        " Magnitude: 4.1; Sets at: 21:40\n2. Plum cake → Magnitude: 0.6",
        " Price: $4; Size: 1 kg\n2. Plum cake → Price: $4; Size: 1 kg",
        " about 4 dollars\n2. about 3 dollars",
    ],
    ids=["no figure", "the example's", "all the same", "no label"],
)
def test_what_is_no_fact_of_its_own_is_refused(reply):
    markup, problems = answered(reply)
    assert markup == ""
    assert problems == ("no facts came for entry 1", "no facts came for entry 2")


def test_what_is_said_of_several_and_holds_no_figure_is_left_out():
    markup, _ = answered(" Client: Brief; Price: $4\n2. Plum cake → Client: Brief; Price: $3")
    assert "<p>Price: $4</p>" in markup
    assert "<p>Price: $3</p>" in markup
    assert "Client" not in markup


def test_a_value_that_calls_itself_an_example_is_the_value():
    markup, _ = answered(" Phone: (Example: 555-0142); Since: 2019\n2. Plum cake → Price: $3")
    assert "<p>Phone: 555-0142<br>Since: 2019</p>" in markup


def test_entries_that_a_script_makes_are_refused_without_asking():
    patch = asked("<main><h2>Our menu</h2><div id=list></div><script>/* Plum cake */</script></main>")
    assert (patch.messages, patch.ready.problems) == ((), ("the entries do not stand in the page's source",))


def test_what_a_heading_names_first_decides_and_what_is_about_the_site_has_no_facts():
    assert facts_of("Upcoming events of our menu") == ("Date", "Price")
    assert facts_of("Our barbers") == ("Phone", "Experience")
    assert facts_of("Why our customers stay") == facts_of("Our values") == ()


def heading(text, level=3, *, bare=True):
    return Heading(level, text, 40, 2, 0, bare=bare)


def drafted(*headings):
    seen = Observation("done", audit=replace(audit(), outline=headings))
    return replace(step(1, 4.0, kind="draft"), observation=seen)


def test_a_list_is_two_bare_entries_below_a_heading_that_has_facts():
    outline = (
        heading("Bakery", 1, bare=False),
        *(heading("Our menu", 2, bare=False), heading("Rye"), heading("Plum cake"), heading("Pretzel", bare=False)),
        *(heading("Our values", 2, bare=False), heading("Honest"), heading("Slow")),
        *(heading("Events", 2, bare=False), heading("Harvest")),
        *(heading("Orders", 2, bare=False), heading("Submit an order"), heading("Track orders")),
    )
    (found,) = bare_lists(drafted(*outline).observation.audit)
    assert (found.place, found.evidence.split(": ")[1]) == ("Our menu", "Rye, Plum cake")
    small = load_profiles()["small"]
    assert next_move([drafted(*outline)], 1, small, 1, FIXED) == Mend((found,))
    tried = [step(n, parent=1, kind="repair", verdict="rejected", finding_key=f"{BARE} Our menu") for n in (2, 3)]
    assert next_move([drafted(*outline), *tried], 1, small, 1, FIXED) == Stop("nothing left to mend")


@pytest.mark.browser
def test_facts_are_kept_though_no_grade_rises_and_are_not_asked_for_again(store: Store):
    text = "Baked with flour, salt, honey and all the time it takes."
    cards = "".join(f"<article class=card><h3>{name}</h3><p>{text}</p></article>" for name in ("Rye", "Plum cake"))
    filled = "".join(f"<section><h2>{name}</h2><p>{text * 3}</p></section>" for name in ("The house", "Flour", "Ovens"))
    site = page(f"<header><h1>Bakery</h1></header><main><h2>Our menu</h2><div class=cards>{cards}</div>{filled}</main>")
    workshop = ScriptedWorkshop([fenced(site), " Price: $4; Size: 1 kg\n2. Plum cake → Price: $3; Size: one slice"])
    run = store.add_run(request("small", drafts=1, steps=4))
    execute(run, store, workshop, threading.Event(), lambda *_: None, on_stop="stopped")
    first, *repairs = store.steps(run.id)
    assert [heading.text for heading in first.observation.audit.outline if heading.bare] == ["Rye", "Plum cake"]
    facts = [repair for repair in repairs if repair.aim.startswith("repair (facts)")]
    assert [repair.verdict for repair in facts] == ["kept"]
    assert not any(heading.bare for heading in facts[0].observation.audit.outline)
    assert facts[0].scores.appearance.score >= first.scores.appearance.score
