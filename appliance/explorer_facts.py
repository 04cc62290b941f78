"""What the explorer decides without touching a page: what a control is for, what to type, what an answer claims.

The words below are the explorer's own; no check that measures the product shares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from appliance.steps import Exploration, Fact, Finding, Proof, Severity


@dataclass(frozen=True, slots=True)
class FactKind:
    """What a fact of this kind proves, what its failing is called as a finding, and what it weighs in the grade."""

    proof: Proof
    finding: str
    severity: Severity
    weight: int


KINDS: Mapping[str, FactKind] = {
    "handler-throws": FactKind("none", "exception", "error", 2),
    "fake-success": FactKind("none", "fake-success", "serious", 3),
    "add-item": FactKind("add", "add-fails", "serious", 3),
    "submit-shows": FactKind("submit", "submit-lost", "serious", 3),
    "submit-kept": FactKind("submit", "submit-lost", "serious", 2),
    "complete-item": FactKind("complete", "complete-fails", "serious", 2),
    "edit-item": FactKind("edit", "edit-fails", "serious", 2),
    "delete-item": FactKind("delete", "delete-fails", "serious", 2),
    "filter-items": FactKind("filter", "filter-fails", "serious", 2),
    "search-items": FactKind("search", "search-fails", "serious", 2),
    "persists": FactKind("persist", "not-persisted", "serious", 2),
    "focus-trap": FactKind("none", "focus-trap", "serious", 2),
    "control-works": FactKind("none", "dead-control", "serious", 2),
    "toggle-works": FactKind("none", "dead-control", "serious", 2),
    "navigates": FactKind("navigate", "dead-link", "serious", 2),
    "link-works": FactKind("navigate", "dead-link", "serious", 1),
    "back-works": FactKind("none", "back-fails", "minor", 1),
    "submit-validated": FactKind("none", "not-validated", "minor", 1),
    "shows-text": FactKind("shows-text", "text-missing", "minor", 0),
}
"""The closed set, most telling first; docs/explorer.md says what each means."""

NOTHING = re.compile(r"^(?:nothing|no \w+(?: \w+)?) (?:was |were )?(?:found|match)", re.IGNORECASE)
COPIED = "now also stands elsewhere on the page"
"""What is seen of a button that takes its entry over into another list, as a cart."""

# What a control says it does. Whole words of its name, label, placeholder and ids.
_PURPOSES = {
    "delete": r"delete|remove|trash|discard|erase|✕|✖|×|🗑️?|cancel (?:booking|order|reservation|appointment)",
    "edit": r"edit|rename|modify|✎|✏️?|🖉",
    "complete": r"complete|completed|done|finish|finished|mark|check off|tick|✓|✔️?",
    "leave": r"log ?out|sign ?out|delete account|deactivate",
    "reset": r"reset|restart|clear|undo|start over|new game|play again|previous|prev|back|stop|pause|cancel|close|"
    r"today|decrease|less|fewer|minus|zero|empty|default|−|-|‹|«|←|<|hide|collapse|ok|dismiss|end|lap|top",
    "filter": r"filter|filters|category|categories|all|show|topic|topics|type|status|active|completed|pending",
    "search": r"search|find|filter|look up|lookup|query|🔍",
    "sort": r"sort|order by|sort by|ascending|descending",
    "add": r"add|create|new|insert|post|publish|save note|append|record|\+|➕|log (?:entry|expense|workout|meal)",
    "save": r"save|update|apply|change|store|keep",
    "send": r"send|submit|contact|subscribe|sign ?up for|newsletter|message|request|enquire|inquire|join|notify|quote",
    "login": r"log ?in|sign ?in",
    "register": r"register|sign ?up|create (?:an )?account",
    "book": r"book|reserve|order|buy|check ?out|purchase|place order|pay|enroll|enrol|rsvp|donate",
    "open": r"cart|basket|bag|view|my|saved|favou?rites|wishlist|bookings|orders|list|history",
    "close": r"close|cancel|dismiss|ok|okay|got it|done|no|✕|✖|×|x|back|hide",
    "produce": r"(?:generat|calculat|comput|analy[sz]|summari[sz]|estimat|convert)\w*"
    r"|(?:show|view|get|make|create) (?:(?:the|my|your|an?) )?(?:reports?|results?|summary|analysis|estimate)",
    "confirm": r"yes|confirm|delete|remove|ok|okay|sure|continue|save",
}
_COMPILED = {name: re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE) for name, words in _PURPOSES.items()}
_CLAIMS = re.compile(
    r"\b(?:added|saved|stored|created|updated|booked|reserved|registered|posted|published|submitted|deleted|removed|"
    r"recorded|scheduled|confirmed|sent|successful(?:ly)?|success)\b",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\b(?:thanks?|generat|calculat|comput|analy[sz]|process|complet)\w*", re.IGNORECASE)
_NOTICE_CHARS = 90
_KEEPS = re.compile(
    r"\b(?:added|saved|stored|created|updated|registered|posted|published|recorded)\b",
    re.IGNORECASE,
)
_REFUSALS = re.compile(
    r"\b(?:please|required|must|invalid|valid|cannot be|can't be|error|missing|fill|enter|provide|choose|select|"
    r"too short|at least|wrong|incorrect|not match|already|fail(?:ed|s)?|empty|need|unknown)\b",
    re.IGNORECASE,
)
_ACTIVE = re.compile(r"\b(?:active|current|selected|is-active|on|chosen|checked|activated)\b", re.IGNORECASE)

_WORDS = (
    *("juniper", "kestrel", "larkspur", "vesper", "quillon", "marabou", "zephyrine", "obelisk", "tamarack", "wyvern"),
    *("fjordic", "pelican", "saffron", "bramble", "heliotrope", "catkin"),
)


def says(purpose: str, words: str) -> bool:
    """Whether the words name this purpose; camel case and snake case are read as words."""
    return _COMPILED[purpose].search(plain(words)) is not None


def speaks_of_order(text: str) -> bool:
    """Sorting and filtering have one proof, and are two things all the same."""
    return re.search(r"\bsort|\border by\b|\barrang|\brank", text, re.IGNORECASE) is not None


def plain(words: str) -> str:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words)
    return re.sub(r"[_\s]+|(?<=\w)-(?=\w)", " ", apart).strip()


def claims_success(texts: Iterable[str]) -> str:
    """The first text that says something was done; empty when none does."""
    return next((text for text in texts if _CLAIMS.search(text) and not _REFUSALS.search(text)), "")


def is_notice(text: str) -> bool:
    """Whether the text says that something is or will be done, and nothing of what came of it: no figure, one line."""
    is_short = len(text) <= _NOTICE_CHARS and "\n" not in text.strip() and not re.search(r"\d", text)
    return is_short and bool(_CLAIMS.search(text) or _THANKS.search(text))


def lacks_a_value(text: str) -> bool:
    """Whether a script shows that it had nothing to show: "Order placed for null!"."""
    return re.search(r"\b(?:undefined|NaN)\b|\[object \w+\]|\bnull\b(?! hypothes)", text) is not None


def claims_to_keep(text: str) -> bool:
    """Whether the text says that something is now in a place where it can be found again."""
    return _KEEPS.search(text) is not None


def refuses(texts: Iterable[str]) -> bool:
    return any(_REFUSALS.search(text) for text in texts)


def is_chosen(look: str) -> bool:
    """Whether a tab, filter or entry of a menu already is the one in view, by its classes and states."""
    return (
        "aria-selected=true" in look
        or "aria-pressed=true" in look
        or "aria-current" in look
        or bool(_ACTIVE.search(look.split("|")[0].replace("-", " ")))
    )


@dataclass(frozen=True, slots=True)
class Nonce:
    """What is typed into one field; `seen` is how it can be told again, empty where it cannot."""

    text: str
    seen: str


_IDENTIFIES = re.compile(
    r"\b(?:account|booking|case|claim|customer|flight|invoice|licen[cs]e|member(?:ship)?|order|passport|policy|product|reference"
    r"|registration|serial|student|ticket|tracking)"
    r" (?:number|no|id)\b",
    re.IGNORECASE,
)
"""A number that tells one thing from another, and is as good as a name to find it by."""


def nonce(kind: str, words: str, n: int, *, least: str = "", most: str = "", today: date) -> Nonce:
    """The `n`th thing typed, fit for a field of this kind and these words. A login is typed by convention."""
    first, second = _WORDS[(2 * n) % len(_WORDS)], _WORDS[(2 * n + 1) % len(_WORDS)]
    match kind:
        case "email":
            return Nonce(f"{first}.{second}@example.com", f"{first}.{second}")
        case "password":
            return Nonce("Juniper-482!x", "")
        case "number" if _IDENTIFIES.search(plain(words)) and not most:
            return Nonce(*[str(58214070 + n)] * 2)
        case "number" | "range":
            return Nonce(_number(least, most, n), "")
        case "date":
            return Nonce((today + timedelta(days=14 + n)).isoformat(), "")
        case "color":
            return Nonce("#c2410c", "")
        case "textarea":
            return Nonce(f"{first.capitalize()} {second} came along and wrote this down.", f"{first} {second}")
    if re.search(r"\b(?:e ?mail)\b", plain(words), re.IGNORECASE):
        return nonce("email", "", n, today=today)
    if re.search(r"\b(?:phone|tel|mobile|telephone)\b", plain(words), re.IGNORECASE):
        return Nonce("5550142876", "5550142876")
    if _IDENTIFIES.search(plain(words)):
        return Nonce(*[str(58214070 + n)] * 2)
    if re.search(r"\b(?:amount|price|quantity|age|qty|cost|how many|number|weight|height)\b", plain(words), re.I):
        return Nonce(_number(least, most, n), "")
    if re.search(r"\b(?:url|website|link|image)\b", plain(words), re.IGNORECASE):
        return Nonce(f"https://example.com/{first}", f"example.com/{first}")
    if re.search(r"\b(?:zip|post ?code|postal)\b", plain(words), re.IGNORECASE):
        return Nonce("90210", "90210")
    if re.search(r"\b(?:card|iban|cvv|cvc)\b", plain(words), re.IGNORECASE):
        return Nonce("4242424242424242" if "c" in words and "vv" not in words.lower() else "123", "")
    if re.search(r"\bdate\b", plain(words), re.IGNORECASE):
        return nonce("date", "", n, today=today)
    if re.search(r"\btime\b", plain(words), re.IGNORECASE):
        return Nonce("10:30", "10:30")
    return Nonce(f"{first.capitalize()} {second.capitalize()}", f"{first} {second}")


def _number(least: str, most: str, n: int) -> str:
    wished = 7 + n
    try:
        low = float(least) if least else None
        high = float(most) if most else None
    except ValueError:
        return str(wished)
    if low is not None and wished < low:
        return least
    if high is not None and wished > high:
        return most
    return str(wished)


FormPurpose = Literal["search", "login", "register", "add", "book", "save", "send", "other"]


def form_purpose(button: str, words: str, field_kinds: Iterable[str]) -> FormPurpose:
    """What a form is for: first by its button, then by the words around it."""
    kinds = list(field_kinds)
    typed = [kind for kind in kinds if kind in ("text", "search", "email", "textarea", "password", "number", "date")]
    # A heading may say "Find ..." over any form.
    sends = any(says(other, button) for other in ("add", "book", "save", "send"))
    if "search" in kinds or (len(typed) == 1 and says("search", f"{button} {words}") and not sends):
        return "search"
    if "password" in kinds:
        return "register" if says("register", button) or not says("login", f"{button} {words}") else "login"
    orders: tuple[FormPurpose, ...] = ("add", "book", "save", "send")
    return next(
        (purpose for said in (button, words) for purpose in orders if says(purpose, said)),
        "other",
    )


def query_word(text: str) -> str:
    """A word of an item that a search for it should find: the first long one of its first line."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    words = re.findall(r"[^\W\d_]{3,}", line)
    return next((word for word in words if len(word) > 3), words[0] if words else "")


