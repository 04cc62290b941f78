"""One Chromium shared by the tests that only read, new ones where a test breaks it."""

import http.server
import io
import os
import tempfile
import threading
from pathlib import Path

import pytest
from PIL import Image

from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.errors import BrowserCrashed, BrowserMissing, ScriptFailed
from sandbox.local import LocalContainer
from sandbox.preview import Preview

pytestmark = pytest.mark.browser

FAULTY = b"""<!doctype html><title>Faulty</title>
<link rel=stylesheet href=/missing.css><script src=/app.js></script>
<script>console.warn('careful')
console.error('bad')
Promise.reject(new Error('unhandled'))
fetch('https://example.com/data.json').catch(() => 0)</script>
<script>syntax error(</script>"""
PAGES = {
    "index.html": b"<!doctype html><title>Shop</title><h1>Hello</h1>",
    "faulty.html": FAULTY,
    "app.js": b"\n\n   undefinedFunction()",
    "tall.html": b"<body style='margin:0'><div style='height:5000px;background:linear-gradient(red,blue)'></div>",
    "giant.html": b"<div style='height:90000px'>",
    "windows.html": b"<script>document.title = String(window.open('/tall.html'))</script>",
    "hang.html": b"<script>while (true) {}</script>",
    "late.html": b"<p id=t>before</p><script>const show = (text) => { t.textContent = text }\n"
    b"setTimeout(() => fetch('/x.txt').then((answer) => answer.text()).then(show), 0)</script>",
    "x.txt": b"after",
    "dialogs.html": b"<p id=t></p><script>alert('hey')\n"
    b"t.textContent = confirm('sure?') + '/' + prompt('name')</script>",
    "tampering.html": b"<h1>x</h1><script>JSON.stringify = () => 'fake'; Array.prototype.map = () => ['fake'];"
    b" document.querySelector = () => null; window.secret = 1</script>",
    "faded.html": b"<style>@keyframes a{from{opacity:0}} div{background:red;height:900px;animation:a 30s}</style>"
    b"<div></div>",
}


@pytest.fixture(scope="module")
def site():
    with LocalContainer(ContainerSettings()) as container, Preview(container) as preview:
        container.replace(PAGES)
        yield preview


@pytest.fixture(scope="module")
def browser(site):
    with Browser(BrowserSettings(page_timeout_s=5), site.url) as browser:
        yield browser


def size_of(png):
    with Image.open(io.BytesIO(png)) as image:
        return image.size


def test_a_good_page_opens_without_events(browser):
    page = browser.open("/")
    assert (page.status, page.title, page.events, page.timed_out) == (200, "Shop", (), False)


def test_a_missing_page_is_a_status_not_an_exception(browser):
    assert browser.open("/none.html").status == 404


def test_every_fault_is_named_with_its_place(browser, site):
    events = browser.open("/faulty.html").events
    found = {(event.kind, event.text, event.url.removeprefix(site.url), event.line) for event in events}
    assert found == {
        ("network", "HTTP 404", "/missing.css", 0),
        ("exception", "Uncaught ReferenceError: undefinedFunction is not defined", "/app.js", 3),
        ("console", "careful", "/faulty.html", 3),
        ("console", "bad", "/faulty.html", 4),
        ("exception", "Uncaught Error: unhandled", "/faulty.html", 5),
        ("exception", "Uncaught SyntaxError: Unexpected identifier 'error'", "/faulty.html", 7),
        ("network", "blocked: the address lies outside the site", "https://example.com/data.json", 0),
    }
    exception = next(event for event in events if "undefinedFunction" in event.text)
    assert exception.column == 4
    assert browser.events() == ()


def test_events_after_loading_come_with_the_next_call(browser):
    browser.open("/")
    browser.evaluate(
        "const node = document.createElement('script'); node.textContent = 'nope()'; document.body.append(node)"
    )
    assert [event.text for event in browser.events()] == ["Uncaught ReferenceError: nope is not defined"]


def test_requests_under_way_after_load_are_waited_for(browser):
    browser.open("/late.html")
    assert browser.evaluate("return document.querySelector('p').textContent") == "after"


def test_a_script_may_await_and_takes_arguments(browser):
    browser.open("/")
    assert browser.evaluate("return [await Promise.resolve(arguments[0].n + 1), document.title]", {"n": 1}) == [
        2,
        "Shop",
    ]
    assert browser.evaluate("1") is None


