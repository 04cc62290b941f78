"""The checks are a measure: they pass on pages that do the thing, and on no others."""

from __future__ import annotations

import json
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from appliance.bench.checks import (
    CheckVerdict,
    SiteChecks,
    accuracy,
    checks_digest,
    load_checks,
    run_checks,
)
from appliance.bench.chosen import chosen_sites
from appliance.bench.review import review_rows
from appliance.errors import UsageError
from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.local import LocalContainer
from sandbox.preview import Preview

PAGES = Path(__file__).with_name("pages")
EXPECTED = tomllib.loads((PAGES / "expected.toml").read_text())
CHECKS = load_checks()
SITES = sorted(CHECKS)
EMPTY = "<!doctype html><html lang=en><head><title>x</title></head><body></body></html>"


@contextmanager
def opened(settings):
    with (
        LocalContainer(ContainerSettings()) as container,
        Preview(container) as preview,
        Browser(settings, preview.url) as browser,
    ):

        def show(html):
            container.replace({"index.html": html.encode()})
            preview.wait_ready(10)
            return browser

        yield show


@pytest.fixture(scope="module")
def show():
    with opened(BrowserSettings()) as show:
        yield show


def dev_briefs():
    lines = files("appliance").joinpath("data", "webgen-bench-dev.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def hand_page(site):
    return (PAGES / f"{site}.html").read_text()


def without_script(html):
    return re.sub("<script>.*?</script>", "", html, flags=re.DOTALL)


def letters(verdicts):
    return "".join(verdict.answer[0] for verdict in verdicts)


def why(verdicts):
    return "\n".join(f"{verdict.case} {verdict.answer} {verdict.evidence}" for verdict in verdicts)


class TestData:
    def test_the_sites_are_those_of_the_rule(self):
        briefs = dev_briefs()
        assert chosen_sites((brief["id"], brief["Category"]["primary_category"]) for brief in briefs) == tuple(SITES)

    @pytest.mark.parametrize("site", SITES)
    def test_there_is_a_check_for_every_case(self, site):
        cases = next(brief["ui_instruct"] for brief in dev_briefs() if brief["id"] == site)
        asked = [(case["task"], case["expected_result"]) for case in cases]
        assert [(case.task, case.expected) for case in CHECKS[site].case] == asked

    def test_nothing_that_decides_a_verdict_has_changed_since_the_freeze(self):
        frozen = tomllib.loads((Path(load_checks.__code__.co_filename).parent / "checks/FROZEN.toml").read_text())
        assert dict(checks_digest()) == frozen["sha256"]

    def test_the_runner_shares_nothing_with_what_makes_sites(self):
        own = Path(load_checks.__code__.co_filename).parent
        for name in ("checks.py", "check_steps.py"):
            imports = re.findall(r"^from (appliance\S*)", (own / name).read_text(), re.MULTILINE)
            assert set(imports) <= {"appliance.bench.check_steps", "appliance.errors"}


BROWSERS = 3
"""Most of a check is waiting for a page to react, so that a few sites go side by side."""


@cache
def verdicts_of(kind):
    """Per site, what its checks say of that kind of page."""
    pages = {
        "works": {site: hand_page(site) for site in SITES},
        "dead": {site: without_script(hand_page(site)) for site in EXPECTED["dead"]},
        "empty": dict.fromkeys(SITES, EMPTY),
        "next": {site: hand_page(SITES[(n + 1) % len(SITES)]) for n, site in enumerate(SITES)},
    }[kind]
    jobs = sorted(pages.items())

    def work(part):
        with opened(BrowserSettings()) as show:
            return {site: run_checks(show(html), CHECKS[site]) for site, html in part}

    with ThreadPoolExecutor(BROWSERS) as pool:
        parts = pool.map(work, [jobs[n::BROWSERS] for n in range(BROWSERS)])
        return {site: verdicts for part in parts for site, verdicts in part.items()}


@pytest.mark.browser
class TestPages:
    @pytest.mark.parametrize("site", SITES)
    def test_a_page_that_does_what_the_brief_asks_passes(self, site):
        verdicts = verdicts_of("works")[site]
        assert letters(verdicts) == EXPECTED["works"][site], why(verdicts)

    @pytest.mark.parametrize("site", sorted(EXPECTED["dead"]))
    def test_a_page_that_only_looks_right_does_not(self, site):
        verdicts = verdicts_of("dead")[site]
        assert letters(verdicts) == EXPECTED["dead"][site], why(verdicts)

    @pytest.mark.parametrize("site", SITES)
    def test_an_empty_page_passes_nothing(self, site):
        verdicts = verdicts_of("empty")[site]
        assert set(letters(verdicts)) == {"N"}, why(verdicts)

    @pytest.mark.parametrize("site", SITES)
    def test_the_page_of_another_brief_passes_nothing_but_a_shared_colour(self, site):
        verdicts = verdicts_of("next")[site]
        passed = [v for v in verdicts if v.answer != "NO" and CHECKS[site].case[v.case].kind != "design"]
        assert not passed, why(passed)


def one_case(*steps, about=(), kind="functional"):
    case = {"task": "t", "expected": "e", "kind": kind, "way": [{"steps": list(steps)}]}
    return msgspec.convert({"site": "0", "about": list(about), "case": [case]}, SiteChecks)


ADD = {"do": "form", "having": "task", "values": [{"field": "task", "text": "{nonce}"}], "submit": "add"}
LISTED = {"do": "text", "beside": "{nonce}", "all": ["{nonce}"]}
FORM = "<form onsubmit='event.preventDefault(); {act}'><input name=task placeholder=Task><button>Add</button></form>"


def todo(act, more=""):
    return f"<!doctype html><title>Tasks</title><h1>Tasks</h1>{FORM.format(act=act)}<ul id=list></ul>{more}"


APPEND = "list.insertAdjacentHTML(`beforeend`, `<li><span>${this.task.value}</span> <button>Delete</button></li>`)"


@pytest.mark.browser
class TestVerbs:
    @pytest.mark.parametrize(
        ("act", "answer"),
        [
            (APPEND, "YES"),
            (f"setTimeout(() => {{ {APPEND} }}, 900)".replace("this.", "document.forms[0]."), "YES"),
            ("alert(`Added ` + this.task.value)", "NO"),
            ("document.body.append(`Task added!`)", "NO"),
            ("", "NO"),
        ],
        ids=["listed", "listed late", "only an alert", "only a message", "dead"],
    )
    def test_an_item_counts_when_it_stands_in_the_page(self, show, act, answer):
        (verdict,) = run_checks(show(todo(act)), one_case(ADD, LISTED))
        assert verdict.answer == answer, verdict.evidence

    def test_what_is_asked_for_beside_one_item_leaves_the_others(self, show):
        remove = (
            "<script>onclick = (e) => { if (e.target.matches('li button')) e.target.parentElement.remove() }</script>"
        )
        items = todo(APPEND, remove).replace("<ul id=list>", "<ul id=list><li>Old <button>Delete</button></li>")
        steps = [ADD, LISTED, {"do": "press", "what": "delete", "beside": "{nonce}"}, {"do": "gone", "text": "{nonce}"}]
        (verdict,) = run_checks(show(items), one_case(*steps, {"do": "text", "all": ["Old"]}))
        assert verdict.answer == "YES", verdict.evidence

    def test_an_edit_by_prompt_counts_like_one_by_form(self, show):
        edit = (
            "<script>onclick = (e) => { if (e.target.matches('li button'))"
            " e.target.previousElementSibling.textContent = prompt('New text') }</script>"
        )
        page = todo(APPEND.replace("Delete", "Edit"), edit)
        steps = [
            ADD,
            {"do": "press", "what": "edit", "beside": "{nonce}"},
            {"do": "retype", "old": "{nonce}", "value": "{nonce2}", "submit": "save"},
            {"do": "text", "beside": "{nonce2}", "all": ["{nonce2}"]},
        ]
        (verdict,) = run_checks(show(page), one_case(*steps))
        assert verdict.answer == "YES", verdict.evidence

    @pytest.mark.parametrize(
        ("script", "answer"),
        [
            ("for (const li of list.children) li.hidden = !li.textContent.toLowerCase().includes(q)", "YES"),
            ("list.firstElementChild.hidden = true", "NO"),
            ("document.body.append('Results for ' + q)", "NO"),
            ("", "NO"),
        ],
    )
    def test_a_search_must_leave_what_fits_and_nothing_else(self, show, script, answer):
        items = "".join(f"<li>{word} bread</li>" for word in ("Rye", "Oat", "Wheat"))
        page = (
            f"<!doctype html><h1>Bread</h1><input type=search id=s><ul id=list>{items}</ul>"
            f"<script>s.oninput = () => {{ const q = s.value.toLowerCase(); {script} }}</script>"
        )
        steps = [{"do": "fill", "field": "search", "value": "Rye"}, {"do": "only", "term": "rye"}]
        (verdict,) = run_checks(show(page), one_case(*steps))
        assert verdict.answer == answer, verdict.evidence

    @pytest.mark.parametrize(
        ("background", "button", "answer"),
        [
            ("snow", "dimgray", "YES"),
            ("snow", "red", "PARTIAL"),
            ("white", "dimgray", "PARTIAL"),
            ("white", "red", "NO"),
        ],
    )
    def test_colours_are_those_that_are_painted(self, show, background, button, answer):
        css = f"body{{background:{background}}} button{{background:{button};border:0;color:#fff}}"
        page = f"<!doctype html><style>{css}</style><h1>snow dimgray</h1><button>One</button><button>Two</button>"
        colours = {"do": "colours", "background": ["#fffafa"], "component": ["#696969"]}
        (verdict,) = run_checks(show(page), one_case(colours, kind="design"))
        assert verdict.answer == answer, verdict.evidence

    def test_a_link_to_nowhere_is_no_navigation(self, show):
        page = "<!doctype html><nav><a href='#gone'>Menu</a> <a href='missing.html'>Events</a></nav>"
        menu, events = (one_case({"do": "follow", "to": word}) for word in ("menu", "events"))
        browser = show(page)
        answers = [run_checks(browser, site)[0] for site in (menu, events)]
        assert [verdict.answer for verdict in answers] == ["NO", "NO"]
        assert "404" in answers[1].evidence

    def test_storage_of_one_case_is_unknown_to_the_next(self, show):
        page = (
            "<!doctype html><p id=p></p><script>localStorage.n = +(localStorage.n || 0) + 1;"
            "p.textContent = 'Visit ' + localStorage.n</script>"
        )
        case = one_case({"do": "text", "all": ["visit 1$"]}).case[0]
        verdicts = run_checks(show(page), SiteChecks("0", (), (case, case, case)))
        assert letters(verdicts) == "YYY", why(verdicts)

    def test_a_picture_of_each_case_can_be_kept(self, show, tmp_path):
        site = one_case({"do": "text", "all": ["Bread"]})
        (row,) = review_rows(show("<!doctype html><h1>Bread</h1>"), site, tmp_path)
        assert row.startswith("0 0 YES")
        assert (tmp_path / "0-0.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.browser
class TestHostilePages:
    def test_a_page_that_never_loads_is_tried_twice(self):
        case = one_case({"do": "text", "all": ["x"]}).case[0]
        with opened(BrowserSettings(page_timeout_s=2)) as show:
            verdicts = run_checks(show("<script>for (;;);</script>"), SiteChecks("0", (), (case,) * 4))
            assert letters(verdicts) == "NNNN"
            assert "hang" in verdicts[0].evidence
            assert "not tried again" in verdicts[3].evidence
            (again,) = run_checks(show("<p>x</p>"), one_case({"do": "text", "all": ["x"]}))
            assert again.answer == "YES"

    @pytest.mark.parametrize(
        "html",
        [
            "<script>for (let n = 0; n < 100; n++) alert(n)</script><button>Go</button>",
            "<button onclick='location = \"https://example.com/\"'>Go</button>",
            "<button onclick='document.documentElement.remove()'>Go</button>",
            "<button onclick='JSON.parse = Array.prototype.map = null'>Go</button>",
        ],
    )
    def test_a_page_that_misbehaves_is_no_with_a_reason(self, show, html):
        steps = [{"do": "press", "what": "go"}, {"do": "text", "all": ["never said"]}]
        (verdict,) = run_checks(show("<!doctype html><p>Hello</p>" + html), one_case(*steps))
        assert verdict.answer == "NO"
        assert verdict.evidence


class TestFiles:
    GOOD = (
        'site = "7"\nabout = []\n[[case]]\ntask = "t"\nexpected = "e"\nkind = "display"\n[[case.way]]\nsteps = [{}]\n'
    )

    @pytest.mark.parametrize(
        ("steps", "named"),
        [
            ('{ do = "wish" }', "wish"),
            ('{ do = "press" }', "what"),
            ('{ do = "press", what = "go", twice = true }', "twice"),
            ('{ do = "press", what = "(" }', "pattern"),
            ("", "steps"),
        ],
    )
    def test_a_wrong_file_is_named_with_its_field(self, tmp_path, steps, named):
        (tmp_path / "mine.toml").write_text(self.GOOD.replace("{}", steps))
        with pytest.raises(UsageError, match=f"mine.toml.*{named}"):
            load_checks(tmp_path)

    def test_others_checks_come_from_their_folder(self, tmp_path):
        (tmp_path / "mine.toml").write_text(self.GOOD.replace("{}", '{ do = "press", what = "go" }'))
        assert list(load_checks(tmp_path)) == ["7"]

    def test_a_folder_without_checks_is_an_error(self, tmp_path):
        with pytest.raises(UsageError, match="no checks"):
            load_checks(tmp_path)

    def test_accuracy_counts_a_part_as_half(self):
        assert accuracy([CheckVerdict(0, "YES", ""), CheckVerdict(1, "PARTIAL", ""), CheckVerdict(2, "NO", "")]) == 0.5
