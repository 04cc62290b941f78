"""Which worked example fits what a page lacks. Pure: words in, one example of `prompts/recipes.toml` out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from appliance.steps import ChecklistItem

_BY_WORDS = (
    ("login", r"log ?in|sign ?(?:in|up)|regist(?:er|ration)|account|authenticat"),
    ("vote", r"\bvot(?:e|es|ing)\b|\bpolls?\b"),
    ("cart", r"\bcart\b|\bbasket\b|check ?out|purchas|\bbuy"),
    ("report", r"\bcharts?\b|\bgraphs?\b|statistic|analytic|visuali[sz]|\btrends?\b|\btotals?\b|dashboard"),
    ("inquire", r"\breport(?:s|ing)?\b|\bcalculat|\bgenerat|\banaly[sz]|\bsummari[sz]|\bestimat|\bconvert|\binput"),
    ("complete", r"\bto-?dos?\b|\btasks?\b|mark (?:as )?(?:done|complete)|\bcomplet"),
    ("search", r"\bsearch|\bquer(?:y|ies)\b|\blook(?:ing)? up\b"),
    ("filter", r"\bfilter|\bsort|categor(?:y|ies)"),
    ("add", r"\badd(?:s|ing)?\b|creat|\bpost(?:s|ing)?\b|upload|record|schedul|manag|\blog\b|comment|review"),
    ("edit", r"\bedit|\bupdat|modif|chang(?:e|ing)|configur|settings?"),
    ("submit", r"submit|\bsend|\bbook|reserv|contact|appl(?:y|ication)|inquir|subscrib|\bform\b|feedback|quote|order"),
    ("mark", r"\bjoin|\bfollow|\bnotif|\bfavou?rite|\bbookmark|\blike\b|\bparticipat|\binvit|\bsubscri"),
    ("choose", r"\bchoos|\bselect|\bpick|\btheme|\bprefer|\badjust|\bcustomi[sz]|\bplay|\bmov(?:e|ing)|\bswitch"),
    ("open", r"\bdetail"),
)
_BY_PROOF = {"persist": "add", "delete": "add", "shows-text": "shows", "colour": "shows"}


def recipe(item: ChecklistItem) -> str:
    """The words of the task decide, then the kind of proof."""
    known = _recipes()
    text = f"{item.task} {item.subject}".lower()
    if item.proof in known and item.proof not in ("add", "submit"):
        return known[item.proof]
    named = next((name for name, words in _BY_WORDS if re.search(words, text)), "")
    return known[named or _BY_PROOF.get(item.proof, item.proof if item.proof in known else "shows")]


def examples_own(example: str) -> tuple[str, ...]:
    """Names of things that only the example is about: its cards' headings and its list's entries."""
    found = re.findall(r"<(?:h3|li)>([A-Z][a-z]+ [a-zA-Z]+)", example)
    return tuple(dict.fromkeys(found))


@cache
def _recipes() -> Mapping[str, str]:
    table = tomllib.loads(files("appliance").joinpath("prompts", "recipes.toml").read_text("utf-8"))
    return {name: text.strip() for name, text in table.items()}
