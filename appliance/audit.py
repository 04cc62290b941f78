"""Exact facts of one page: what the server, the console, the network and the laid-out page say, at two widths.

Nothing here is an opinion, and no words of the page are read as anything but data. What is *not* measured: other
routes than the one opened, and a page that sabotages the browser's own functions from its scripts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from appliance.colours import AskedColour, asked_colours
from appliance.pixels import colour_share, ink_share
from appliance.steps import Audit, Finding, Heading, Severity, Viewport
from sandbox.errors import ScriptFailed
from sandbox.page_text import parts_of

DESKTOP_WIDTH, DESKTOP_HEIGHT = 1280, 800
PHONE_WIDTH, PHONE_HEIGHT = 390, 844
LINKS_ASKED = 12
BLANK_INK_SHARE = 0.0005
BACKGROUND_SHARE = 0.08

KINDS: Mapping[str, Severity] = {
    "http-status": "error",
    "exception": "error",
    "error-overlay": "error",
    "blank": "error",
    "unmeasurable": "error",
    "unstyled": "serious",
    "placeholder-text": "serious",
    "empty-section": "serious",
    "numbered-name": "serious",
    "overlap": "serious",
    "colour-missing": "serious",
    "overflow": "serious",
    "spill": "minor",
    "broken-image": "serious",
    "contrast": "serious",
    "console-error": "serious",
    "request-failed": "serious",
    "external-url": "serious",
    "empty-control": "serious",
    "missing-font": "minor",
    "default-font": "minor",
    "default-control": "minor",
    "dead-anchor": "minor",
    "label": "minor",
    "image-alt": "minor",
    "accessibility": "minor",
    "duplicate-id": "minor",
    "tap-target": "minor",
    "no-heading": "minor",
    "no-title": "minor",
    "no-viewport": "minor",
}
"""The closed set of finding kinds; docs/judges.md says what each means."""

_AXE_KINDS = {
    "color-contrast": "contrast",
    "button-name": "empty-control",
    "link-name": "empty-control",
    "input-button-name": "empty-control",
    "label": "label",
    "select-name": "label",
    "image-alt": "image-alt",
}


class PageEvent(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def line(self) -> int | None: ...
    @property
    def column(self) -> int | None: ...
    @property
    def status(self) -> int | None: ...


class PageLoad(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def status(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def title(self) -> str: ...
    @property
    def events(self) -> Sequence[PageEvent]: ...
    @property
    def timed_out(self) -> bool: ...


class PageDriver(Protocol):
    """What the audit needs of a browser. `forget` clears what the site stored in it."""

    def open(self, path: str = "/", *, width: int = 1280, height: int = 800) -> PageLoad: ...
    def resize(self, width: int, height: int, *, mobile: bool = False) -> None: ...
    def evaluate(self, script: str, *args: object) -> Any: ...
    def events(self) -> Sequence[PageEvent]: ...
    def screenshot(self, *, full_page: bool = True, max_height: int = 12_000) -> bytes: ...
    def forget(self) -> None: ...


def audit(
    page: PageDriver,
    brief: str,
    *,
    path: str = "/",
    window: tuple[int, int] = (DESKTOP_WIDTH, DESKTOP_HEIGHT),
    wait_s: float = 0.0,
) -> tuple[Audit, dict[str, bytes]]:
    """The audit of one page, and its full-page PNGs `desktop` and `phone`; no pictures if nothing could be measured.

    `window` is the size of the desktop one, `wait_s` a fixed wait after loading.
    """
    try:
        return _measured(page, brief, path, window, wait_s)
    except ScriptFailed as failed:
        finding = _finding("unmeasurable", path, _one_line(str(failed)))
        return Audit(None, 0.0, "", 0, (finding,), ()), {}


def _measured(
    page: PageDriver, brief: str, path: str, window: tuple[int, int], wait_s: float
) -> tuple[Audit, dict[str, bytes]]:
    width, height = window
    load = page.open(path, width=width, height=height)
    time.sleep(wait_s)
    if load.status is None or load.timed_out:
        return _unreachable(load), {}
    asked = asked_colours(brief)
    # Taken before the audit asks for links itself: what it causes is not the page's doing.
    events = [*load.events, *page.events()]
    desktop = page.evaluate(_axe_source() + _page_script(), _question(asked, phone=False))
    pictures = {"desktop": page.screenshot(full_page=True)}
    page.resize(PHONE_WIDTH, PHONE_HEIGHT)
    phone = page.evaluate(_page_script(), _question(asked, phone=True))
    pictures["phone"] = page.screenshot(full_page=True)
    events += [event for event in page.events() if event.kind == "exception"]
    return _facts(load, events, asked, desktop, phone, pictures), pictures


def _facts(
    load: PageLoad,
    events: Sequence[PageEvent],
    asked: tuple[AskedColour, ...],
    desktop: dict[str, Any],
    phone: dict[str, Any],
    pictures: Mapping[str, bytes],
) -> Audit:
    viewports = (
        _viewport(DESKTOP_WIDTH, DESKTOP_HEIGHT, desktop, pictures["desktop"]),
        _viewport(PHONE_WIDTH, PHONE_HEIGHT, phone, pictures["phone"]),
    )
    found = [colour for colour in asked if _is_found(colour, desktop["components"], pictures["desktop"])]
    styled = desktop["declarations"] >= 4
    findings = [
        *_load_findings(load, events, desktop),
        *_page_findings(desktop, phone, viewports, styled),
        *(_colour_finding(colour) for colour in asked if colour not in found),
    ]
    return Audit(
        status=load.status,
        load_seconds=load.seconds,
        title=desktop["title"],
        text_chars=desktop["text_chars"],
        findings=tuple(sorted(dict.fromkeys(findings), key=_rank)),
        viewports=viewports,
        colours_asked=tuple(colour.name for colour in asked),
        colours_found=tuple(colour.name for colour in found),
        styled=styled,
        interactive=desktop["interactive"],
        blocks=desktop["blocks"],
        outline=tuple(Heading(**heading) for heading in desktop["outline"]),
        words=desktop["words"],
    )


def _unreachable(load: PageLoad) -> Audit:
    said = "did not finish loading" if load.timed_out else "nothing answered"
    finding = _finding("http-status", _place(load.url), f"{said} within {load.seconds:.0f} s")
    return Audit(None, load.seconds, load.title, 0, (finding,), ())


# what the browser reported


def _load_findings(load: PageLoad, events: Iterable[PageEvent], desktop: dict[str, Any]) -> Iterable[Finding]:
    if load.status is not None and load.status >= 400:
        yield _finding("http-status", _place(load.url), f"answers {load.status}")
    told = {image["url"] for image in desktop["broken_images"]}
    for event in events:
        if (finding := _event_finding(event, load.url, told)) is not None:
            yield finding
            if event.kind == "network":
                told.add(event.url)  # one failed request is told as a status, and again as an aborted load


def _event_finding(event: PageEvent, page_url: str, told: set[str]) -> Finding | None:
    """None for what says the same as another finding, and for the icon that browsers ask for by themselves."""
    if parts_of(event.url).path == "/favicon.ico":
        return None
    if event.kind == "exception":
        return _finding("exception", _source(event), _one_line(event.text))
    if event.kind == "network":
        return _network_finding(event, page_url, told)
    says_more = not event.text.startswith(("Failed to load resource", "Uncaught ")) and "net::ERR_" not in event.text
    if event.level == "error" and says_more:
        return _finding("console-error", _source(event), _one_line(event.text))
    return None


def _network_finding(event: PageEvent, page_url: str, told: set[str]) -> Finding | None:
    if event.url == page_url or (event.url in told):
        return None
    if event.status is not None and event.status < 400:
        return None
    if _is_foreign(event.url, page_url):
        return _finding("external-url", event.url[:160], "is outside the site and was blocked")
    answer = f"answers {event.status}" if event.status else _one_line(event.text)
    return _finding("request-failed", _place(event.url), answer)


def _is_foreign(url: str, page_url: str) -> bool:
    parts, own = parts_of(url), parts_of(page_url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != own.netloc


# what the laid-out page shows


def _page_findings(
    desktop: dict[str, Any], phone: dict[str, Any], viewports: tuple[Viewport, ...], styled: bool
) -> Iterable[Finding]:
    if desktop["overlay"]:
        yield _finding("error-overlay", "/", desktop["overlay"])
    if any(viewport.blank for viewport in viewports):
        yield _finding("blank", "/", f"no visible content at {_widths(viewports)} px wide")
        return
    if not styled:
        yield _finding("unstyled", "/", "no style sheet of the site has an effect")
    yield from _listed("placeholder-text", desktop["placeholders"])
    yield from _listed("empty-section", desktop["empty_sections"])
    if not desktop["placeholders"]:  # filler is the same fault in the large
        yield from _listed("numbered-name", desktop["numbered_names"])
    yield from _listed("overlap", desktop["overlaps"] or phone["overlaps"])
    yield from _overflow(desktop, DESKTOP_WIDTH)
    yield from _overflow(phone, PHONE_WIDTH)
    yield from _listed("spill", desktop["spills"] or phone["spills"])
    yield from _listed("broken-image", desktop["broken_images"])
    yield from _listed("duplicate-id", desktop["duplicate_ids"])
    yield from _listed("dead-anchor", desktop["dead_anchors"])
    yield from _listed("tap-target", phone["controls"]["tiny"])
    for violation in desktop["axe"]:
        yield _axe_finding(violation)
    yield from _whole_page_findings(desktop)


def _whole_page_findings(desktop: dict[str, Any]) -> Iterable[Finding]:
    for family in desktop["failed_fonts"]:
        yield _finding("missing-font", family, "does not load")
    if desktop["default_font"]:
        yield _finding("default-font", "body", "most text is in the browser's default font")
    if plain := desktop["controls"]["plain"]:
        yield _finding("default-control", plain[0], f"{len(plain)} controls look as the browser draws them")
    if not desktop["heading"]:
        yield _finding("no-heading", "/", "no visible h1, h2 or h3")
    if not desktop["title"]:
        yield _finding("no-title", "/", "the page has no title")
    if not desktop["viewport"]:
        yield _finding("no-viewport", "/", 'no <meta name="viewport" content="width=device-width, initial-scale=1">')


def _overflow(facts: dict[str, Any], width: int) -> Iterable[Finding]:
    if worst := facts["overflow"]["worst"]:
        said = f"is {worst['width']} px wide and makes the page {facts['overflow']['px']} px wider than {width} px"
        yield _finding("overflow", worst["place"], f"{said} (inside {worst['parent']})")
    elif facts["overflow"]["px"] > 1:
        yield _finding("overflow", "/", f"the page is {facts['overflow']['px']} px wider than {width} px")


def _axe_finding(violation: dict[str, Any]) -> Finding:
    kind = _AXE_KINDS.get(violation["rule"], "accessibility")
    said = violation["text"] if kind != "accessibility" else f"{violation['rule']}: {violation['text']}"
    return _finding(kind, violation["place"], said)


def _listed(kind: str, facts: Iterable[dict[str, str]]) -> Iterable[Finding]:
    return (_finding(kind, fact["place"], fact["text"]) for fact in facts)


def _viewport(width: int, height: int, facts: dict[str, Any], picture: bytes) -> Viewport:
    """Blank by what is painted and by having nothing to read, see or fill in: a coloured empty page is blank too."""
    nothing = facts["text_chars"] == 0 and facts["pictures"] == 0 and facts["fields"] == 0
    blank = nothing or ink_share(picture) < BLANK_INK_SHARE
    return Viewport(width, height, facts["page_height"], facts["overflow"]["px"], blank)


# colours


def _is_found(colour: AskedColour, components: list[str], picture: bytes) -> bool:
    """A background by the share of the picture that it fills, a component colour by the elements that carry it."""
    if colour.role == "components":
        return colour.name in components
    return any(colour_share(picture, rgb) >= BACKGROUND_SHARE for rgb in colour.accepted)


def _colour_finding(colour: AskedColour) -> Finding:
    code = " or ".join("#{:02x}{:02x}{:02x}".format(*rgb) for rgb in colour.accepted)
    where = "as the page's background" if colour.role == "background" else "on buttons, headings, navigation or cards"
    return _finding("colour-missing", colour.role, f"{colour.name} ({code}) was asked for and is not seen {where}")


def _question(asked: tuple[AskedColour, ...], *, phone: bool) -> dict[str, object]:
    components = [
        {"name": colour.name, "accepted": [list(rgb) for rgb in colour.accepted]}
        for colour in asked
        if colour.role == "components"
    ]
    return {"phone": phone, "components": components, "links": LINKS_ASKED}


# words


def _finding(kind: str, place: str, evidence: str) -> Finding:
    return Finding(kind, place, evidence, KINDS[kind])


def _rank(finding: Finding) -> int:
    return list(KINDS).index(finding.kind)


def _place(url: str) -> str:
    """The path of an address of the site, as a reader of its files knows it."""
    return unquote(parts_of(url).path) or "/"


def _source(event: PageEvent) -> str:
    place = _place(event.url).lstrip("/") or "index.html"
    numbers = [str(number) for number in (event.line, event.column) if number]
    return ":".join([place, *numbers])


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:300]


def _widths(viewports: tuple[Viewport, ...]) -> str:
    return " and ".join(str(viewport.width) for viewport in viewports if viewport.blank)


@cache
def _page_script() -> str:
    return Path(__file__).with_name("audit_page.js").read_text(encoding="utf-8")


@cache
def _axe_source() -> str:
    """The checker, kept out of the page's own names as far as it allows."""
    return (Path(__file__).parent / "vendor" / "axe.min.js").read_text(
        encoding="utf-8"
    ) + ";\nconst axe = window.axe;\n"
