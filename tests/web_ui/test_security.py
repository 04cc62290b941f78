"""Each promise about who may talk to the interface, tried to be broken."""

from __future__ import annotations

import io

import pytest

from appliance.errors import ConfigError
from tests.web_ui.visits import Visitor, config_of
from web_ui.app import create_app
from web_ui.security import Tries, allowed_hosts, is_loopback, require_safe, set_password, shown_host


def tls_files(home):
    """Files that can be read; what is in them is gunicorn's matter."""
    for name in ("cert.pem", "key.pem"):
        (home / name).write_text("x")
    return {"tls_cert": str(home / "cert.pem"), "tls_key": str(home / "key.pem")}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8731", "127.0.0.1", "localhost:80", "127.0.0.1:8732", ""]
)
def test_another_name_is_not_answered(visitor, host):
    answer = visitor.client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "appliance" in answer.text.lower()


@pytest.mark.parametrize("host", ["127.0.0.1:8731", "localhost:8731", "[::1]:8731", "LOCALHOST:8731"])
def test_its_own_names_are(visitor, host):
    assert visitor.client.get("/", headers={"Host": host}).status_code == 200


def test_a_name_of_ones_own_is_added_in_the_settings(home):
    ui = config_of(home, names="box.lan, other.lan")[0].ui
    assert {"box.lan:8731", "other.lan:8731"} <= allowed_hosts(ui)


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("wrong", {}),
        (None, {"Origin": "http://evil.example"}),
        (None, {"Origin": "http://127.0.0.1:8732"}),
        (None, {"Origin": "null"}),
        (None, {"Sec-Fetch-Site": "cross-site"}),
        (None, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_forged_form_changes_nothing(visitor, store, token, headers):
    before = store.count_runs()
    data = {"brief": "A bakery"} if token is None else {"brief": "A bakery", "token": token}
    answer = visitor.post("/runs", data, headers=headers)
    assert answer.status_code == 403
    assert store.count_runs() == before


def test_a_form_without_a_session_changes_nothing(visitor, store):
    before = store.count_runs()
    token = visitor.token()
    visitor.client.delete_cookie("session", domain="127.0.0.1")
    answer = visitor.client.post("/runs", base_url=visitor.base, data={"brief": "A bakery", "token": token})
    assert answer.status_code == 403
    assert store.count_runs() == before


def test_every_change_is_guarded(visitor):
    """No address that takes a form answers one without a token."""
    for rule in visitor.client.application.url_map.iter_rules():
        if "POST" not in rule.methods:
            continue
        path = (
            rule.rule.replace("<run_id>", "x")
            .replace("<name>", "x")
            .replace("<act>", "remove")
            .replace("<adapter>", "x")
        )
        assert "<" not in path
        assert visitor.client.post(path, base_url=visitor.base).status_code == 403, path


def test_pages_may_run_only_shipped_scripts(visitor, run):
    for path in ("/", f"/runs/{run.id}", "/nothing"):
        policy = visitor.get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_what_is_in_a_brief_is_text(visitor):
    evil = '<script>alert(1)</script><img src=x onerror=alert(2)> {{ 31337*3 }} "onmouseover="x'
    answer = visitor.post("/runs", {"brief": f"A bakery {evil}"})
    page = visitor.text(answer.headers["Location"])
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "94011" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_session_cookie_is_closed(home):
    set_password(home, "correct horse")
    app = create_app(*config_of(home, host="192.0.2.1", **tls_files(home)))
    answer = app.test_client().get("/login", base_url="https://192.0.2.1:8731")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert "SameSite=Strict" in cookie
    assert "Strict-Transport-Security" in answer.headers


def test_loopback_addresses():
    assert all(map(is_loopback, ("127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.0.2.1", "localhost.example", "127.0.0.1.example")))


def test_elsewhere_it_refuses_and_says_how(home):
    for ui in ({"host": "0.0.0.0"}, {"host": "192.0.2.1"}, {"host": "box.lan"}):
        with pytest.raises(ConfigError, match=r"--set-password.*--tls-cert"):
            create_app(*config_of(home, **ui))
    set_password(home, "correct horse")
    with pytest.raises(ConfigError, match=r"certificate"):
        require_safe(config_of(home, host="0.0.0.0")[0].ui, home)


def test_the_password_lies_as_a_hash_that_only_its_owner_reads(home):
    path = set_password(home, "correct horse")
    assert "correct" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="fewer than 8"):
        set_password(home, "short")


