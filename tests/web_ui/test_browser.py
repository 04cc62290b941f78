"""The interface in a real Chromium, served by the production server."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from appliance.checklist import rules_checklist
from appliance.explorer import explore
from appliance.store import Store
from appliance.worker import serve_queue
from tests.appliance.rooms import GOOD, THROWS, ScriptedWorkshop, fenced
from tests.web_ui.served import Window, free_port, server
from tests.web_ui.visits import SECTION, config_of
from web_ui.app import create_app

pytestmark = pytest.mark.browser
PAGES = {
    **{
        "new": "/",
        "sites": "/runs",
        "run": "/runs/{run}",
        "step": "/runs/{run}/steps/1",
        "compare": "/runs/{run}/compare",
    },
    **{"preview": "/runs/{run}/preview", "code": "/runs/{run}/code", "tests": "/runs/{run}/tests"},
    **{"logs": "/runs/{run}/logs", "models": "/machine/models", "sandbox": "/machine/sandbox"},
    **{"training": "/machine/training", "settings": "/machine/settings", "disk": "/machine/disk"},
    **{"manual": "/manual/", "manual-commands": "/manual/commands.md", "manual-picture": "/manual/architecture.md"},
    **{"help": "/help", "error": "/runs/nobody", "login": "/login"},
}


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    opened = Window(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def address(made):
    """On the finished run; tests that change something serve a copy of their own."""
    with server(made[0]) as served:
        yield served


@pytest.fixture
def changing(home):
    with server(home) as served:
        yield served


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_accessible_in_both_themes_at_every_width(address, window, run, name, tmp_path):
    folder = Path(os.environ.get("KEEP_PICTURES", tmp_path))
    for width, dark in ((1280, False), (1280, True), (640, False), (375, False), (375, True)):
        window.look(width=width, dark=dark)
        window.open(address + PAGES[name].format(run=run.id))
        window.wait("return document.readyState === 'complete'")
        assert window.violations() == [], (width, dark)
        assert window.js("return document.documentElement.scrollWidth") <= width, f"{width} px wide, and it scrolls"
        assert name == "error" or window.complaints() == []
        window.picture(folder / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    window.complaints()


@pytest.mark.parametrize("name", PAGES)
def test_each_page_can_be_read_without_a_script(address, window, run, name):
    window.look()
    window.open(address + PAGES[name].format(run=run.id))
    with_script = window.js("return document.querySelector('main').innerText.length")
    window.look(scripts=False)
    window.open(address + PAGES[name].format(run=run.id))
    html = window.cdp("DOM.getOuterHTML", nodeId=window.cdp("DOM.getDocument")["root"]["nodeId"])["outerHTML"]
    window.look()
    window.complaints()
    assert "<h1>" in html or "<h1 id" in html
    assert len(html) > with_script


class Slowly:
    """A scripted model that says a reply when it is let."""

    def __init__(self, replies):
        self.replies, self.gate = iter(replies), threading.Semaphore(0)

    def __call__(self, messages, sampling):
        self.gate.acquire()
        return next(self.replies)


@pytest.fixture
def working(home):
    """A worker in a thread whose model answers one reply at a time, as the test lets it."""
    slowly, stop = Slowly([fenced(GOOD), fenced(THROWS), *[SECTION] * 20]), threading.Event()
    workshop = ScriptedWorkshop(slowly, explore=explore, make_checklist=lambda _, brief: rules_checklist(brief))

    def work():
        with Store(home) as store:
            serve_queue(store, workshop, stop, lambda *_: None)

    thread = threading.Thread(target=work)
    thread.start()
    yield slowly
    stop.set()
    for _ in range(50):
        slowly.gate.release()
    thread.join(60)
    assert not thread.is_alive()


def test_a_site_is_watched_being_made_stopped_and_gone_on_with(changing, window, working, store):
    window.look()
    window.open(changing)
    window.js("document.querySelector('#brief').value = 'A bakery with teal buttons.'")
    window.js("for (const d of document.querySelectorAll('details')) d.open = true")
    window.js("document.querySelector('[name=steps]').value = 6; document.querySelector('[name=drafts]').value = 2")
    window.js("document.querySelector('[name=profile]').value = 'small'; document.querySelector('#brief').focus()")
    window.press("Enter", control=True)
    window.wait("return location.pathname.startsWith('/runs/')")
    path = window.js("return location.pathname")
    window.wait("return document.querySelector('.chip').innerText === 'being made'")
    working.gate.release()
    working.gate.release()
    window.wait("return document.querySelectorAll('.card').length === 2", seconds=60)
    assert window.js("return location.pathname") == path
    assert "is the best so far" in window.js("return document.querySelector('#board').innerText")
    assert window.js("return document.querySelectorAll('.ticks li').length") >= 4
    window.js("document.activeElement.blur(); window.confirm = () => true")
    window.press("x")
    time.sleep(0.5)
    working.gate.release()  # the reply in hand ends; then the run does
    window.wait("return document.querySelector('.chip').innerText === 'stopped'", seconds=60)
    made = store.run("last")
    kept = len(store.steps(made.id))
    assert kept >= 2
    window.js("[...document.querySelectorAll('.actions button')].find((b) => b.innerText === 'Continue').click()")
    for _ in range(8):
        working.gate.release()
    window.wait("return document.querySelector('.chip').innerText === 'done'", seconds=120)
    assert len(store.steps(made.id)) == 6
    assert window.complaints() == []


def test_text_is_seen_as_it_is_written_and_a_reload_loses_nothing(changing, window, store, run):
    window.look()
    store.take_lease("worker")
    fresh = store.add_run(run.request)
    store.set_status(fresh.id, "running")
    window.open(f"{changing}/runs/{fresh.id}")
    store.add_event(fresh.id, "stage", {"stage": "thinking", "n": 1})
    store.add_event(fresh.id, "text", {"1": "<!doctype html>\n<h1>Hel"})
    window.wait("return document.querySelector('#text').innerText.includes('<h1>Hel')")
    store.add_event(fresh.id, "text", {"1": "lo</h1>"})
    window.wait("return document.querySelector('#text').innerText.includes('<h1>Hello</h1>')")
    assert window.js("return document.querySelector('#stage').innerText") == "the model is writing"
    assert window.js("return document.querySelector('#files').innerText") == "index.html"
    window.open(f"{changing}/runs/{fresh.id}")
    window.wait("return document.querySelector('#text').innerText.includes('<h1>Hello</h1>')")
    store.drop_lease("worker")
    assert window.complaints() == []


def test_a_page_whose_scripts_come_one_after_the_other_is_not_deaf(home, window, store, run):
    store.take_lease("worker")
    fresh = store.add_run(run.request)
    store.set_status(fresh.id, "running")
    port = free_port()
    app = create_app(*config_of(home, port=port))

    def late(environ, start_response):
        if environ["PATH_INFO"].endswith("/hx-sse.min.js"):
            time.sleep(1)
        return app(environ, start_response)

    served = make_server("127.0.0.1", port, late, threaded=True)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        window.look()
        window.open(f"http://127.0.0.1:{port}/runs/{fresh.id}")
        store.add_event(fresh.id, "text", {"1": "Hello"})
        window.wait("return document.querySelector('#text').innerText === 'Hello'")
    finally:
        window.look()
        app.extensions["desk"].stop.set()
        served.shutdown()
        served.server_close()
        app.extensions["desk"].pool.close()
        store.drop_lease("worker")


def test_keys(address, window, run):
    window.look()
    window.open(f"{address}/runs/{run.id}")
    window.press("?")
    window.wait("return document.querySelector('#keys').open")
    window.js("document.querySelector('#keys').close()")
    window.press("j")
    assert window.js("return document.activeElement.dataset.step") == "1"
    window.press("j")
    assert window.js("return document.activeElement.dataset.step") == "2"
    window.press("k")
    assert window.js("return document.activeElement.dataset.step") == "1"
    window.open(f"{address}/runs/{run.id}/steps/2")
    window.press("k")
    window.wait("return location.pathname.endsWith('/steps/1')")
    assert window.js("return document.querySelector('.skip').getAttribute('href')") == "#main"


def test_the_previewed_site_lives_and_reaches_nothing_else(address, window, run):
    window.look()
    window.open(f"{address}/runs/{run.id}/preview?step=1")
    frame = window.wait("return document.querySelector('iframe')")
    window.driver.switch_to.frame(frame)
    window.wait("return document.querySelector('h1')?.innerText === 'Bakery'")
    window.js("localStorage.setItem('x', '1')")
    reached = window.driver.execute_async_script(
        "const done = arguments[1]; fetch(arguments[0] + '/runs').then(() => done('reached'), () => done('refused'))",
        address,
    )
    assert reached == "refused"
    with pytest.raises(Exception, match=r"cross-origin|Blocked"):
        window.js("return parent.document.title")
    window.js("try { top.location = 'about:blank' } catch {}")
    time.sleep(0.3)
    window.driver.switch_to.default_content()
    assert window.js("return location.pathname").endswith("/preview")
    window.js("document.querySelector('[data-width=\"375\"]').click()")
    assert window.js("return document.querySelector('iframe').getBoundingClientRect().width") == 375
    window.complaints()


def test_the_editor_comes_only_where_it_is_wanted(address, window, run):
    window.look()
    window.open(f"{address}/runs/{run.id}")
    loaded = "return performance.getEntriesByType('resource').some((one) => one.name.includes('editor.js'))"
    assert not window.js(loaded)
    window.open(f"{address}/runs/{run.id}/code?step=1")
    window.wait("return document.querySelector('textarea').hidden")
    assert window.js(loaded)
    editor = "document.querySelector('form[data-editor] div').shadowRoot.querySelector('.cm-content')"
    assert "Bakery" in window.js(f"return {editor}.innerText")
    window.js(f"{editor}.focus()")
    window.cdp("Input.insertText", text="<!-- by hand -->")
    window.wait("return document.querySelector('textarea').value.includes('by hand')")
    assert window.complaints() == []


def test_versions_beside_and_over_each_other(address, window, run):
    window.look()
    window.open(f"{address}/runs/{run.id}/compare?a=1&b=2")
    window.js("const r = document.querySelector('.slide input'); r.value = 20; r.dispatchEvent(new Event('input'))")
    clip = window.js("return getComputedStyle(document.querySelector('.slider .over')).clipPath")
    assert "20%" in clip
    window.js("document.querySelector('[data-beside]').click()")
    window.wait(
        "return [...document.querySelectorAll('details div')].some((d) => d.shadowRoot?.querySelector('.cm-mergeView'))"
    )
    assert window.complaints() == []
