"""What looking and clicking costs, without any model. Run as `python -m tests.bench.eyes [--json] [--only PART]`.

gui_action_ratio     the reference's acts with its fixed waits, really slept, over the same acts of ours, in one run
late_change_missed   of 30 reactions that come 50–2,000 ms after the act, how many we did not see
replay_10_s          a replay of ten acts, page load included
audit_and_shots_s    audit with its two screenshots of a page that was opened before
explorer_*           from tests/bench/explored.py
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from urllib.parse import parse_qs, urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from appliance.assets import complete
from appliance.audit import audit
from appliance.replay import record, run_replay
from appliance.steps import Act
from sandbox.browser import Browser, BrowserSettings
from sandbox.hands import Hands, Target
from tests.appliance.pages import BRIEF, site

WAITS_S = {"click": 3.0, "type": 1.0 + 2.0 + 10.0, "scroll": 3.0, "back": 2.0}
"""The reference's, which ends all typing with Enter."""

LATE_KINDS = ("timer", "fetch", "animation", "navigation")
LATE_RUNS = 30

TODO = """<!doctype html><title>Todo</title><h1>Todo</h1><form id=f><label for=t>Task</label><input id=t>
<button>Add</button></form><ul id=l></ul><a href="/about">About</a><div style="height:2000px"></div>
<script>f.onsubmit = (event) => { event.preventDefault(); const li = document.createElement('li')
li.textContent = t.value; const x = document.createElement('button')
x.textContent = 'Delete'; x.onclick = () => li.remove()
li.append(x); l.append(li); localStorage.tasks = l.textContent; t.value = '' }</script>"""
ABOUT = "<!doctype html><title>About</title><h1>About us</h1><a href='/'>Home</a>"
LATE = """<!doctype html><title>Late</title><p id=out>nothing</p><button id=go>Go</button><script>
const [kind, ms] = ['%s', %d], say = () => { out.textContent = 'it came' }
go.onclick = {
  timer: () => setTimeout(say, ms),
  fetch: () => fetch('/slow?ms=' + ms).then((answer) => answer.text()).then(say),
  animation: () => { out.animate([{ opacity: .5 }, { opacity: 1 }], ms).onfinish = say },
  navigation: () => { location.href = '/slow?page=1&ms=' + ms },
}[kind]</script>"""


