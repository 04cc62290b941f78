"""Real input on real pages: what an act changed is told, whenever it comes, and nothing else is."""

import io
import time
from pathlib import Path

import pytest
from PIL import Image

from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.errors import BrowserCrashed
from sandbox.hands import Hands, HandsSettings, Target, key_named
from sandbox.local import LocalContainer
from sandbox.preview import Preview

pytestmark = pytest.mark.browser

PAGES = Path(__file__).parent / "handled"


@pytest.fixture(scope="module")
def site():
    with LocalContainer(ContainerSettings()) as container, Preview(container) as preview:
        container.replace({page.name: page.read_bytes() for page in PAGES.iterdir()})
        yield preview


@pytest.fixture(scope="module")
def hands(site):
    with Browser(BrowserSettings(), site.url) as browser, Hands(browser) as hands:
        yield hands


def named(hands, name):
    return next(mark.target for mark in hands.marks() if name in (mark.target.name, mark.tag, mark.target.selector))


def press(hands, name):
    return hands.click(named(hands, name))


def test_adding_an_item_is_told_with_its_text_its_store_and_the_emptied_field(hands):
    hands.open("/")
    typed = hands.type(named(hands, "Task"), "Buy milk")
    assert (typed.done, typed.changed, typed.added) == (True, False, ())
    effect = press(hands, "Add")
    assert "Buy milk" in effect.added
    assert effect.storage == ("local:tasks",)
    assert any("Task" in words and "Buy milk" in words for words in effect.attributes)
    assert effect.seconds < 1.0


def test_enter_submits_the_form(hands):
    hands.open("/")
    assert "Pay rent" in hands.type(named(hands, "Task"), "Pay rent", enter=True).added


@pytest.mark.parametrize("name", ["Dead", "Again"])
def test_a_button_that_changes_nothing_is_told_from_the_clock_beside_it(hands, name):
    hands.open("/")
    effect = press(hands, name)
    assert (effect.done, effect.changed, effect.added, effect.removed, effect.restless) == (True, False, (), (), True)


def test_a_message_that_goes_again_was_seen(hands):
    hands.open("/")
    assert "Saved for you" in press(hands, "Save").added


def test_controls_that_cannot_be_used_are_refused_in_words(hands):
    hands.open("/")
    assert press(hands, "Not now").why == "it is disabled"
    assert press(hands, "Under").why == "it is covered by div#veil"
    gone = hands.click(Target("button", "Nowhere", "#nowhere"))
    assert (gone.done, gone.why) == (False, "it is not on the page, or not visible")


def test_what_is_folded_away_is_no_control_and_a_drawn_box_is_one(hands):
    hands.open("/")
    names = [mark.target.name for mark in hands.marks()]
    assert "Hidden away" not in names
    assert "Folded text" not in hands.view().text
    assert {"Urgent", "Card"} <= set(names)
    assert any("ticked" in words for words in press(hands, "Urgent").attributes)
    assert any("chosen" in words for words in press(hands, "Card").attributes)


def test_a_control_is_found_again_by_the_row_it_stands_in(hands):
    hands.open("/")
    for text in ("Bread", "Butter"):
        hands.type(named(hands, "Task"), text, enter=True)
    butter = next(mark.target for mark in hands.marks() if "Butter" in mark.target.text)
    bread = next(mark.target for mark in hands.marks() if "Bread" in mark.target.text)
    assert "Bread" in hands.click(bread).removed
    assert hands.find(butter).target.text == butter.text
    assert "Butter" in hands.click(butter).removed


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda hands: hands.choose(named(hands, "select"), "Green"), "chose g"),
        (lambda hands: hands.set_value(named(hands, "#r"), "70"), "range 70"),
        (lambda hands: hands.type(named(hands, "#d"), "2027-03-05"), "date 2027-03-05"),
        (lambda hands: hands.type(named(hands, "Live"), "abc"), "keys abc"),
        (lambda hands: hands.set_file(named(hands, "#u"), "note.txt", b" inside"), "file note.txt inside"),
        (lambda hands: hands.press("Control+b"), "ctrl b"),
        (lambda hands: hands.type(named(hands, "Rich"), "new"), "new"),
    ],
)
def test_every_kind_of_field_hears_what_it_is_given(hands, act, text):
    hands.open("/fields.html")
    assert act(hands).done
    assert text in hands.view().text


def test_fields_refuse_what_they_do_not_take(hands):
    hands.open("/fields.html")
    assert hands.choose(named(hands, "select"), "Blue").why == 'it has no option "Blue"'
    assert hands.type(named(hands, "#u"), "x").why == "it takes no text"
    assert hands.set_value(named(hands, "#d"), "soon").why == 'it does not take "soon"'


def test_a_framework_that_guards_the_value_hears_the_typing(hands):
    hands.open("/fields.html")
    hands.type(named(hands, "Live"), "first")
    hands.type(named(hands, "Live"), "second")
    assert hands.view().title == "heard second"


def test_dialogs_are_answered_and_written_down(hands):
    hands.open("/leaves.html")
    effect = press(hands, "Ask")
    assert effect.dialogs == ("alert: a", "confirm: b", "prompt: c")
    assert effect.added == ("trueAppliance",)


def test_another_site_is_not_opened_and_the_page_stays(hands):
    hands.open("/leaves.html")
    effect = press(hands, "Out")
    assert (effect.done, effect.why) == (False, "it leads to https://example.com/x, outside the site")
    assert hands.view().title == "Leaves"


