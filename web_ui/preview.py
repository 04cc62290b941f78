"""Generated sites, shown from a port and an origin of their own, from what is stored: nothing of a site runs here.

On this machine every step has its own origin, `LABEL.localhost`, so that what a site keeps in the browser stays with
it. Elsewhere there are no such names: there the label is the first part of the path and the page gets no origin at all
(`sandbox`), which takes its storage away; `Address.keeps_nothing` says so. A label names run and step, ends, and is
signed. Pages may load nothing but themselves and stand in no frame but the interface's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import posixpath
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from appliance.config import UiSettings
from appliance.errors import ApplianceError
from sandbox.kit import kit_files
from web_ui.pool import StorePool
from web_ui.security import is_loopback

WINDOW_S = 12 * 3600
"""A label is good until the end of the window after the one it was made in: 12 to 24 hours."""
_LABEL = re.compile(r"([a-z2-7]{16})-([0-9a-z]+)-([0-9]+)-([0-9]{8}-[0-9]{6}-[0-9a-f]+)")
_ROOTED = re.compile(rb"""((?:href|src|action|poster)\s*=\s*["']?)/(?!/)""", re.IGNORECASE)
_TYPES = {
    **{"html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8"},
    **{"js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8", "json": "application/json"},
    **{"txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8", "csv": "text/csv; charset=utf-8"},
    **{"svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif"},
    **{"webp": "image/webp", "avif": "image/avif", "ico": "image/x-icon", "woff": "font/woff", "woff2": "font/woff2"},
    **{"ttf": "font/ttf", "otf": "font/otf", "xml": "application/xml", "wasm": "application/wasm"},
    **{"mp3": "audio/mpeg", "wav": "audio/wav", "mp4": "video/mp4", "webm": "video/webm", "pdf": "application/pdf"},
    **{"webmanifest": "application/manifest+json", "map": "application/json"},
}

StartResponse = Callable[..., Any]


def content_type(path: str) -> str:
    return _TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    keeps_nothing: bool
    """True where the page has no origin and so no storage."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a label stands for."""

    run_id: str
    n: int


class Labels:
    """Makes and reads labels. `now`: seconds since the epoch."""

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        self._key, self._now = hashlib.sha256(b"preview" + key).digest(), now

    def make(self, shown: Shown) -> str:
        rest = f"{_base36(int(self._now()) // WINDOW_S + 2)}-{shown.n}-{shown.run_id}"
        return f"{self._sign(rest)}-{rest}"

    def read(self, label: str) -> Shown | None:
        """None for one that is not ours or has ended."""
        match = _LABEL.fullmatch(label)
        if match is None:
            return None
        mac, end, n, run_id = match.groups()
        if not hmac.compare_digest(mac, self._sign(f"{end}-{n}-{run_id}")) or int(end, 36) * WINDOW_S <= self._now():
            return None
        return Shown(run_id, int(n))

    def _sign(self, rest: str) -> str:
        digest = hmac.new(self._key, rest.encode(), hashlib.sha256).digest()
        return base64.b32encode(digest[:10]).decode().lower()


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


def frame_sources(settings: UiSettings) -> str:
    """What the interface may show in frames."""
    if is_loopback(settings.host):
        return f"http://*.localhost:{settings.preview_port}"
    return f"https://*:{settings.preview_port}"


class Previews:
    """A WSGI application, and the addresses at which it shows steps."""

    def __init__(self, settings: UiSettings, pool: StorePool, labels: Labels) -> None:
        self._settings, self._pool, self._labels = settings, pool, labels
        self._own_names = is_loopback(settings.host)
        self._scheme = "https" if settings.tls_cert else "http"
        self._manifest = lru_cache(256)(self._read_manifest)

    def address(self, run_id: str, n: int, ui_host: str) -> Address:
        """`ui_host`: the name by which the interface was called, with its port."""
        label, port = self._labels.make(Shown(run_id, n)), self._settings.preview_port
        if self._own_names:
            return Address(f"{self._scheme}://{label}.localhost:{port}/", False)
        name = ui_host.rpartition(":")[0] if re.search(r":\d+$", ui_host) else ui_host
        return Address(f"{self._scheme}://{name}:{port}/{label}/", True)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = self._answer(environ)
        common = [
            ("Content-Security-Policy", self._policy(environ)),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            ("Content-Length", str(len(body))),
        ]
        if not self._own_names:  # a page without an origin asks for its own modules and fonts as a stranger
            common.append(("Access-Control-Allow-Origin", "*"))
        start_response(status, [*headers, *common])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _policy(self, environ: dict[str, Any]) -> str:
        own = "'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
        scheme, port = self._scheme, self._settings.port
        frames = f"{scheme}://localhost:{port} {scheme}://127.0.0.1:{port}"
        if not self._own_names:
            own = own.replace("'self'", f"{scheme}://{environ.get('HTTP_HOST', '')}")
            frames = f"{scheme}://*:{port}"
        policy = f"default-src {own}; frame-ancestors {frames}; form-action {own.split()[0]}; base-uri 'self'"
        return policy if self._own_names else f"{policy}; sandbox allow-scripts allow-forms allow-modals"

    def _answer(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _text("405 Method Not Allowed", "A preview has no server side: only GET and HEAD work.")
        path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
        if self._own_names:
            label, _, rest = environ.get("HTTP_HOST", "").partition(".")
            prefix = ""
            if rest.lower() != f"localhost:{self._settings.preview_port}":
                return _text("421 Misdirected Request", "Previews are opened from the interface.")
        else:
            label, slash, path = path.lstrip("/").partition("/")
            prefix, path = f"/{label}", slash + path
        shown = self._labels.read(label.lower())
        if shown is None:
            return _text("403 Forbidden", "This preview has ended; reload the page that showed it.")
        if not path:
            return "301 Moved Permanently", [("Location", f"{prefix}/")], b""
        try:
            return self._file(shown, path, prefix)
        except ApplianceError as error:
            return _text("404 Not Found", str(error))

    def _file(self, shown: Shown, path: str, prefix: str) -> tuple[str, list[tuple[str, str]], bytes]:
        manifest, single_page = self._manifest(shown.run_id, shown.n)
        name = posixpath.normpath("/" + path).lstrip("/")
        if "\0" in name or "\\" in name:
            return _text("400 Bad Request", "This is no path of a site.")
        wanted = f"{name}/index.html".lstrip("/") if path.endswith("/") else name
        if wanted not in manifest and f"{name}/index.html" in manifest:
            return "301 Moved Permanently", [("Location", f"{prefix}/{quote(name)}/")], b""
        if wanted not in manifest and single_page and "." not in posixpath.basename(name):
            wanted = "index.html"
        if wanted not in manifest:
            if wanted.startswith("kit/") and wanted.removeprefix("kit/") in kit_files():
                return _file(wanted, kit_files()[wanted.removeprefix("kit/")], prefix)
            return _text("404 Not Found", f"The site has no file {name or 'index.html'}.")
        with self._pool.store() as store:
            return _file(wanted, store.blob(manifest[wanted]), prefix)

    def _read_manifest(self, run_id: str, n: int) -> tuple[dict[str, str], bool]:
        """Files of a step as they were served to the judges, and whether unknown paths belong to its one page."""
        with self._pool.store() as store:
            step = store.step(run_id, n)
            if step is None:
                return {}, False
            return store.manifest(step.built or step.snapshot), bool(step.built)


def _file(path: str, content: bytes, prefix: str) -> tuple[str, list[tuple[str, str]], bytes]:
    kind = content_type(path)
    if prefix and kind.startswith("text/html"):  # addresses from the root on, below the label
        content = _ROOTED.sub(rb"\1" + prefix.encode() + b"/", content)
    return "200 OK", [("Content-Type", kind)], content


def _text(status: str, text: str) -> tuple[str, list[tuple[str, str]], bytes]:
    return status, [("Content-Type", "text/plain; charset=utf-8")], text.encode()
