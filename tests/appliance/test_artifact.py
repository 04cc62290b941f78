"""What real models write, well-formed and not, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.artifact import STRICT, looks_looped, parse_artifact, parse_patch
from appliance.steps import FileAppend, FileDelete, FileEdit, FileWrite, Finish, RequestGuiTest

PAGE = "<!doctype html>\n<html><head><title>Bakery</title></head><body><h1>Bread</h1></body></html>\n"


def written(artifact):
    return {change.path: change.content for change in artifact.changes if isinstance(change, FileWrite)}


@pytest.mark.parametrize(
    "reply",
    [
        '<boltArtifact id="a" title="T"><boltAction type="file" filePath="index.html">'
        f"\n{PAGE}</boltAction></boltArtifact>",
        f"<boltAction filePath='index.html' type='file'>{PAGE}</boltAction>",
        f'Plan: bread.\n<file path="index.html">\n{PAGE}</file>',
        f'<artifact>\n<file path="./index.html">\n{PAGE}\n</artifact>',
        f'<file path="index.html">\n```html\n{PAGE}```\n</file>',
        f"Here it is:\n```html\n{PAGE}```\nEnjoy!",
        f"```html index.html\n{PAGE}",
        f"Sure.\n{PAGE}",
        f"<!-- index.html -->\n{PAGE}",
    ],
)
def test_every_way_of_writing_one_page_gives_the_same_page(reply):
    assert written(parse_artifact(reply)) == {"index.html": PAGE}


def test_a_well_formed_reply_needs_no_rescue_and_a_sloppy_one_says_what_was_mended():
    assert parse_artifact(f'<file path="index.html">\n{PAGE}</file>').rescues == ()
    sloppy = parse_artifact(f'<file path="a.js">\nlet a = 1;\n</script>\n<file path="index.html">\n{PAGE}')
    assert written(sloppy) == {"a.js": "let a = 1;\n", "index.html": PAGE}
    assert len(sloppy.rescues) == 3


def test_a_file_cut_off_by_the_token_limit_is_never_written():
    artifact = parse_artifact(f'<file path="index.html">\n{PAGE}</file>\n<file path="a.js">\nlet a', cut=True)
    assert written(artifact) == {"index.html": PAGE}
    assert artifact.truncated
    assert parse_artifact(f"```html\n{PAGE[:40]}", cut=True).changes == ()
    assert parse_artifact(PAGE[:60], cut=True).truncated


@pytest.mark.parametrize("body", ["...", "<!-- ... -->", "\n", "<p>hi</p>", "/* ... */"])
def test_a_page_that_is_only_a_placeholder_counts_as_missing(body):
    artifact = parse_artifact(f'<file path="index.html">{body}</file>')
    assert artifact.changes == ()
    assert "index.html was left out" in artifact.problems[0]


def test_a_file_that_leaves_out_code_is_refused_but_spread_syntax_is_not():
    assert parse_artifact('<file path="a.js">let a = 1;\n// ... rest of the code\n</file>').changes == ()
    assert written(parse_artifact('<file path="a.js">let b = [\n  ...a\n];\n</file>'))


def test_edits_and_deletes_are_read():
    artifact = parse_artifact(
        '<edit path="a.css"><search>\nred\n</search><replace>\nblue\n</replace></edit><delete path="b.css"/><finish/>'
    )
    assert artifact.changes == (FileEdit("a.css", "red", "blue"), FileDelete("b.css"))
    assert artifact.action == Finish()


def test_an_opening_tag_inside_a_string_does_not_end_the_file():
    reply = '<file path="a.js">\nconst s = "<file path=\\"x\\">";\nrun(s);\n</file>'
    assert "run(s)" in written(parse_artifact(reply))["a.js"]


def test_html_entities_are_kept_unless_the_whole_file_was_escaped():
    assert (
        "&lt;b&gt;" in written(parse_artifact(f'<file path="index.html">{PAGE}<p>&lt;b&gt;</p></file>'))["index.html"]
    )
    escaped = PAGE.replace("<", "&lt;").replace(">", "&gt;")
    assert written(parse_artifact(f'<file path="index.html">{escaped}</file>'))["index.html"] == PAGE


def test_files_beside_a_signal_are_kept():
    artifact = parse_artifact(f'<file path="index.html">{PAGE}</file><boltAction type="screenshot_validated"/>')
    assert artifact.action == RequestGuiTest()
    assert written(artifact)


class TestTheReferencesReading:
    """METHOD §1.2–1.3, its faults included."""

    def test_a_signal_makes_it_ignore_the_files(self):
        reply = f'<boltAction type="file" filePath="index.html">{PAGE}</boltAction><boltAction type="finish"/>'
        assert parse_artifact(reply, reading=STRICT) == parse_artifact('<boltAction type="finish"/>', reading=STRICT)

    def test_another_attribute_order_is_dropped_and_entities_are_unescaped(self):
        assert parse_artifact(f'<boltAction filePath="a" type="file">{PAGE}</boltAction>', reading=STRICT).changes == ()
        read = parse_artifact('<boltAction type="file" filePath="a">&lt;p&gt;</boltAction>', reading=STRICT)
        assert written(read) == {"a": "<p>"}


def test_a_patch_is_what_is_to_be_added_to_the_page():
    patch = parse_patch("```css\nbody { color: teal }\n```\n```js\n<script>go()</script>\n```", "index.html")
    assert patch.changes == (
        FileAppend("index.html", "css", "body { color: teal }"),
        FileAppend("index.html", "js", "go()"),
    )
    assert parse_patch("```html\n<section>more</section>\n```", "index.html").changes == (
        FileAppend("index.html", "html", "<section>more</section>"),
    )
    assert parse_patch("I see no problem.", "index.html").problems
    assert written(parse_patch(f"```html\n{PAGE}```", "index.html")) == {"index.html": PAGE}


def test_a_quote_that_is_missing_at_the_end_of_an_attribute_is_set():
    sloppy = PAGE.replace("<h1>", '<img src="a.jpg" alt="Rye bread</h3>\n<h1 title="x">')
    artifact = parse_artifact(f"```html\n{sloppy}```")
    assert '<img src="a.jpg" alt="Rye bread">\n<h1 title="x">' in written(artifact)["index.html"]
    assert artifact.rescues == ("index.html: attribute not closed",)
    fine = PAGE.replace("<h1>", '<img src="a.jpg" alt="a"></p><h1>')
    assert parse_artifact(f"```html\n{fine}```").rescues == ()


def test_a_page_or_patch_that_was_begun_for_the_model_may_be_begun_again():
    twice = parse_artifact(f"```html\n<!doctype html>\n<html><head><title>```html\n{PAGE}```")
    assert written(twice) == {"index.html": PAGE}
    assert twice.rescues == ("index.html: begun twice",)
    assert parse_patch("```css\n```css\np{}\n```", "index.html").changes == (FileAppend("index.html", "css", "p{}"),)


def test_a_reply_that_repeats_itself_is_recognised():
    assert looks_looped("<ul>\n" + "<li>Item</li>\n" * 40)
    assert looks_looped("a();\nb();\n" * 30)
    assert not looks_looped(PAGE * 2)
    assert not looks_looped("}\n" * 40)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("<>/`\"'=. \nfileptahboACTIOnsrcx"), max_size=200), st.booleans())
def test_no_reply_can_make_the_parser_fail(text, cut):
    for reply in (text, f'<file path="a.html">{text}', f"```html\n{text}"):
        artifact = parse_artifact(reply, cut=cut)
        assert artifact.changes or artifact.problems or artifact.truncated or not text.strip() or artifact.action