def test_a_failing_script_is_named(browser):
    browser.open("/")
    with pytest.raises(ScriptFailed, match="no luck"):
        browser.evaluate("throw new Error('no luck')")


def test_a_page_cannot_tamper_with_our_scripts(browser):
    browser.open("/tampering.html")
    assert browser.evaluate("return [1, 2].map((n) => JSON.stringify(n))") == ["1", "2"]
    assert browser.evaluate("return [typeof secret, document.querySelector('h1').textContent]") == ["undefined", "x"]


def test_dialogs_are_dismissed_and_reported(browser, site):
    page = browser.open("/dialogs.html")
    assert [event.text for event in page.events] == [
        "dialog: alert: hey",
        "dialog: confirm: sure?",
        "dialog: prompt: name",
    ]
    assert browser.evaluate("return document.querySelector('p').textContent") == "false/null"


def test_a_page_opens_no_window_that_nobody_asked_for(browser):
    assert browser.open("/windows.html").title == "null"
    pages = [target for target in browser.command("Target.getTargets", {})["targetInfos"] if target["type"] == "page"]
    assert len(pages) == 1


def test_screenshots_show_the_whole_page_or_one_screen(browser):
    browser.open("/tall.html", width=1000, height=700)
    assert size_of(browser.screenshot()) == (1000, 5000)
    assert size_of(browser.screenshot(full_page=False)) == (1000, 700)
    browser.resize(390, 844, mobile=True)
    browser.settle()
    assert size_of(browser.screenshot()) == (390, 5000)
    browser.open("/giant.html")
    assert size_of(browser.screenshot()) == (1280, 12_000)


def test_a_screenshot_shows_what_fades_in(browser):
    browser.open("/faded.html")
    with Image.open(io.BytesIO(browser.screenshot())) as image:
        assert image.convert("RGB").getpixel((400, 400)) == (255, 0, 0)


def test_pages_reach_nothing_but_the_site(browser):
    hits = []

    class Neighbour(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Neighbour) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        browser.open("/")
        tried = browser.evaluate(
            """const targets = arguments[0].map((host) => `http://${host}/`)
            const outcome = (url) => fetch(url, { mode: 'no-cors' }).then(() => url, () => null)
            return (await Promise.all(targets.map(outcome))).filter(Boolean)""",
            [
                f"127.0.0.1:{port}",
                f"localhost:{port}",
                f"127.1:{port}",
                f"[::1]:{port}",
                "169.254.169.254",
                "example.com",
            ],
        )
        server.shutdown()
    assert (tried, hits) == ([], [])
    assert {event.kind for event in browser.events()} >= {"network"}


def test_a_page_without_end_is_data_and_the_next_one_opens(site):
    with Browser(BrowserSettings(page_timeout_s=2), site.url) as browser:
        page = browser.open("/hang.html")
        assert page.timed_out
        assert page.seconds < 10
        with pytest.raises(BrowserCrashed, match="open it again"):
            browser.evaluate("return 1")
        assert browser.open("/").title == "Shop"


def test_a_dead_chromium_is_named_and_replaced(site):
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        Browser(BrowserSettings(profiles_in=Path(folder)), site.url) as browser,
    ):
        browser.open("/")
        for process in chromium_processes(folder):
            os.kill(process, 9)
        with pytest.raises(BrowserCrashed):
            browser.evaluate("return 1")
        assert browser.open("/").title == "Shop"


def test_nothing_is_left_after_closing(site):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        with Browser(BrowserSettings(profiles_in=Path(folder)), site.url) as browser:
            browser.open("/")
            assert list(Path(folder).iterdir())
            assert chromium_processes(folder)
        assert list(Path(folder).iterdir()) == []
        assert chromium_processes(folder) == set()


def test_a_missing_chromium_says_what_to_install(site):
    with pytest.raises(BrowserMissing, match="apt-get install chromium"):
        Browser(BrowserSettings(chromium="/nowhere/chromium"), site.url).__enter__()


@pytest.mark.parametrize("path", ["//evil.example", "http://evil.example", "file:///etc/passwd"])
def test_only_paths_of_the_site_are_opened(browser, path):
    with pytest.raises(ValueError, match="slash"):
        browser.open(path)


def chromium_processes(profiles):
    """Ids of living browsers of this account whose profile lies there."""
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:  # any of them may end meanwhile
            if folder.stat().st_uid != os.geteuid():
                continue
            line = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"--user-data-dir={profiles}".encode() in line and b"--type=" not in line:
            found.add(int(folder.name))
    return found
