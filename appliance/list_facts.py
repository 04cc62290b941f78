"""Which facts visitors look for in the entries of a list, by its heading. Pure."""

from __future__ import annotations

import re

_FACTS = (
    (r"\bstocks?\b|\bshares?\b|\bmarkets?\b|\bcompan(?:y|ies)", ("Code", "Price")),
    (r"\bpolic(?:y|ies)|\binsur|\bclaims?\b|\bloans?\b|\bcontracts?\b|\bregulation", ("Number", "Valid from")),
    (r"\borders?\b|\binvoices?\b|\bpayments?\b|\bapplications?\b|\btickets?\b", ("Number", "Amount")),
    (r"\bevents?\b|\bconcert|\bcourses?\b|\bclass(?:es)?\b|\bworkshop|\bpromotions?\b|\bexhibition", ("Date", "Price")),
    (r"\bmenus?\b|\bdish|\bcocktails?\b|\bdrinks?\b|\bproducts?\b|\bmeals?\b|\bshop", ("Price", "Size")),
    (r"\brecipes?\b|\bingredients?\b|\bfoods?\b|\bnutrition", ("Calories", "Protein")),
    (r"\bhouses?\b|\bapartments?\b|\bpropert|\brooms?\b|\bhotels?\b", ("Price", "Area")),
    (r"\bcars?\b|\bvehicles?\b|\bbikes?\b", ("Price", "Year")),
    (r"\bservices?\b|\bpackages?\b|\btreatments?\b|\btours?\b|\btrips?\b", ("Price", "Duration")),
    (r"\bcustomers?\b|\bclients?\b|\bmembers?\b|\bpatients?\b|\busers?\b", ("Phone", "Since")),
    (r"\bteam\b|\bstaff\b|\bbarbers?\b|\bdoctors?\b|\bteachers?\b|\bagents?\b", ("Phone", "Experience")),
    (r"\bposts?\b|\barticles?\b|\bnews\b|\bpoems?\b|\bpoetry\b|\bdiscussions?\b|\bblog", ("Author", "Date")),
    (r"\bprojects?\b|\bworks?\b|\bportfolio\b|\bdesigns?\b", ("Client", "Year")),
)
"""What a list is about, and what its visitors look for. A small model that is told no labels takes any."""
_ABOUT_THE_SITE = re.compile(r"\b(?:welcome|about|overview|features?|why|how)\b", re.IGNORECASE)

_DEED = re.compile(
    r"(?:add|analy[sz]e|apply|browse|buy|choose|create|delete|edit|explore|find|generate|get|issue|join|make|manage|pay|read"
    r"|register|request|search|see|sell|send|share|submit|track|update|view|write)\b[^\d]*$",
    re.IGNORECASE,
)


def names_deed(name: str) -> bool:
    """“Submit claim” is something to do, and has no number of its own."""
    return _DEED.match(name) is not None


def facts_of(title: str) -> tuple[str, ...]:
    """The two labels that fit what the heading names first; empty where it names nothing that has such facts."""
    found = [(match.start(), labels) for words, labels in _FACTS if (match := re.search(words, title, re.IGNORECASE))]
    return min(found)[1] if found and not _ABOUT_THE_SITE.search(title) else ()
