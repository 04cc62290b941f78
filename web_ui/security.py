"""Who may talk to the interface, and what a page of it may do.

Host names are an allow-list, so that another site's name cannot be pointed at this machine (DNS rebinding). A request
that changes something carries the session's token and comes from the interface's own origin. Pages run no script but
the shipped ones. On an address that others can reach there is a password, told as a hash, with few tries.

Not done here: no accounts, no roles; who knows the password may do all.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, redirect, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response as BaseResponse

from appliance.config import UiSettings
from appliance.errors import ConfigError

PASSWORD_FILE = "ui-password"
SECRET_FILE = "ui-secret"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_ENDPOINTS = frozenset({"login.form", "login.enter_", "static", "pages.font", "pages.language"})
_WHOLE_BODIES = frozenset({"machine.upload_model"})
_TRIES, _TRIES_IN_S = 5, 300.0


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_safe(settings: UiSettings, home: Path) -> None:
    """Files that can be read, two ports, and on an address that others can reach a password and TLS. Raises ConfigError
    that says how to get them."""
    for name, file in (("tls_cert", settings.tls_cert), ("tls_key", settings.tls_key)):
        if file and not os.access(file, os.R_OK):
            raise ConfigError(f"The file {file} (ui.{name}) cannot be read; check its path and its owner.")
    if settings.port == settings.preview_port:
        raise ConfigError(f"The interface and the previews both want port {settings.port}; give one another.")
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
        _write_private(path, secrets.token_hex(32))
    return bytes.fromhex(path.read_text().strip())


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)


@dataclass(slots=True)
class Tries:
    """Tried passwords by address: after five wrong ones within five minutes the next are refused unread. A try counts
    before its password is looked at, so that many at once are no way around."""

    now: Callable[[], float] = time.monotonic
    _at: dict[str, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    hashing: threading.Lock = field(default_factory=threading.Lock)
    """One hash at a time: each takes tens of megabytes."""

    def begin(self, address: str) -> float:
        """Count a try. Returns the seconds until this address may try again; 0 when it may now."""
        with self._lock:
            self._at = {who: kept for who, at in self._at.items() if (kept := self._recent(at))}
            recent = self._at.setdefault(address, [])
            if len(recent) >= _TRIES:
                return recent[0] + _TRIES_IN_S - self.now()
            recent.append(self.now())
        return 0.0

    def right(self, address: str) -> None:
        with self._lock:
            self._at.pop(address, None)

    def _recent(self, at: list[float]) -> list[float]:
        return [one for one in at if self.now() - one < _TRIES_IN_S]


def allowed_hosts(settings: UiSettings) -> frozenset[str]:
    """`name:port` as browsers send it in Host; the port is left out where it is the scheme's own."""
    host = shown_host(settings).lower()
    names = {"localhost", "127.0.0.1", "[::1]", *_names(settings), f"[{host}]" if ":" in host else host}
    usual = "443" if settings.tls_cert else "80"
    port = str(settings.port)
    return frozenset({f"{name}:{port}" for name in names} | (names if port == usual else set()))


def shown_host(settings: UiSettings) -> str:
    """The name for the printed address: all addresses are no address that a browser can open."""
    if settings.host not in ("0.0.0.0", "::"):
        return settings.host
    return next(iter(_names(settings)), socket.gethostname())


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
        if needs_login and request.endpoint not in _OPEN_ENDPOINTS and not _is_in(app):
            return redirect(url_for("login.form"))
        if request.method not in _SAFE_METHODS:
            _require_own_origin()
        return None

    def harden(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy)  # a view that sets one has a stricter page
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
    sent = request.headers.get("X-Token")
    if sent is None:  # whole bodies carry the header; a form would be read, and kept on disk, before it is known
        sent = "" if request.endpoint in _WHOLE_BODIES else request.form.get("token", "")
    if not secrets.compare_digest(sent.encode(), str(session.get("token", secrets.token_hex())).encode()):
        abort(403)


def enter(app: Flask, password: str) -> float:
    """Log this session in. Returns 0, or after a wrong password the seconds to wait, at least a moment."""
    path, tries = app.extensions["login"]
    address = request.remote_addr or ""
    if wait := tries.begin(address):
        return float(wait)
    with tries.hashing:
        is_right = path.is_file() and check_password_hash(path.read_text().strip(), password)
    if not is_right:
        return 0.01
    tries.right(address)
    session.clear()
    session["in"] = _of_password(app)
    return 0.0


def _is_in(app: Flask) -> bool:
    """A new password ends the sessions that the old one opened."""
    return secrets.compare_digest(str(session.get("in", "")), _of_password(app))


def _of_password(app: Flask) -> str:
    path, _ = app.extensions["login"]
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32] if path.is_file() else secrets.token_hex()
