"""A page's ways to anything but its own site: other services, protocols and windows, and the browser's own ports."""

from collections.abc import Sequence

from sandbox.browser import Browser, PageEvent, PageLoad
from sandbox.errors import SandboxError
from sandbox.probe_pages import (
    CALLS,
    CONTROL,
    POPUPS,
    REGISTER,
    SUBRESOURCES,
    THREADS,
    TRANSPORT,
    WEB_SOCKET,
    WORKER,
    heard,
    opened,
)
from sandbox.probe_room import Outcome, Probe, Room, came, datagrams, listener, refused
from sandbox.process_table import group_of, listening_ports, members_of, processes_with

REFUSED = frozenset({"refused", "absent"})
OUTSIDE = "lies outside the site"
KINDS = "fetch kept request image sound events beacon module script sheet preload frame font"
HOSTS = ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "a.localhost", "127.0.0.2")
ELSEWHERE = (
    "http://192.0.2.1/",
    "http://169.254.169.254/",
    "https://example.com/",
    "http://site.internal/",
    "ftp://example.com/",
)


def blocked_addresses(load: PageLoad, later: Sequence[PageEvent]) -> set[str]:
    return {event.url for event in (*load.events, *later) if OUTSIDE in event.text}


def last_part(addresses: set[str]) -> set[str]:
    return {address.rpartition("/")[2] for address in addresses}


def other_services(room: Room) -> Outcome:
    with listener() as (port, hits):
        load = opened(room, SUBRESOURCES, PORT=port)
        reported = last_part(blocked_addresses(load, room.page.events()))
    return judged_reports(frozenset(KINDS.split()), reported, hits)


def judged_reports(tried: frozenset[str], reported: set[str], hits: list[str]) -> Outcome:
    """Each attempt must have been reported as refused, and nobody may have come."""
    unseen = sorted(tried - reported)
    how = f"{len(hits)} requests arrived, {len(tried & reported)} of {len(tried)} refused and reported"
    return not hits and not unseen, f"{how}; not: {' '.join(unseen)}" if unseen else how


def loopback_names(room: Room) -> Outcome:
    with listener() as (port, hits):
        addresses = [f"http://{host}:{port}/{n}" for n, host in enumerate(HOSTS)]
        script = "".join(f"fetch('{address}', {{ mode: 'no-cors' }}).catch(() => 0)\n" for address in addresses)
        load = opened(room, script)
        reported = last_part(blocked_addresses(load, room.page.events()))
    return judged_reports(frozenset(str(n) for n in range(len(HOSTS))), reported, hits)


def internet(room: Room) -> Outcome:
    script = "".join(f"new Image().src = '{address}'\n" for address in ELSEWHERE)
    load = opened(room, script)
    return judged_reports(frozenset(ELSEWHERE), blocked_addresses(load, room.page.events()), [])


def web_sockets(room: Room) -> Outcome:
    with listener() as (port, hits):
        opened(room, WEB_SOCKET, PORT=port)
        blocked, how = refused(heard(room, 2), REFUSED)
    return blocked and not hits, f"{len(hits)} requests arrived; {how}"


def threads(room: Room) -> Outcome:
    with listener() as (port, hits):
        opened(room, THREADS, PORT=port)
        blocked, how = refused(heard(room, 3), REFUSED)
    return blocked and not hits, f"{len(hits)} requests arrived; {how}"


def direct_calls(room: Room) -> Outcome:
    return silent(room, CALLS)


def transport(room: Room) -> Outcome:
    return silent(room, TRANSPORT)


def silent(room: Room, page: str) -> Outcome:
    """The page sends to a port that takes datagrams."""
    with datagrams() as (port, inbox):
        opened(room, page, PORT=port)
        blocked, how = refused(heard(room, 1), REFUSED)
        arrived = came(inbox)
    return blocked and not arrived, f"datagrams arrived: {arrived}; {how}"


def leaving(room: Room) -> Outcome:
    """The page itself goes there."""
    with listener() as (port, hits):
        address = f"http://127.0.0.1:{port}"
        pages = {
            "script": f"<script>location = '{address}/script'</script>",
            "refresh": f"<meta http-equiv=refresh content='0; url={address}/refresh'>",
            "form": f"<form method=post action='{address}/form'></form><script>document.forms[0].submit()</script>",
        }
        room.container.replace({f"{name}.html": text.encode() for name, text in pages.items()})
        reported: set[str] = set()
        for name in pages:
            load = room.page.open(f"/{name}.html")
            room.page.settle()
            reported |= last_part(blocked_addresses(load, room.page.events()))
    return judged_reports(frozenset(pages), reported, hits)


def popups(room: Room) -> Outcome:
    with listener() as (port, hits):
        opened(room, POPUPS, PORT=port)
        told = heard(room, 2)
        targets = room.page.command("Target.getTargets", {})["targetInfos"]
    pages = [target for target in targets if target["type"] == "page"]
    blocked = told.get("window") == "refused" and len(pages) == 1
    return blocked and not hits, f"window: {told.get('window')}; {len(pages)} pages open; {len(hits)} requests arrived"


def control_ports(room: Room) -> Outcome:
    """Who reaches the developer tools' port, or the driver's, holds the browser."""
    opened(room, "")
    ports = listening_ports(browser_processes(room.page))
    opened(room, "".join(CONTROL.replace("PORT", str(port)) for port in ports))
    blocked, how = refused(heard(room, len(ports)), REFUSED)
    return blocked, f"{len(ports)} ports: {how}"


def browser_processes(browser: Browser) -> list[int]:
    """Chromium, its parts and its driver share a process group."""
    first = processes_with(f"--user-data-dir={browser.folder / 'profile'}")
    group = group_of(first[0]) if first else None
    if group is None:
        raise SandboxError("The browser's own processes are not to be found.")
    return members_of(group)


def old_workers(room: Room) -> Outcome:
    """A worker that answers every request in place of the site must be gone with the version that brought it."""
    with listener() as (port, hits):
        opened(room, REGISTER, {"worker.js": WORKER.replace("PORT", str(port)).encode()})
        told = heard(room, 1).get("worker", "silent")
        room.page.forget()
        room.container.replace({"index.html": b"<title>new</title>"})
        title = room.page.open("/").title
    return (
        title == "new" and not hits and told != "silent",
        f"worker {told}, afterwards the page is {title}; {len(hits)} requests arrived",
    )


FENCE = (
    Probe(
        "page-services",
        "reach another service of this machine from a page, in every way a page loads things",
        other_services,
    ),
    Probe("page-loopback", "reach it by other names of this machine", loopback_names),
    Probe("page-internet", "reach the internet or a cloud's metadata from a page", internet),
    Probe("page-sockets", "reach it by a WebSocket", web_sockets),
    Probe("page-threads", "reach it from a worker", threads),
    Probe("page-calls", "reach it by WebRTC, or learn this machine's addresses", direct_calls),
    Probe("page-transport", "reach it by WebTransport", transport),
    Probe("page-leaving", "go to another service with the whole page", leaving),
    Probe("page-popups", "open other windows", popups),
    Probe("page-control-ports", "reach the browser's own developer tools or its driver", control_ports),
    Probe("page-workers", "outlive a version as a service worker", old_workers),
)
