"""Executable checks: one per test case of a brief, declarative, run on the site in a browser without any model.

A check has one or more ways to pass; the best answer counts. It is blind to how the site was made, and nothing that
makes a site reads it. Not seen: games drawn on a canvas, drawings inside frames, anything that needs a server.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from appliance.bench.check_steps import ACTS, WORDS, Follow, Mark, Move, Reload, Remember, Step, Tour, patterns, render
from appliance.errors import UsageError
from sandbox.browser import Browser
from sandbox.errors import BrowserCrashed, SandboxError, ScriptFailed

__all__ = ["Answer", "Case", "CheckVerdict", "Checks", "SiteChecks", "accuracy", "load_checks", "run_checks"]

Answer = Literal["YES", "PARTIAL", "NO"]
Reply = dict[str, Any]
PACKAGED = Path(__file__).with_name("checks")
EVIDENCE_CHARS = 200
WAIT_S = 1.6
"""How long an expectation may take to come true after the last act: pages like to pretend to think."""
CASE_S = 60.0
CRASHES = 2
RETRIES = 3
RANK: Mapping[Answer, int] = {"NO": 0, "PARTIAL": 1, "YES": 2}


class Way(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1)]
    most: Answer = "YES"
    """The best answer this way can give."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    task: str
    expected: str
    kind: Literal["functional", "display", "design"]
    way: Annotated[tuple[Way, ...], msgspec.Meta(min_length=1)]


