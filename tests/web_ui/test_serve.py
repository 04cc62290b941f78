"""`appliance serve`: one command, an address, and both children back after a kill."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from appliance.config import data_folder
from appliance.store import WORKER, Store
from tests.web_ui.served import Window, free_port
from web_ui.security import set_password

PROGRAM = Path(sys.executable).with_name("appliance")
BRIEF = "A page for a bakery: opening hours and a list of six kinds of bread. White background, teal components."


def started(home, *arguments, **variables):
    environment = {**os.environ, "APPLIANCE_HOME": str(home), **variables}
    return subprocess.Popen(
        [PROGRAM, "serve", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def serving(home, *arguments, code=0):
    """A started `serve`: the process and its address. It ends by SIGTERM, with this exit code."""
    ports = ["--port", str(free_port()), "--preview-port", str(free_port())]
    process = started(home, *ports, *arguments)
    try:
        said = process.stdout.readline()
        address = re.search(r"http\S+(?=;)", said)[0]
        for _ in range(300):
            with suppress(OSError):
                urllib.request.urlopen(address, timeout=5).close()
                break
            time.sleep(0.1)
        yield process, address
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        assert process.returncode == code, told


def until(claim, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := claim():
            return found
        time.sleep(0.1)
    raise AssertionError("never came true")


def test_both_children_live_and_come_back_after_a_kill(home):
    with serving(home) as (process, address), Store(home) as store:
        worker = until(lambda: store.lease_holder(WORKER))
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: store.lease_holder(WORKER) not in (None, worker))
        server = int(subprocess.check_output(["pgrep", "-o", "-f", "-P", str(process.pid), "web_ui.server"]))
        os.kill(server, signal.SIGKILL)

        def answers():
            with suppress(OSError):
                return urllib.request.urlopen(address, timeout=5).status == 200

        until(answers)
    with Store(home) as store:
        assert store.lease_holder(WORKER) is None


def test_another_worker_of_the_folder_is_left_to_its_work(home):
    with Store(home) as store:
        assert store.take_lease(WORKER)
        with serving(home):
            time.sleep(3)
            assert store.lease_holder(WORKER).pid == os.getpid()
        store.drop_lease(WORKER)


def test_a_taken_port_is_named(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = started(home, "--port", str(port))
        _, told = process.communicate(timeout=30)
    assert process.returncode == 3
    assert told == f"appliance: Port {port} on 127.0.0.1 is taken; choose another with --port.\n"


def test_other_machines_are_let_in_only_with_password_and_tls(home):
    process = started(home, "--host", "0.0.0.0")
    _, told = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "--set-password" in told
    assert "--tls-cert" in told
    assert len(told.splitlines()) == 1


WITHOUT_GUNICORN = "import sys; sys.modules['gunicorn.app.base'] = None; from web_ui.server import main; main()"


def test_where_gunicorn_cannot_be_had_waitress_serves_and_says_so(home):
    port, preview_port = free_port(), free_port()
    ports = {"APPLIANCE_UI__PORT": str(port), "APPLIANCE_UI__PREVIEW_PORT": str(preview_port)}
    environment = {**os.environ, "APPLIANCE_HOME": str(home), **ports}
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_GUNICORN], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:

        def status(address):
            with suppress(ConnectionError, urllib.error.URLError):
                return urllib.request.urlopen(address, timeout=5).status

        assert until(lambda: status(f"http://127.0.0.1:{port}/runs")) == 200
        with pytest.raises(urllib.error.HTTPError, match="421"):  # the other port shows sites, by labels of their own
            urllib.request.urlopen(f"http://127.0.0.1:{preview_port}/runs", timeout=5)
    finally:
        process.terminate()
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0
    assert told == "gunicorn cannot be had here, so waitress serves.\n"


def test_waitress_refuses_tls_instead_of_serving_without(home):
    environment = {
        **os.environ,
        "APPLIANCE_HOME": str(home),
        "APPLIANCE_UI__TLS_CERT": "a",
        "APPLIANCE_UI__TLS_KEY": "b",
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_GUNICORN],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "TLS needs gunicorn" in done.stderr.splitlines()[-1]


def test_over_tls_a_stranger_sees_the_login_only(home, tmp_path):
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"),
            *("-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    set_password(home, "correct horse")
    files = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    port = free_port()
    ports = ["--port", str(port), "--preview-port", str(free_port())]
    process = started(home, "--host", "0.0.0.0", "--no-worker", *files, *ports, APPLIANCE_UI__NAMES="localhost")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:

        def page():
            with suppress(OSError):
                return urllib.request.urlopen(f"https://localhost:{port}/runs", timeout=5, context=context)

        answer = until(page)
        assert answer.url.endswith("/login")
        assert "Secure" in answer.headers["Set-Cookie"]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.model
@pytest.mark.podman
@pytest.mark.browser
@pytest.mark.slow
def test_a_real_site_from_the_form_to_the_zip(tmp_path):
    """The starter model, rootless Podman, Chromium for the judge and another one for the person."""
    home, own = tmp_path / "home", data_folder({})
    home.mkdir()
    for name in ("models", "sandbox"):
        (home / name).symlink_to(own / name)
    (home / "config.toml").write_text('[generate]\nmodel = "qwen2.5-coder-0.5b"\n')
    window = Window(tmp_path / "profile")
    try:
        with serving(home) as (_, address):
            window.look()
            window.open(address)
            window.js("document.querySelector('#brief').value = arguments[0]", BRIEF)
            window.js("document.querySelector('details').open = true")
            window.js("for (const name of ['steps', 'drafts']) document.querySelector(`[name=${name}]`).value = 1")
            window.js("document.querySelector('.send').click()")
            window.wait("return document.querySelector('#text')?.innerText.length > 400", seconds=120)
            window.wait("return document.querySelector('.chip')?.innerText === 'done'", seconds=240)
            assert "Step 1 is the best" in window.js("return document.querySelector('#board').innerText")
            path = window.js("return location.pathname")
            packed = urllib.request.urlopen(f"{address}{path}/download/zip").read()
            assert packed.startswith(b"PK")
            window.open(f"{address}{path}/preview")
            window.driver.switch_to.frame(window.wait("return document.querySelector('iframe')"))
            window.wait("return document.body.innerText.length > 100")
    finally:
        window.close()
