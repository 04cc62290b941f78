"""Which worked example fits what a page lacks. Pure: words in, one example of `prompts/recipes.toml` out."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from appliance.steps import ChecklistItem

TITLE_CHARS = 44
_DANGLING = re.compile(
    r"(?:\s+(?:an?|the|to|of|for|from|on|in|by|with|through|via|about|and|or|as|based|according|related|different|their|its|your|search|clearly|easily|quickly|directly|effectively))+$",
    re.IGNORECASE,
)
_BY_WORDS = (
    ("login", r"\blog ?in\b|\bsign ?(?:in|up)\b|regist(?:er|ration)|account|authenticat"),
    ("vote", r"\bvot(?:e|es|ing)\b|\bpolls?\b"),
    ("cart", r"\bcart\b|\bbasket\b|check ?out|purchas|\bbuy"),
    ("report", r"\bcharts?\b|\bgraphs?\b|statistic|analytic|visuali[sz]|\btrends?\b|\btotals?\b|dashboard"),
    ("inquire", r"\breport(?:s|ing)?\b|\bcalculat|\bgenerat|\banaly[sz]|\bsummari[sz]|\bestimat|\bconvert|\binput"),
    ("complete", r"\bto-?dos?\b|\btasks?\b|mark (?:as )?(?:done|complete)|\bcomplet"),
    ("search", r"\bsearch|\bquer(?:y|ies)\b|\blook(?:ing)? up\b"),
    ("filter", r"\bfilter|\bsort|categor(?:y|ies)"),
    ("comment", r"\bcomment|\brepl(?:y|ies)\b"),
    ("add", r"\badd(?:s|ing)?\b|creat|\bpost(?:s|ing)?\b|upload|record|schedul|manag|\blog\b|review"),
    ("edit", r"\bedit|\bupdat|modif|chang(?:e|ing)|configur|settings?"),
    ("submit", r"submit|\bsend|\bbook|reserv|contact|appl(?:y|ication)|inquir|subscrib|\bform\b|feedback|quote|order"),
    ("mark", r"\bjoin|\bfollow|\bnotif|\bfavou?rite|\bbookmark|\blike\b|\bparticipat|\binvit|\bsubscri"),
    ("choose", r"\bchoos|\bselect|\bpick|\btheme|\bprefer|\badjust|\bcustomi[sz]|\bplay|\bmov(?:e|ing)|\bswitch"),
    ("open", r"\bdetail"),
)
_MARKS = (
    (r"\bnotif|\balert|\bremind", "Notify me", "Notifications on"),
    (r"\bfollow", "Follow", "Following"),
    (r"\bsubscri", "Subscribe", "Subscribed"),
    (r"\bfavou?rite|\bbookmark", "Save", "Saved"),
    (r"\blike\b", "Like", "Liked"),
    (r"\binvit", "Invite", "Invited"),
    (r"", "Join", "Joined"),
)
"""Words of the task, what the button says, what it says once it was pressed."""
_DEEDS = (
    (r"\bregist|\bsign(?:ing)? up", "Registered"),
    (r"\bbook\b|\bbooking\b|\breserv", "Booked"),
    (r"\benrol", "Enrolled"),
    (r"\bschedul", "Scheduled"),
    (r"\bapply\b", "Applied"),
    (r"\brequest\b|\binquire\b|\benquire\b", "Requested"),
)
"""What a visitor does with one of several things, and what it is then."""
_BY_PROOF = {"persist": "add", "delete": "add", "shows-text": "shows", "colour": "shows"}


_KIND_WORDS = {
    **{"submit": "form", "inquire": "form", "login": "log in", "vote": "vote", "report": "figures", "cart": "cart"},
    **{"search": "search", "filter": "list", "add": "list", "complete": "list", "edit": "edit", "choose": "choose"},
    "comment": "comments",
}
"""What tells a further section apart from one that has the name already."""


def recipe(item: ChecklistItem) -> str:
    """The words of the task decide, then the kind of proof."""
    name = _name(item)
    return _marked(_recipes()[name], item.task) if name == "mark" else _in_words_of(item.task, _recipes()[name])


def _marked(example: str, task: str) -> str:
    """A small model keeps the example's words, so the button says what the task is about."""
    button, done = next(
        ((button, done) for words, button, done in _MARKS if re.search(words, task.lower())), _MARKS[-1][1:]
    )
    return example.replace('data-mark="Joined">Join<', f'data-mark="{done}">{button}<')


