"""Abuse of the one way in: the relay that shows a site, and the server behind it."""

import errno
import socket
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection

from sandbox.preview import CONNECTIONS, HOST, Preview
from sandbox.probe_room import Outcome, Probe, Room, listener, output_of, refused
from sandbox.probes_network import NOBODY, own_addresses

TIMEOUT_S = 10.0
ABSENT = 404
SECRET = "root:x:0:0"
"""How the file begins that the attempts ask for."""
CLIMBS = (
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "/%252e%252e/%252e%252e/etc/passwd",
    "/..%5c..%5cetc%5cpasswd",
    "/....//....//etc/passwd",
    "//etc/passwd",
    "/kit/../../etc/passwd",
    "/kit/%2e%2e/%2e%2e/etc/passwd",
    "/./%00/../etc/passwd",
    "/proc/self/root/etc/passwd",
    "/%ff/../../etc/passwd",
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str


def asked(room: Room, method: str, target: str, body: bytes = b"") -> Answer:
    """One request by hand, whatever its target looks like."""
    with closing(HTTPConnection(HOST, room.preview.port, timeout=TIMEOUT_S)) as connection:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", f"{HOST}:{room.preview.port}")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode("utf-8", "replace"))


def serve_climbing(room: Room) -> Outcome:
    room.container.replace({"index.html": b"<h1>site</h1>"})
    answers = {path: asked(room, "GET", path) for path in CLIMBS}
    return judged_answers(answers)


def judged_answers(answers: dict[str, Answer]) -> Outcome:
    """Blocked when each was answered with a refusal, and none with the file's text."""
    shown = [path for path, answer in answers.items() if answer.status < 400 or SECRET in answer.body]
    codes = ", ".join(str(code) for code in sorted({answer.status for answer in answers.values()}))
    return bool(
        answers
    ) and not shown, f"shown: {' '.join(shown)}" if shown else f"{len(answers)} answered with {codes}"


def serve_links(room: Room) -> Outcome:
    room.container.replace({"index.html": b"<h1>site</h1>"})
    output_of(
        room.container,
        "sh",
        "-c",
        "ln -s /etc/passwd page.html; ln -s / all; mkdir sub; ln -s /etc/passwd sub/index.html",
    )
    answers = {path: asked(room, "GET", path) for path in ("/page.html", "/all/etc/passwd", "/sub/", "/all/")}
    room.container.replace({})
    return judged_answers(answers)


def published_link(room: Room) -> Outcome:
    """The folder to be shown is a link that leads out."""
    room.container.replace({"index.html": b"<h1>site</h1>"})
    output_of(room.container, "ln", "-s", "/etc", "dist")
    room.container.publish("dist")
    answers = {path: asked(room, "GET", path) for path in ("/passwd", "/")}
    room.container.publish(".")
    room.container.replace({})
    return judged_answers(answers)


def orders_by_page(room: Room) -> Outcome:
    """A page may ask the server for anything, but the orders are the host's."""
    room.container.replace({"index.html": b"<h1>site</h1>"})
    orders = {"/files": b"[]\n", "/published": b"..", "/sweep": b"", "/ready": b""}
    answers = {
        f"{method} {path}": asked(room, method, path, body)
        for path, body in orders.items()
        for method in ("PUT", "POST")
    }
    stays = "site" in asked(room, "GET", "/").body
    blocked, how = judged_answers(answers)
    return blocked and stays, f"{how}; the site stays: {stays}"


def proxying(room: Room) -> Outcome:
    """The relay leads to the site alone, whatever address a request names."""
    room.container.replace({"index.html": b"<h1>site</h1>"})
    with listener() as (port, hits):
        for method, target in (("GET", f"http://127.0.0.1:{port}/"), ("CONNECT", f"127.0.0.1:{port}")):
            with closing(socket.create_connection((HOST, room.preview.port), TIMEOUT_S)) as visitor:
                visitor.sendall(
                    f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
                )
                with suppress(ConnectionResetError):
                    while visitor.recv(65536):
                        pass
    return not hits, f"{len(hits)} requests arrived"


def other_addresses(room: Room) -> Outcome:
    """A preview is shown to this machine alone."""
    answers = {}
    for address in ("127.0.0.2", *own_addresses()):
        with socket.socket() as visitor:
            visitor.settimeout(TIMEOUT_S)
            code = visitor.connect_ex((address, room.preview.port))
        answers[address] = errno.errorcode.get(code, "connected")
    return refused(answers, NOBODY)


def connection_flood(room: Room) -> Outcome:
    """Visitors that ask for nothing and stay must not use up the appliance's descriptors."""
    room.container.replace({"index.html": b"<h1>site</h1>"})
    with ExitStack() as stack:
        preview = stack.enter_context(Preview(room.container))
        visitors = [
            stack.enter_context(socket.create_connection((HOST, preview.port), TIMEOUT_S))
            for _ in range(2 * CONNECTIONS)
        ]
        # They are taken in order, so once the last one was cut off, all have been dealt with.
        cut_off = visitors[-1].recv(1) == b""
        held = sum(is_held(visitor) for visitor in visitors)
    return cut_off and 0 < held <= CONNECTIONS, f"{held} of {len(visitors)} visitors held, the others cut off"


def is_held(visitor: socket.socket) -> bool:
    visitor.setblocking(False)
    try:
        return visitor.recv(1) != b""
    except BlockingIOError:
        return True


PREVIEW = (
    Probe("serve-climbing", "be shown a file above the site's folder", serve_climbing),
    Probe("serve-links", "be shown a file through a link", serve_links),
    Probe("published-link", "have a folder outside published", published_link),
    Probe("orders-by-page", "give the server the host's orders from a page", orders_by_page),
    Probe("proxying", "use the relay to reach another service", proxying),
    Probe("other-addresses", "reach a preview from another machine", other_addresses),
    Probe("connection-flood", "use up the appliance's descriptors by connections", connection_flood),
)
