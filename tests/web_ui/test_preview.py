"""Sites are shown from an origin of their own, and reach nothing but themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from werkzeug.test import Client

from sandbox.workspace import snapshot
from tests.web_ui.visits import config_of
from web_ui.pool import StorePool
from web_ui.preview import WINDOW_S, Labels, Previews, Shown, frame_sources

KEY = b"k" * 32


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def previews(home, clock):
    pool = StorePool(home)
    yield Previews(config_of(home)[0].ui, pool, Labels(KEY, clock))
    pool.close()


def opened(previews, run, n, path="/", **more):
    """Ask for a path of the step's own origin."""
    host = previews.address(run.id, n, "127.0.0.1:8731").url.removeprefix("http://").rstrip("/")
    return Client(previews).get(path, base_url=f"http://{host}", **more)


def test_a_step_is_shown_as_it_was_judged(previews, run):
    answer = opened(previews, run, 1)
    assert answer.status_code == 200
    assert "<h1>Bakery</h1>" in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_each_step_has_its_own_origin_and_the_interface_none_of_them(previews, run):
    first, second = (previews.address(run.id, n, "127.0.0.1:8731").url for n in (1, 2))
    assert first != second
    assert first.endswith(".localhost:8732/")


def test_a_label_that_was_changed_opens_nothing(previews, run, clock):
    label = Labels(KEY, clock).make(Shown(run.id, 1))
    mac, rest = label.split("-", 1)
    for forged in (f"{mac}-{rest.replace('-1-', '-2-', 1)}", f"{'a' * 16}-{rest}", rest, "x", ""):
        answer = Client(previews).get("/", base_url=f"http://{forged or 'none'}.localhost:8732")
        assert answer.status_code == 403, forged
    other = Labels(b"o" * 32, clock).make(Shown(run.id, 1))
    assert Client(previews).get("/", base_url=f"http://{other}.localhost:8732").status_code == 403


def test_a_label_ends(clock, run):
    labels = Labels(KEY, clock)
    label = labels.make(Shown(run.id, 3))
    clock.now += WINDOW_S - 1
    assert labels.read(label) == Shown(run.id, 3)
    clock.now += WINDOW_S + 1
    assert labels.read(label) is None


def test_the_name_of_a_label_is_one_of_the_names_that_browsers_allow(clock, run):
    label = Labels(KEY, clock).make(Shown(run.id, 200))
    assert len(label) <= 63
    assert label == label.lower()


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fetc/passwd", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..\\etc", "/appliance.db"]
)
def test_no_path_leads_out(previews, run, path):
    answer = opened(previews, run, 1, path)
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text


def test_a_page_may_load_nothing_but_itself_and_stand_in_no_other_frame(previews, run):
    policy = opened(previews, run, 1).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self' ")
    assert "http:" not in policy.split("frame-ancestors")[0]
    assert "frame-ancestors http://localhost:8731 http://127.0.0.1:8731" in policy


def test_it_takes_no_form(previews, run):
    host = previews.address(run.id, 1, "x").url
    assert Client(previews).post("/", base_url=host).status_code == 405


def test_the_kit_is_there(previews, run):
    assert opened(previews, run, 1, "/kit/site.css").headers["Content-Type"].startswith("text/css")
    assert opened(previews, run, 1, "/kit/../appliance.db").status_code == 404


def test_a_run_that_is_gone(previews, run, store):
    store.delete_run(run.id)
    assert opened(previews, run, 1).status_code == 404


def test_seen_from_another_machine_the_page_has_no_origin(home, run, clock):
    ui = config_of(home, host="192.0.2.1", tls_cert="c", tls_key="k")[0].ui
    pool = StorePool(home)
    previews = Previews(ui, pool, Labels(KEY, clock))
    address = previews.address(run.id, 1, "192.0.2.1:8731")
    assert address.keeps_nothing
    assert address.url.startswith("https://192.0.2.1:8732/")
    path = address.url.removeprefix("https://192.0.2.1:8732")
    answer = Client(previews).get(path, base_url="https://192.0.2.1:8732")
    assert answer.status_code == 200
    assert "sandbox allow-scripts" in answer.headers["Content-Security-Policy"]
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
    assert Client(previews).get(path.rstrip("/"), base_url="https://192.0.2.1:8732").status_code == 301
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert Client(previews).get("/%5Cevil.example", base_url="https://192.0.2.1:8732").status_code == 403
    assert frame_sources(ui) == "https://*:8732"
    pool.close()


def test_a_folder_with_any_name_is_found(home, run, clock, store):
    files = {"日本/index.html": b"<h1>Bread</h1>"}
    step = replace(store.step(run.id, 1), n=9, snapshot=snapshot(files).id)
    store.add_step(run.id, step, files, [], {}, tip=9)
    pool = StorePool(home)
    answer = opened(Previews(config_of(home)[0].ui, pool, Labels(KEY, clock)), run, 9, "/日本")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/%E6%97%A5%E6%9C%AC/")
    pool.close()
