"""Who may talk to the interface, and what a page of it may do.

Host names are an allow-list, so that another site's name cannot be pointed at this machine (DNS rebinding). A request
that changes something carries the session's token and comes from the interface's own origin. Pages run no script but
the shipped ones. On an address that others can reach there is a password, told as a hash, with few tries.

Not done here: no accounts, no roles; who knows the password may do all.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response as BaseResponse

from appliance.config import UiSettings
from appliance.errors import ConfigError

PASSWORD_FILE = "ui-password"
SECRET_FILE = "ui-secret"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_ENDPOINTS = frozenset({"login.form", "login.enter_", "static", "pages.font", "pages.language"})
_TRIES, _TRIES_IN_S = 5, 300.0


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_safe(settings: UiSettings, home: Path) -> None:
    """On an address that others can reach: a password and TLS. Raises ConfigError that says how to get both."""
    if is_loopback(settings.host):
        return
    lacking = []
    if not (home / PASSWORD_FILE).is_file():
        lacking.append("a password (set one with: appliance serve --set-password)")
    if not (settings.tls_cert and settings.tls_key):
        lacking.append("a certificate and its key (--tls-cert FILE --tls-key FILE, or [ui] in config.toml)")
    if lacking:
        raise ConfigError(
            f"On {settings.host} other machines can reach the interface, so it wants {' and '.join(lacking)};"
            " or leave --host out and use it on this machine only."
        )


def set_password(home: Path, password: str) -> Path:
    """Keep its hash in a file that only this account reads. Raises ConfigError for one that is too short."""
    if len(password) < 8:
        raise ConfigError("The password has fewer than 8 characters; choose a longer one.")
    path = home / PASSWORD_FILE
    _write_private(path, generate_password_hash(password))
    return path


def secret(home: Path) -> bytes:
    """The key that signs sessions and preview addresses; made once."""
    path = home / SECRET_FILE
    if not path.is_file():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(path, secrets.token_hex(32))
    return bytes.fromhex(path.read_text().strip())


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)


@dataclass(slots=True)
class Tries:
    """Failed passwords by address: after five within five minutes the next ones are refused unread."""

    now: Callable[[], float] = time.monotonic
    _failed: dict[str, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, address: str) -> float:
        """Seconds until this address may try again; 0 now."""
        with self._lock:
            recent = [at for at in self._failed.get(address, []) if self.now() - at < _TRIES_IN_S]
            self._failed[address] = recent
            if not recent:
                del self._failed[address]
            return recent[0] + _TRIES_IN_S - self.now() if len(recent) >= _TRIES else 0.0

    def failed(self, address: str) -> None:
        with self._lock:
            self._failed.setdefault(address, []).append(self.now())


def allowed_hosts(settings: UiSettings) -> frozenset[str]:
    """`name:port` as browsers send it in Host; the port is left out where it is the scheme's own."""
    names = {"localhost", "127.0.0.1", "[::1]", *_names(settings)}
    if settings.host not in ("0.0.0.0", "::"):
        names.add(f"[{settings.host}]" if ":" in settings.host else settings.host)
    usual = "443" if settings.tls_cert else "80"
    port = str(settings.port)
    return frozenset({f"{name}:{port}" for name in names} | (names if port == usual else set()))


def _names(settings: UiSettings) -> Sequence[str]:
    return [name.strip().lower() for name in settings.names.split(",") if name.strip()]


def protect(app: Flask, settings: UiSettings, home: Path, frames: str, tries: Tries | None = None) -> None:
    """Put the walls around every request of the app. `frames` is the source of previews in the content policy."""
    hosts = allowed_hosts(settings)
    tries = tries or Tries()
    needs_login = not is_loopback(settings.host)
    app.secret_key = secret(home)
    app.config.update(
        SESSION_COOKIE_NAME="session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=bool(settings.tls_cert),
    )
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self';"
        f" form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src {frames}"
    )

    def admit() -> BaseResponse | None:
        if request.host.lower() not in hosts:
            abort(421)
        if request.method not in _SAFE_METHODS:
            _require_own_origin()
        if needs_login and not session.get("in") and request.endpoint not in _OPEN_ENDPOINTS:
            return redirect(url_for("login.form"))
        return None

    def harden(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = policy
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers.setdefault("Cache-Control", "no-store")
        if settings.tls_cert:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    app.before_request(admit)
    app.after_request(harden)
    app.extensions["login"] = (home / PASSWORD_FILE, tries)
    app.jinja_env.globals["token"] = token


def token() -> str:
    """The session's token for forms. Reading a page does not make a session; a form on it does."""
    if "token" not in session:
        session["token"] = secrets.token_urlsafe(24)
    return str(session["token"])


def _require_own_origin() -> None:
    """A form of this interface: the session's token, and no word of the browser that it comes from elsewhere."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        abort(403)
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        abort(403)
    sent = request.headers.get("X-Token") or request.form.get("token", "")
    if not secrets.compare_digest(sent.encode(), str(session.get("token", secrets.token_hex())).encode()):
        abort(403)


def enter(app: Flask, password: str) -> float:
    """Log this session in. Returns 0, or after a wrong password the seconds to wait, at least a moment."""
    path, tries = app.extensions["login"]
    address = request.remote_addr or ""
    if wait := tries.wait_s(address):
        return float(wait)
    if path.is_file() and check_password_hash(path.read_text().strip(), password):
        session.clear()
        session["in"] = True
        g.pop("token", None)
        return 0.0
    tries.failed(address)
    return max(0.01, float(tries.wait_s(address)))