@pytest.mark.parametrize("name", ["Tab", "Window"])
def test_a_new_window_opens_in_the_same_tab_in_spite_of_a_question_on_leaving(hands, name):
    hands.open("/leaves.html")
    effect = press(hands, name)
    assert effect.url_after.endswith("/two.html")
    assert hands.back().url_after.endswith("/leaves.html")


def test_downloads_copies_and_jumps_are_effects(hands):
    hands.open("/leaves.html")
    assert press(hands, "Load").downloads == ("x.txt",)
    assert press(hands, "Copy").attributes == ("copied code",)
    jump = press(hands, "Down")
    assert jump.changed
    assert jump.url_after.endswith("#end")


def test_frames_and_shadow_roots_are_part_of_the_page(hands):
    hands.open("/rooms.html")
    assert "shadow pressed" in press(hands, "Shadow").added
    inner = named(hands, "Inner")
    assert inner.frame
    assert "inner pressed" in hands.click(inner).added


@pytest.mark.parametrize("name", ["timer", "chain", "animation", "frames", "interval"])
def test_late_changes_are_waited_for(hands, name):
    hands.open("/late.html")
    assert f"{name} came" in press(hands, name).added


def test_a_part_of_the_page_is_scrolled_where_the_page_cannot_be(hands):
    hands.open("/parts.html")
    assert hands.scroll("down").attributes == ("scrolled",)
    assert "low pressed" in press(hands, "Low").added
    assert [mark.target.name for mark in hands.marks()] == ["Mail", "Send", "Low"]


def test_a_refused_form_is_an_effect(hands):
    hands.open("/parts.html")
    effect = press(hands, "Send")
    assert (effect.changed, effect.attributes) == (True, ("input refused: Please fill out this field.",))


def test_late_navigation_is_waited_for(hands):
    hands.open("/late.html")
    effect = press(hands, "navigation")
    assert (effect.url_after.rpartition("/")[2], effect.added) == ("two.html", ("Second page", "Home"))


def test_going_back_reloading_and_waiting(hands):
    hands.open("/")
    hands.open("/two.html")
    assert "List" in hands.back().added
    assert hands.reload().new_document
    assert hands.wait_for("list", 1).done
    assert hands.wait_for("never", 0.2).why == '"never" did not appear'


def test_the_overlay_draws_numbers_and_leaves_the_page_alone(hands):
    hands.open("/fields.html")
    first = hands.marks()[0]
    before = hands.browser.evaluate("return document.documentElement.outerHTML")
    with Image.open(io.BytesIO(hands.overlay())) as image:
        corner = image.getpixel((first.x + first.width, first.y + first.height))
        assert (image.size, corner) == ((1280, 800), (0, 0, 0))
    assert hands.browser.evaluate("return document.documentElement.outerHTML") == before


def test_the_fingerprint_follows_what_is_typed_and_shown(hands):
    hands.open("/fields.html")
    first = hands.view().fingerprint
    assert hands.view().fingerprint == first
    hands.type(named(hands, "#n"), "5")
    assert hands.view().fingerprint != first


@pytest.mark.parametrize(
    ("name", "text"), [("grow", "grown"), ("debugger", "person"), ("rewrite", "Rewritten"), ("spoil", "spoiled")]
)
def test_hostile_pages_are_acted_upon(hands, name, text):
    hands.open("/hostile.html")
    effect = press(hands, name)
    assert effect.done
    assert text in effect.added
    assert hands.overlay()


def test_a_hundred_dialogs_are_counted_not_listed(hands):
    hands.open("/hostile.html")
    effect = press(hands, "dialogs")
    assert effect.added == ("through",)
    assert (len(effect.dialogs), effect.dialogs[-1]) == (13, "and 88 more")


def test_a_script_that_leaves_the_site_is_held_back(hands):
    hands.open("/hostile.html")
    assert press(hands, "away").why.endswith("outside the site")
    assert hands.view().title == "Hostile"


def test_a_page_that_reloads_for_ever_has_an_end(hands):
    began = time.monotonic()
    hands.open("/loop.html")
    assert time.monotonic() - began < 25


def test_a_page_that_hangs_is_named_and_the_next_page_opens(site):
    with Browser(BrowserSettings(), site.url) as browser, Hands(browser, HandsSettings(answer_timeout_s=2)) as hands:
        hands.open("/hostile.html")
        began = time.monotonic()
        with pytest.raises(BrowserCrashed):
            press(hands, "hang")
        assert time.monotonic() - began < 10
        assert "Second page" in hands.open("/two.html").added
        assert "List" in press(hands, "Home").added
        with pytest.raises(BrowserCrashed):
            browser.command("Page.crash", {})
        assert "Second page" in hands.open("/two.html").added


@pytest.mark.parametrize("name", ["Hyper+a", "Nonsense", ""])
def test_unknown_keys_are_refused(name):
    with pytest.raises(ValueError, match="no key"):
        key_named(name)


def test_a_list_that_is_sorted_by_moving_its_lines_has_changed_and_one_left_in_order_has_not(hands):
    hands.open("/order.html")
    assert not press(hands, "Same").changed
    assert press(hands, "Sort").changed
    assert not press(hands, "Sort").changed


def test_a_page_is_asked_for_reduced_motion_while_the_hands_are_still(site):
    with Browser(BrowserSettings(), site.url) as browser:
        asked = "return matchMedia('(prefers-reduced-motion: reduce)').matches"
        with Hands(browser, HandsSettings(still=True)) as still:
            still.open("/")
            assert browser.evaluate(asked)
        browser.open("/")
        assert not browser.evaluate(asked)
