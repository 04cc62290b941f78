"""What a page did wrong, read from Chromium's two logs. Pure: log entries in, events out."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.page_text import parts_of, whole_text

Kind = Literal["exception", "console", "network"]
Level = Literal["error", "warning"]

LEVELS: Mapping[str, Level] = {"SEVERE": "error", "WARNING": "warning"}
PLACE = re.compile(r"^(?P<url>\S+) (?P<line>[0-9]{1,9})(?::(?P<column>[0-9]{1,9}))? (?P<text>.*)$", re.DOTALL)
REFUSED_BY_FENCE = "net::ERR_PROXY_CONNECTION_FAILED"
CANCELLED = "net::ERR_ABORTED"
FIRST_FAILURE = 400


@dataclass(frozen=True, slots=True)
class PageEvent:
    """`line` and `column` count from 1; 0 where Chromium names none."""

    kind: Kind
    level: Level
    text: str
    url: str = ""
    line: int = 0
    column: int = 0
    status: int | None = None


def console_events(entries: Iterable[Mapping[str, Any]]) -> Iterator[PageEvent]:
    """Errors and warnings of the `browser` log; its network lines are left to `NetworkReader`, which knows more."""
    for entry in entries:
        level = LEVELS.get(entry["level"])
        if level is None or entry["source"] == "network":
            continue
        message = whole_text(entry["message"])
        place = PLACE.match(message)
        if place is None:
            yield PageEvent("console", level, message)
            continue
        if "://" not in place["url"]:  # a line of our own script, not of the page
            yield PageEvent("console", level, plain_text(place["text"]))
            continue
        kind: Kind = "exception" if place["text"].startswith("Uncaught") else "console"
        column = place["column"]
        yield PageEvent(
            kind=kind,
            level=level,
            text=plain_text(place["text"]),
            url=place["url"],
            line=int(place["line"]) + 1,
            column=int(column) + 1 if column else 0,
        )


def plain_text(text: str) -> str:
    """Console arguments arrive as JSON strings; one alone reads better without its quotes."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return whole_text(value) if isinstance(value, str) else text


class NetworkReader:
    """Follows the `performance` log: what is still loading, what failed, and the main document's status."""

    def __init__(self, main_frame: str, origin: str) -> None:
        self._main_frame = main_frame
        self._origin = origin
        self._addresses: dict[str, str] = {}
        self._loading: set[str] = set()
        self.document_status: int | None = None

    @property
    def is_quiet(self) -> bool:
        return not self._loading

    def begin_page(self) -> None:
        self._addresses.clear()
        self._loading.clear()
        self.document_status = None

    def read(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[PageEvent]:
        for entry in entries:
            message = json.loads(entry["message"])["message"]
            event = self._take(message["method"], message["params"])
            if event is not None:
                yield event

    def _take(self, method: str, params: Mapping[str, Any]) -> PageEvent | None:
        request = params.get("requestId", "")
        match method:
            case "Network.requestWillBeSent":
                self._addresses[request] = params["request"]["url"]
                if params.get("type") not in ("EventSource", "Ping"):
                    self._loading.add(request)
            case "Network.webSocketCreated":
                self._addresses[request] = params["url"]
            case "Network.responseReceived":
                return self._answered(request, params)
            case "Network.loadingFinished":
                self._loading.discard(request)
            case "Network.loadingFailed":
                return self._failed(request, params)
            case "Network.webSocketFrameError":
                return self._refused(request, params.get("errorMessage", ""))
        return None

    def _answered(self, request: str, params: Mapping[str, Any]) -> PageEvent | None:
        status, url = params["response"]["status"], params["response"]["url"]
        if params.get("type") == "Document" and params.get("frameId") == self._main_frame:
            self.document_status = status
        # Chromium asks for this file on its own account; no page is at fault when there is none.
        if status < FIRST_FAILURE or parts_of(url).path == "/favicon.ico":
            return None
        return PageEvent("network", "error", f"HTTP {status}", url, status=status)

    def _failed(self, request: str, params: Mapping[str, Any]) -> PageEvent | None:
        self._loading.discard(request)
        text = params.get("errorText", "")
        if params.get("canceled") or text == CANCELLED:
            return None
        return self._refused(request, text or params.get("blockedReason", "") or "refused by the browser")

    def _refused(self, request: str, text: str) -> PageEvent | None:
        url = self._addresses.get(request, "")
        if not url.startswith(self._origin) and (REFUSED_BY_FENCE in text or not url.startswith("http")):
            text = "blocked: the address lies outside the site"
        return PageEvent("network", "error", text, url)