@pytest.fixture
def guarded(home):
    set_password(home, "correct horse")
    clock = [0.0]
    app = create_app(*config_of(home, host="192.0.2.1", **tls_files(home)), tries=Tries(lambda: clock[0]))
    visitor = Visitor(app)
    visitor.base = "https://192.0.2.1:8731"
    visitor.clock = clock
    return visitor


def log_in(guarded, password):
    token = guarded.get("/login").text.split('name="token" value="')[1].split('"')[0]
    return guarded.client.post(
        "/login", base_url=guarded.base, data={"token": token, "password": password}, headers={"Origin": guarded.base}
    )


def test_without_the_password_nothing_is_shown(guarded, run):
    for path in ("/", "/runs", f"/runs/{run.id}", f"/runs/{run.id}/events", "/machine/models", "/state"):
        answer = guarded.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/login"), path
    assert log_in(guarded, "correct horse").status_code == 302
    assert guarded.get("/runs").status_code == 200


def test_five_wrong_passwords_and_the_next_is_not_read(guarded):
    assert [log_in(guarded, "wrong password").status_code for _ in range(5)] == [401] * 5
    refused = log_in(guarded, "correct horse")
    assert refused.status_code == 429
    assert "300 seconds" in refused.text
    guarded.clock[0] = 301.0
    assert log_in(guarded, "correct horse").status_code == 302


def test_language_goes_back_only_within_the_interface(visitor):
    for back in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example"):
        answer = visitor.post("/language", {"language": "zh", "back": back})
        assert answer.headers["Location"] == "/"
    assert visitor.post("/language", {"language": "xx"}).status_code == 400


def test_a_huge_form_is_refused_with_a_sentence(visitor):
    long = visitor.post("/runs", {"brief": "a" * 100_000})
    assert long.status_code == 400
    assert "20000 are the limit" in long.text
    huge = visitor.post("/runs", {"brief": "a" * 20_000_000})
    assert huge.status_code == 413
    assert "too large" in huge.text
    elsewhere = visitor.post("/language", {"language": "a" * 1_000_000})
    assert elsewhere.status_code == 413


def test_a_stranger_cannot_send_a_file_before_the_login(guarded):
    """The body is not even read: a form with a file would be kept on the disk before anybody looks at it."""

    class Body(io.BytesIO):
        reads = 0

        def read(self, *size):
            self.reads += 1
            return super().read(*size)

    body = Body(b"--x\r\n" + b"a" * 100_000)
    answer = guarded.client.post(
        *("/machine/models/upload?name=x.gguf",),
        base_url=guarded.base,
        input_stream=body,
        content_type="multipart/form-data; boundary=x",
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    assert body.reads == 0


def test_a_new_password_ends_old_sessions(guarded, home):
    log_in(guarded, "correct horse")
    assert guarded.get("/runs").status_code == 200
    set_password(home, "another horse")
    assert guarded.get("/runs").status_code == 302


def test_logging_out(guarded):
    log_in(guarded, "correct horse")
    token = guarded.get("/").text.split('name="token" value="')[1].split('"')[0]
    headers = {"Origin": guarded.base}
    guarded.client.post("/logout", base_url=guarded.base, data={"token": token}, headers=headers)
    assert guarded.get("/runs").status_code == 302


def test_many_tries_at_once_are_no_way_around(guarded):
    tries = guarded.client.application.extensions["login"][1]
    assert [tries.begin("a") > 0 for _ in range(6)] == [False] * 5 + [True]
    assert tries.begin("b") == 0


def test_the_password_can_be_set_before_there_is_anything(tmp_path):
    assert set_password(tmp_path / "new" / "home", "correct horse").is_file()


def test_the_printed_name_is_answered(home):
    config = config_of(home, host="0.0.0.0")[0]
    assert f"{shown_host(config.ui).lower()}:8731" in allowed_hosts(config.ui)
    assert "mybox.lan:8731" in allowed_hosts(config_of(home, host="MyBox.lan")[0].ui)


@pytest.mark.parametrize("ui", [{"port": 8732}, {"tls_cert": "/nowhere.pem", "tls_key": "/nowhere.key"}])
def test_what_cannot_be_served_is_refused_at_once(home, ui):
    with pytest.raises(ConfigError):
        require_safe(config_of(home, **ui)[0].ui, home)
