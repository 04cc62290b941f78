"""What a page tries with this machine's files, with other sites' traces, and with the browser itself."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sandbox.browser import Browser
from sandbox.probe_pages import (
    BUSY_THREAD,
    DOWNLOAD,
    LOCAL_FILES,
    PERMISSIONS,
    SHOWN,
    STORE,
    STORED,
    TAMPERING,
    TRAP,
    TRUTH,
    heard,
    opened,
    page,
)
from sandbox.probe_room import SECRET, Outcome, Probe, Room, refused, secret_file
from sandbox.probes_fence import REFUSED, browser_processes
from sandbox.process_table import command_line, status_of

HANG_S = 3
INNER_PAGES = (
    "chrome://version/",
    "chrome://settings/",
    "devtools://devtools/bundled/inspector.html",
    "view-source:about:blank",
    "data:text/html,x",
)


def local_files(room: Room) -> Outcome:
    with secret_file(room.podman.home) as secret:
        opened(room, LOCAL_FILES, SECRET=secret)
        blocked, how = refused(heard(room, 3), REFUSED)
        protocol, text = room.page.evaluate(SHOWN)
    return blocked and protocol == "http:" and SECRET not in text, f"{how}; the page is still {protocol}"


def inner_pages(room: Room) -> Outcome:
    answers = {}
    for address in INNER_PAGES:
        opened(room, f"location.href = '{address}'")
        room.page.settle()
        answers[address] = "refused" if room.page.evaluate("return location.protocol") == "http:" else "opened"
    return refused(answers, REFUSED)


def downloads(room: Room) -> Outcome:
    name = f"probe-{os.getpid()}.bin"
    opened(room, DOWNLOAD, {name: b"x"}, NAME=name)
    heard(room, 1)
    opened(room, "")  # by now the browser has done with them, one way or the other
    places = [room.page.folder, Path.home() / "Downloads", Path.home()]
    found = [path for place in places if place.exists() for path in named_files(place, name, place == places[0])]
    return not found, f"saved: {found[0]}" if found else "nothing was saved"


def named_files(place: Path, name: str, deep: bool) -> list[Path]:
    return list(place.rglob(f"{name}*") if deep else place.glob(f"{name}*"))


def permissions(room: Room) -> Outcome:
    opened(room, PERMISSIONS)
    return refused(heard(room, 7), REFUSED)


def storage_after(room: Room) -> Outcome:
    opened(room, STORE)
    heard(room, 2)
    before = room.page.evaluate(STORED)
    room.page.forget()
    opened(room, "")
    return judged_storage(before, room.page.evaluate(STORED))


def storage_elsewhere(room: Room) -> Outcome:
    """At the very same address, in another site's browser."""
    opened(room, STORE)
    heard(room, 2)
    before = room.page.evaluate(STORED)
    room.container.replace({"index.html": page("")})
    with Browser(room.browser, room.preview.url) as other:
        other.open("/")
        return judged_storage(before, other.evaluate(STORED))


def judged_storage(before: Mapping[str, int], after: Mapping[str, int]) -> Outcome:
    """The session's own storage belongs to a tab, and is given up with it."""
    kept = sorted(name for name, count in after.items() if count and name != "session")
    return all(
        before.values()
    ) and not kept, f"{sum(map(bool, before.values()))} kinds written, kept: {', '.join(kept) or 'none'}"


def tampering(room: Room) -> Outcome:
    opened(room, TAMPERING)
    told = room.page.evaluate(TRUTH)
    return told == "1,2 page rgb(1, 2, 3) true undefined", f"our own scripts see: {told}"


def trapping(room: Room) -> Outcome:
    opened(room, TRAP)
    title = opened(room, "").title
    return title == "page" and "page" in room.page.evaluate("return document.body.textContent"), f"afterwards: {title}"


def hanging(room: Room) -> Outcome:
    """In a browser of its own, because the page takes it along."""
    room.container.replace({"index.html": b"<script>for (;;) {}</script>", "good.html": b"<title>good</title>"})
    with Browser(replace(room.browser, page_timeout_s=HANG_S), room.preview.url) as doomed:
        started = time.monotonic()
        given_up = doomed.open("/").timed_out
        waited_s = time.monotonic() - started
        title = doomed.open("/good.html").title
    return given_up and title == "good", f"given up after {waited_s:.0f} s; the next page is {title}"


def own_sandbox(room: Room) -> Outcome:
    """Chromium's own walls around what runs a page: a process namespace, and a system call filter."""
    opened(room, "")
    renderers = [pid for pid in browser_processes(room.page) if b"--type=renderer" in command_line(pid)]
    return judged_renderers([status_of(pid) for pid in renderers])


def judged_renderers(found: Sequence[Mapping[str, str]]) -> Outcome:
    walled = [
        status
        for status in found
        if status["Seccomp"] == "2" and status["NoNewPrivs"] == "1" and len(status["NSpid"].split()) > 1
    ]
    return bool(found) and len(walled) == len(found), f"{len(walled)} of {len(found)} filtered and in a namespace"


def left_behind(room: Room) -> Outcome:
    room.container.replace({"index.html": page(BUSY_THREAD)})
    with Browser(replace(room.browser, quiet_timeout_s=0.2), room.preview.url) as doomed:
        doomed.open("/")
        folder, processes = doomed.folder, browser_processes(doomed)
    left = [pid for pid in processes if str(folder).encode() in command_line(pid)]
    there = folder.exists()
    return (
        not left and not there,
        f"{len(processes)} processes while it ran, {len(left)} left; its folder left: {there}",
    )


BROWSER = (
    Probe("page-files", "read a file of this machine from a page", local_files),
    Probe("page-inner", "open the browser's own pages", inner_pages),
    Probe("page-downloads", "save a file to this machine", downloads),
    Probe("page-permissions", "use camera, microphone, place, clipboard or notices", permissions),
    Probe("page-storage-after", "find what an earlier version stored", storage_after),
    Probe("page-storage-elsewhere", "find what another site stored", storage_elsewhere),
    Probe("page-tampering", "falsify what is measured in it", tampering),
    Probe("page-trapping", "keep the browser by dialogs", trapping),
    Probe("page-hanging", "keep the browser by a script without end", hanging),
    Probe("page-sandbox", "run without Chromium's own sandbox", own_sandbox),
    Probe("page-left-behind", "outlive its browser", left_behind),
)
