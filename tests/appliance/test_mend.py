from __future__ import annotations

from appliance.changes import apply_changes
from appliance.findings import finding_key
from appliance.mend import mend_messages, read_patch
from appliance.steps import Finding

PAGE = b"""<!doctype html>
<html><head><title>T</title><style>p{}</style></head>
<body><p id="list">x</p>
<script>
const list = document.getElementById("list");
lst.textContent = "y";
</script>
</body></html>
"""
FILES = {"index.html": PAGE}
BRIEF = "A list of bread."
THROWS = Finding("exception", "index.html:6:1", "ReferenceError: lst is not defined", "error")
WIDE = Finding("overflow", "p", "18 px too wide")


def test_a_throwing_script_is_asked_for_in_full_with_the_line_that_throws():
    patch = mend_messages(FILES, [THROWS], BRIEF)
    asked = patch.messages[-1].content
    assert patch.scope == "script"
    assert 'lst.textContent = "y";' in asked.rsplit("It happens in this line:", 1)[1]
    assert "p{}" not in asked
    fixed = read_patch(patch, '```js\nconst list = 1;\nlist.textContent = "y";\n```', cut=False)
    files, problems = apply_changes(FILES, fixed.changes)
    text = files["index.html"].decode()
    assert problems == ()
    assert "lst." not in text
    assert text.startswith("<!doctype html>")
    assert text.endswith("</script>\n</body></html>\n")


def test_ids_that_are_asked_for_in_vain_are_named():
    page = PAGE.replace(b'lst.textContent = "y";', b'document.querySelector("#find").onclick = 1; // ids: list')
    null = Finding("exception", "index.html:6:1", "Cannot set properties of null", "error")
    asked = mend_messages({"index.html": page}, [null], BRIEF).messages[-1].content
    assert "No element has the id find: remove" in asked


def test_faults_of_the_look_are_mended_by_rules_that_win():
    patch = mend_messages(FILES, [WIDE], BRIEF)
    assert (patch.scope, patch.start) == ("style", "```css\n")
    files, _ = apply_changes(FILES, read_patch(patch, "```css\np{max-width:100%}\n```", cut=False).changes)
    assert b"max-width" in files["index.html"]


def test_a_thin_page_gets_more_sections():
    patch = mend_messages(FILES, [Finding("suggestion", "", "Add more content", "minor")], BRIEF)
    assert BRIEF in patch.messages[-1].content
    artifact = read_patch(patch, f"{patch.start}><h2>Rye</h2></section>\n```", cut=False)
    assert b"<section><h2>Rye</h2></section>" in apply_changes(FILES, artifact.changes)[0]["index.html"]


def test_sections_that_repeat_the_page_are_refused():
    page = PAGE.replace(b'<p id="list">', b'<h2>Our  Bread</h2><h3>Rye</h3><p id="list">')
    patch = mend_messages({"index.html": page}, [Finding("suggestion", "", "more", "minor")], BRIEF)
    copied = read_patch(patch, f"{patch.start}><h2>Our bread</h2><h3>Oat</h3></section>\n```", cut=False)
    assert copied.changes == ()
    assert "repeat" in copied.problems[0]
    fresh = read_patch(patch, f"{patch.start}><h2>Hours</h2><h3>Rye</h3><h3>Oat</h3></section>\n```", cut=False)
    assert fresh.changes


def test_a_section_that_the_page_has_already_is_left_out_and_the_new_ones_come():
    page = PAGE.replace(b'<p id="list">', b'<section id="bread"><h2>Loaves</h2></section><p id="list">')
    patch = mend_messages({"index.html": page}, [Finding("suggestion", "", "more", "minor")], BRIEF)
    again = ' id="bread"><h2>Bread</h2><h3>Oat</h3></section><section><h2>loaves</h2><h3>Spelt</h3></section>'
    reply = f"{patch.start}{again}<section><h2>Hours</h2></section>\n```"
    (change,) = read_patch(patch, reply, cut=False).changes
    assert "Hours" in change.content
    assert "Oat" not in change.content
    assert "Spelt" not in change.content


def test_the_second_try_leaves_a_free_hand():
    assert mend_messages(FILES, [WIDE], BRIEF, again=True).scope == "append"


def test_a_script_that_dies_as_the_page_opens_goes_when_it_was_written_anew_in_vain():
    page = PAGE.replace(b"</body>", b"<script>document.title = 'Bread';</script></body>")
    patch = mend_messages({"index.html": page}, [THROWS], BRIEF, again=True)
    assert patch.messages == (), "no model is asked"
    (change,) = patch.ready.changes
    assert "lst" not in change.content
    assert "document.title = 'Bread'" in change.content
    assert change.content.count("<script") == change.content.count("</script>") == 1


def test_a_script_in_a_file_of_its_own_stays():
    throws = Finding("exception", "app.js:2:1", "b is not defined", "error")
    files = {**FILES, "app.js": b"a();\nb();\n"}
    assert mend_messages(files, [throws], BRIEF, again=True).scope == "append"


def test_a_script_in_a_file_of_its_own_is_replaced_there():
    files = {**FILES, "app.js": b"a();\nb();\n"}
    patch = mend_messages(files, [Finding("exception", "app.js:2", "b is not defined", "error")], BRIEF)
    assert apply_changes(files, read_patch(patch, "```js\na();\n```", cut=False).changes)[0]["app.js"] == b"a();\n"


def test_a_cut_off_or_empty_repair_changes_nothing():
    patch = mend_messages(FILES, [THROWS], BRIEF)
    for reply, cut in (("```js\nconst list", True), ("It looks fine to me.", False)):
        artifact = read_patch(patch, reply, cut=cut)
        assert artifact.changes == ()
        assert artifact.problems


USED = 'ReferenceError: lst is not defined (when form#order (button "Send") is used)'


def test_what_throws_when_a_form_is_used_gets_an_attribute_first_and_a_new_script_second():
    page = PAGE.replace(b'<p id="list">', b'<form id="order" onsubmit="go()"><button>Send</button></form><p id="list">')
    throws = Finding("exception", "index.html:6:1", USED, "error")
    patch = mend_messages({"index.html": page}, [throws], BRIEF)
    assert patch.scope == "form"
    fixed = read_patch(patch, '```html\n<form data-answer="Thank you.">\n```', cut=False)
    text = apply_changes({"index.html": page}, fixed.changes)[0]["index.html"]
    assert b'<form id="order" data-answer="Thank you."><button>' in text
    assert mend_messages({"index.html": page}, [throws], BRIEF, again=True).scope == "script"


def test_the_same_exception_further_down_the_page_is_the_same_finding():
    moved = Finding("exception", "index.html:91:13", THROWS.evidence, "error")
    assert finding_key(moved) == finding_key(THROWS)
    other = Finding("exception", "index.html:6:1", "ReferenceError: x is not defined", "error")
    assert finding_key(other) != finding_key(THROWS)