class Pages(BaseHTTPRequestHandler):
    """The pages above, and answers that take their time."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        match address.path:
            case "/about":
                self._send(ABOUT)
            case "/late":
                self._send(LATE % (asked["kind"], int(asked["ms"])))
            case "/slow":
                time.sleep(int(asked["ms"]) / 1000)
                self._send("<!doctype html><title>Next</title><h1>it came</h1>" if "page" in asked else "data")
            case "/":
                self._send(TODO)
            case path if content := self.files.get(path.removeprefix("/site/")):
                self._send(
                    content, {"css": "text/css", "svg": "image/svg+xml"}.get(path.rpartition(".")[2], "text/html")
                )
            case _:
                self._send("", status=404)

    def _send(self, body: str | bytes, kind: str = "text/html", status: int = 200) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def served() -> Iterator[str]:
    Pages.files = dict(complete(site(), BRIEF).files)
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def median_of(times: int, work: Callable[[], object]) -> float:
    return round(statistics.median(seconds(work) for _ in range(times)), 3)


def control(hands: Hands, name: str) -> Target:
    return next(mark.target for mark in hands.marks() if mark.target.name == name)


class Bench:
    def __init__(self, url: str, hands: Hands) -> None:
        self.url, self.hands = url, hands
        self.figures: dict[str, object] = {}

    def acts(self) -> None:
        """One act of each kind that the reference waits for, and a second click; each side is asked for its effect."""
        hands = self.hands
        hands.forget()
        hands.open("/")
        ours = {
            "type": seconds(lambda: hands.type(control(hands, "Task"), "bread", enter=True)),
            "click": seconds(lambda: hands.click(control(hands, "Delete"))),
            "scroll": seconds(lambda: hands.scroll("down")),
            "follow": seconds(lambda: hands.click(control(hands, "About"))),
            "back": seconds(hands.back),
        }
        reference = self._reference()
        self.figures["gui_action_ratio"] = round(sum(reference.values()) / sum(ours.values()), 1)
        self.figures["gui_act_s"] = {name: round(value, 3) for name, value in ours.items()}
        self.figures["gui_act_reference_s"] = {name: round(value, 3) for name, value in reference.items()}

    def _reference(self) -> dict[str, float]:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            for flag in ("--headless=new", "--disable-gpu", "--window-size=1024,768", f"--user-data-dir={profile}"):
                options.add_argument(flag)
            driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
            try:
                driver.get(self.url)

                def waited(kind: str, work: Callable[[], object]) -> float:
                    return seconds(lambda: (work(), time.sleep(WAITS_S[kind])))

                def find(selector: str) -> webdriver.remote.webelement.WebElement:
                    return driver.find_element(By.CSS_SELECTOR, selector)

                return {
                    "type": waited("type", lambda: find("#t").send_keys("bread", Keys.ENTER)),
                    "click": waited("click", lambda: find("li button").click()),
                    "scroll": waited("scroll", lambda: driver.execute_script("scrollBy(0, innerHeight * 2 / 3)")),
                    "follow": waited("click", lambda: find("a").click()),
                    "back": waited("back", driver.back),
                }
            finally:
                driver.quit()

    def late(self) -> None:
        missed = []
        for n in range(LATE_RUNS):
            kind, ms = LATE_KINDS[n % len(LATE_KINDS)], 50 + round(1950 * n / (LATE_RUNS - 1))
            self.hands.open(f"/late?kind={kind}&ms={ms}")
            effect = self.hands.click(control(self.hands, "Go"))
            if "it came" not in effect.added:
                missed.append(f"{kind} after {ms} ms")
        self.figures["late_change_missed"] = len(missed)
        self.figures["late_changes"] = LATE_RUNS
        if missed:
            self.figures["late_missed"] = missed

    def replay(self) -> None:
        self.hands.forget()
        self.hands.open("/")
        task, add, about = (as_data(control(self.hands, name)) for name in ("Task", "Add", "About"))
        self.hands.type(control(self.hands, "Task"), "x", enter=True)
        delete = as_data(control(self.hands, "Delete"))
        acts = [Act("type", task, "zebra one"), Act("click", add), Act("type", task, "zebra two"), Act("click", add)]
        acts += [Act("click", delete), Act("reload", {}), Act("enter", task, "zebra three"), Act("click", about)]
        acts += [Act("back", {}), Act("scroll", {}, "down")]
        replay = record(self.hands, "ten acts", acts)
        assert replay is not None
        assert len(replay.acts) == 10
        results = []
        self.figures["replay_10_s"] = median_of(3, lambda: results.append(run_replay(self.hands, replay)))
        assert all(result.passed for result in results), results

    def audit(self) -> None:
        browser = self.hands.browser
        self.hands.close()  # the audit sees the page as it is
        audit(browser, BRIEF, path="/site/index.html")
        self.figures["audit_and_shots_s"] = median_of(5, lambda: audit(browser, BRIEF, path="/site/index.html"))

    def explorer(self) -> None:
        """explorer_s, explorer_recall and explorer_false."""
        self.figures |= import_module("tests.bench.explored").explorer_figures()


def as_data(target: Target) -> dict[str, str | int]:
    return {name: getattr(target, name) for name in Target.__slots__}


PARTS = ("acts", "late", "replay", "audit", "explorer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure only this part")
    chosen = parser.parse_args()
    with served() as url, Browser(BrowserSettings(), url) as browser, Hands(browser) as hands:
        bench = Bench(url, hands)
        for name in chosen.only or PARTS:
            if not chosen.json:
                print(f"… {name}", file=sys.stderr)
            getattr(bench, name)()
    if chosen.json:
        print(json.dumps(bench.figures))
    else:
        for key, value in bench.figures.items():
            print(f"{key:24} {value}")


if __name__ == "__main__":
    main()