def _in_words_of(task: str, markup: str) -> str:
    """What is said of a card is called as the task calls it."""
    word = "Reply" if re.search(r"\brepl", task.lower()) else "Comment"
    return markup.replace('data-comments="Comment"', f'data-comments="{word}"')


def marked_as(label: str) -> str:
    """What a button of these words says of its card once it was pressed; empty for words of another kind."""
    named = (done for words, _, done in _MARKS if words and re.search(words, label.lower()))
    return next(named, _MARKS[-1][2] if re.search(r"\bjoin\b", label.lower()) else "")


def done_by(label: str) -> str:
    """What a thing is once somebody pressed its button of these words, for deeds that a form may ask more for."""
    return next((done for words, done in _DEEDS if re.search(words, label, re.IGNORECASE)), "")


def opening(item: ChecklistItem, taken: Collection[str]) -> str:
    """How the new section begins, up to the first words that are the model's own: a small model that is given the
    attribute keeps to it. Where the page has a heading of that name already, the section gets one of its own."""
    title = title_of(item)
    if title.lower() in taken:
        title = f"{title}: {_KIND_WORDS.get(_name(item), 'more')}"
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:30]
    if not name or title.lower() in taken:
        return '<section id="'
    rest = _in_words_of(item.task, _table()["openings"][_name(item)].format(id=name))
    return f'<section id="{name}"><h2>{html.escape(title, quote=False)}</h2>\n{rest}'


def title_of(item: ChecklistItem) -> str:
    """The task without the words that make it a test, cut at a word."""
    text = re.sub(r"^(?:try|look for|verify|check|test)\s+(?:that\s+)?(?:the\s+)?", "", item.task, flags=re.IGNORECASE)
    text = re.sub(r"\s+on the page$", "", text.strip().rstrip("."))
    whole = whole_words(text, TITLE_CHARS) if re.match(rf".{{1,{TITLE_CHARS}}}(?=\W|$)", text) else ""
    return f"{whole[0].upper()}{whole[1:]}" if whole else ""


def whole_words(text: str, most: int) -> str:
    """The first words that fit into so many characters, and none that only leads to the next; a first word that is
    longer is cut."""
    cut = re.match(rf".{{1,{most}}}(?=\W|$)", text)
    return _DANGLING.sub("", cut[0].strip(" :,;-")) if cut else text[:most]


def _name(item: ChecklistItem) -> str:
    known = _recipes()
    text = f"{item.task} {item.subject}".lower()
    if item.proof in known and item.proof not in ("add", "submit"):
        return item.proof
    named = next((name for name, words in _BY_WORDS if re.search(words, text)), "")
    return named or _BY_PROOF.get(item.proof, item.proof if item.proof in known else "shows")


def examples_own(example: str) -> tuple[str, ...]:
    """Names of things that only the example is about: its cards' headings and its list's entries."""
    found = re.findall(r"<(?:h3|li)>([A-Z][a-z]+ [a-zA-Z]+)", example)
    return tuple(name for name in dict.fromkeys(found) if not name.startswith("Your "))  # any cart is "Your cart"


def _recipes() -> Mapping[str, str]:
    return {name: text.strip() for name, text in _table().items() if isinstance(text, str)}


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(files("appliance").joinpath("prompts", "recipes.toml").read_text("utf-8"))