def word_set(text: str) -> frozenset[str]:
    """Words in lower case without plural endings, for telling whether two texts speak of one thing."""
    return frozenset(_singular(word) for word in re.findall(r"[^\W_]+", plain(text).lower()))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(?:ss|us|is)$", word) or len(word) < 4:
        return word
    return re.sub(r"(?<=[sxz])es$|(?<=ch)es$|(?<=sh)es$|s$", "", word)


def fact(kind: str, place: str, holds: bool, evidence: str, subject: str = "") -> Fact:
    return Fact(kind, place, holds, short(evidence, 300), KINDS[kind].proof, short(subject, 300))


def short(text: str, length: int = 60) -> str:
    flat = re.sub(r"\s+", " ", text).strip()
    return flat if len(flat) <= length else f"{flat[: length - 1]}…"


def settled(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """One fact per kind and place, a failed one before one that holds, in the order of the kinds."""
    kept: dict[tuple[str, str], Fact] = {}
    for one in facts:
        known = kept.get((one.kind, one.place))
        if known is None or (known.holds and not one.holds):
            kept[one.kind, one.place] = one
    order = list(KINDS)
    return tuple(sorted(kept.values(), key=lambda one: order.index(one.kind)))


_THROWN = re.compile(r"at (?P<place>[^\s:]+(?::\d+)+): (?P<text>.*)$", re.DOTALL)


def findings_of(exploration: Exploration) -> tuple[Finding, ...]:
    """The failed facts, as the coder is told them. What one exception explains is told once."""
    thrown: set[str] = set()
    findings = []
    for one in exploration.facts:
        if one.holds:
            continue
        kind = KINDS[one.kind]
        place, evidence = one.place, one.evidence
        if one.kind == "handler-throws" and (at := _THROWN.search(one.evidence)):
            place, evidence = at["place"], f"{at['text']} (when {one.place} is used)"
            thrown.add(one.place)
        elif one.place in thrown:
            continue
        findings.append(Finding(kind.finding, place, evidence, kind.severity))
    return tuple(dict.fromkeys(findings))