class SiteChecks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The checks of one brief, in the order of its cases."""

    site: str
    about: tuple[str, ...]
    """Patterns of which the page must speak; else no case but a design one can pass."""
    case: Annotated[tuple[Case, ...], msgspec.Meta(min_length=1)]


Checks = Mapping[str, SiteChecks]


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    case: int
    answer: Answer
    evidence: str
    """At most 200 characters."""


class OffTopic(Exception):
    """The page is not about what the brief asks for; no other way needs trying."""


def load_checks(folder: Path | None = None) -> Checks:
    """By site id, from `*.toml`. Raises `UsageError` naming the file and the field that is wrong."""
    folder = folder or PACKAGED
    files = sorted(path for path in folder.glob("*.toml") if path.name != "FROZEN.toml")
    if not files:
        raise UsageError(f"There are no checks (*.toml) in {folder}.")
    sites = [read_site(path) for path in files]
    return {site.site: site for site in sites}


def read_site(path: Path) -> SiteChecks:
    try:
        site = msgspec.toml.decode(path.read_bytes(), type=SiteChecks)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path.name}: {error}") from error
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror}.") from error
    for number, case in enumerate(site.case):
        for pattern in (pattern for way in case.way for step in way.steps for pattern in patterns(step)):
            try:
                re.compile(pattern)
            except re.error as error:
                raise UsageError(f"{path.name}: case {number}: the pattern {pattern!r} is wrong: {error}.") from error
    return site


def checks_digest(folder: Path | None = None) -> Mapping[str, str]:
    """SHA-256 of every file that decides a verdict, so that a changed check is seen."""
    own = Path(__file__).parent
    runner = [own / "check_page.js", own / "check_steps.py", own / "checks.py"]
    data = sorted(path for path in (folder or PACKAGED).glob("*.toml") if path.name != "FROZEN.toml")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in [*data, *runner]}


def accuracy(verdicts: Iterable[CheckVerdict]) -> float:
    """YES counts 1 and PARTIAL ½; raises ValueError when there is nothing to count."""
    points = [RANK[verdict.answer] / 2 for verdict in verdicts]
    if not points:
        raise ValueError("There is no verdict to count.")
    return sum(points) / len(points)


def run_checks(
    browser: Browser, site: SiteChecks, seen: Callable[[CheckVerdict], None] | None = None
) -> tuple[CheckVerdict, ...]:
    """One verdict per case, each on a freshly opened page with empty storage.

    `seen` is called while the last page of a case still stands, for a picture. A page that hangs or dies is NO.
    """
    verdicts: list[CheckVerdict] = []
    troubles = Troubles()
    for number, case in enumerate(site.case):
        answer, evidence = run_case(browser, case, site.about, troubles)
        verdicts.append(CheckVerdict(number, answer, " ".join(evidence.split())[:EVIDENCE_CHARS]))
        if seen is not None:
            seen(verdicts[-1])
    return tuple(verdicts)


@dataclass(slots=True)
class Troubles:
    """What was learnt of the page in one case and need not be waited for in the next."""

    deaths: list[str] = field(default_factory=list)
    off_topic: str = ""


def run_case(browser: Browser, case: Case, about: tuple[str, ...], troubles: Troubles) -> tuple[Answer, str]:
    if len(troubles.deaths) >= CRASHES:
        return "NO", f"not tried again: {troubles.deaths[-1]}"
    if case.kind == "design":
        about = ()
    elif troubles.off_topic:
        return "NO", troubles.off_topic
    best: tuple[Answer, str] | None = None
    for way in case.way:
        found = run_way(browser, way, about, troubles)
        if best is None or RANK[found[0]] > RANK[best[0]]:
            best = found
        if best[0] == "YES" or troubles.off_topic or len(troubles.deaths) >= CRASHES:
            break
    assert best is not None
    return best


def run_way(browser: Browser, way: Way, about: tuple[str, ...], troubles: Troubles) -> tuple[Answer, str]:
    try:
        return Visit(browser, about).walk(way)
    except OffTopic as error:
        troubles.off_topic = str(error)
        return "NO", str(error)
    except BrowserCrashed as error:
        troubles.deaths.append(f"the page died or hangs: {error}")
        return "NO", troubles.deaths[-1]
    except SandboxError as error:
        return "NO", f"the page could not be used: {error}"


@cache
def page_script() -> str:
    return Path(__file__).with_name("check_page.js").read_text()


@dataclass(slots=True)
class Visit:
    """One way through a freshly opened page: what was seen before, what was kept."""

    browser: Browser
    about: tuple[str, ...] = ()
    words: dict[str, str] = field(default_factory=lambda: dict(WORDS))
    before: Reply = field(default_factory=dict)
    board: object = None
    message: str = ""
    story: list[str] = field(default_factory=list)
    deadline: float = 0.0
    end: float = 0.0

    def walk(self, way: Way) -> tuple[Answer, str]:
        loaded = self.browser.open("/")
        if loaded.timed_out:
            raise BrowserCrashed("it does not come to an end of loading")
        if loaded.status is not None and loaded.status >= 400:
            return "NO", f"the page answers {loaded.status}"
        self.end = time.monotonic() + CASE_S
        try:
            topic = self.call("about", {"about": self.about}, WAIT_S)
            if not topic["ok"]:
                raise OffTopic(str(topic["seen"]))
            self.mark()
            return self.answer(way)
        finally:
            self.clear()

    def answer(self, way: Way) -> tuple[Answer, str]:
        reached, capped, acted = False, False, False
        for step in way.steps:
            if time.monotonic() > self.end:
                return ("PARTIAL" if reached else "NO"), self.tell(f"no end after {CASE_S:.0f} s")
            if isinstance(step, ACTS):
                if not acted:
                    self.mark()
                acted = not isinstance(step, (Follow, Tour))
            reply = self.do(step)
            if not isinstance(step, (*ACTS, Mark, Remember)):
                acted = False
            if reply.get("seen"):
                self.story.append(reply["seen"])
            reached = reached or (reply["ok"] and step.partial)
            if reply["ok"] or step.optional:
                continue
            if not reply.get("part"):
                return ("PARTIAL" if reached else "NO"), self.tell()
            capped = True
        answer: Answer = "PARTIAL" if capped else way.most
        return answer, self.tell()

    def tell(self, more: str = "") -> str:
        """The latest things seen, because what decided comes last."""
        parts = [*self.story, more] if more else self.story
        text = "; ".join(parts)
        return text if len(text) <= EVIDENCE_CHARS else "…" + text[-(EVIDENCE_CHARS - 1) :]

    def do(self, step: Step) -> Reply:
        match step:
            case Mark():
                self.mark()
                return {"ok": True}
            case Reload():
                self.browser.open(self.path())
                return {"ok": True, "seen": "reloaded"}
            case Follow():
                return self.follow(step)
            case Tour():
                return self.tour(step)
            case Remember():
                return self.kept(step.name, self.call("remember", render(step, self.words)))
        verb = type(step).__name__
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", verb).lower()
        given = render(step, self.words)
        if not isinstance(step, ACTS):
            return self.call(name, given, max(0.0, self.deadline - time.monotonic()))
        self.message = ""
        reply = self.call(name, given)
        self.message = str(reply.get("message", ""))
        if isinstance(step, Move) and reply["ok"]:
            self.board = reply["board"]
        self.settle()
        return self.kept(getattr(step, "keep", ""), reply)

    def kept(self, name: str, reply: Reply) -> Reply:
        if name and reply["ok"]:
            self.words[name] = reply["text"]
        return reply

    def follow(self, step: Follow) -> Reply:
        given = {"what": step.to, "kind": "link", "beside": "", "box": False}
        before = self.call("snapshot", {})
        reply = self.call("press", given)
        if not reply["ok"]:
            return reply
        self.settle()
        if (refusal := self.lost()) is not None:
            return {"ok": False, "seen": f"{reply['seen']}: {refusal}"}
        after = self.call("snapshot", {})
        if reply.get("local") or moved(before, after) or after["scroll"] != reply["scroll"]:
            return reply
        return {"ok": False, "seen": f"{reply['seen']}: nothing happens"}

    def tour(self, step: Tour) -> Reply:
        """Each control is pressed where it is found; a page that was left is opened anew."""
        listed = self.call("nav_list", {"buttons": step.all_buttons, "most": step.most})
        good: list[str] = []
        bad: list[str] = []
        self.browser.events()
        for name in listed.get("names", ()):
            if time.monotonic() > self.end:
                bad.append(f"{name}: no time left")
                break
            before = self.call("snapshot", {})
            reply = self.call("press_name", {"name": name})
            self.settle()
            thrown = [event for event in self.browser.events() if event.kind == "exception"]
            refusal = self.lost()
            after = self.call("snapshot", {})
            moves = reply["ok"] and (reply["settled"] or after["scroll"] != reply["scroll"] or moved(before, after))
            works = moves and not thrown and refusal is None
            (good if works else bad).append(name)
            if not reply["ok"] or refusal is not None or before["url"].split("#")[0] != after["url"].split("#")[0]:
                self.browser.open("/")
        count = len(good) + len(bad)
        seen = f"{len(good)} of {count} controls lead somewhere" + (f"; not {', '.join(bad)}" if bad else "")
        enough = len(good) >= step.need
        return {"ok": enough and not bad, "part": enough and len(good) * 2 >= count, "seen": seen}

    def lost(self) -> str | None:
        """Why the page that stands now is none, if so."""
        status = self.call("status", {}).get("status") or 0
        return f"leads to a page that answers {status}" if status >= 400 else None

    def path(self) -> str:
        url = str(self.call("snapshot", {})["url"]).split("#")[0]
        return url if url.startswith("/") else "/"

    def mark(self) -> None:
        self.before = self.call("snapshot", {})

    def settle(self) -> None:
        self.deadline = time.monotonic() + WAIT_S
        time.sleep(0.12)
        self.call("status", {})

    def clear(self) -> None:
        try:
            self.browser.evaluate(page_script(), "clear", {}, {})
        except SandboxError:
            return  # the next page opens in a new browser, or shows the same failure

    def call(self, verb: str, step: Mapping[str, object], wait_s: float = 0.0) -> Reply:
        """Once more when the page was leaving just then."""
        for n in range(RETRIES):
            memory = {
                "before": self.before,
                "board": self.board,
                "message": self.message,
                "answer": self.words["nonce2"],
                "wait_ms": int(wait_s * 1000),
            }
            try:
                self.browser.evaluate(page_script(), "prepare", {}, memory)
                reply: Reply = self.browser.evaluate(page_script(), verb, step, memory)
            except ScriptFailed as error:
                if "left while" not in str(error) or n == RETRIES - 1:
                    raise
                self.browser.settle()
                continue
            return reply
        raise AssertionError("unreachable")


def moved(before: Reply, after: Reply) -> bool:
    """By something to see; a form that only forgot what was typed has not moved."""
    keys = ("url", "lines", "active", "looks", "charts", "board", "diagram")
    return any(before[key] != after[key] for key in keys)
