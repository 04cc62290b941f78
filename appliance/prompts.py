"""Prompt texts are Markdown files in `prompts/`; this fills them in.

Nothing that changes from step to step stands before the history, so that the engine's cache of the prompt stays good.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Literal

from appliance.assets import PROMPT as KIT
from appliance.colours import asked_colours
from appliance.context import listing
from appliance.profiles import Profile
from appliance.steps import ChecklistItem, Files, RunRequest
from models.chat import ChatMessage
from sandbox.packages import allowed_packages


@cache
def _template(name: str) -> Template:
    return Template(files("appliance").joinpath("prompts", f"{name}.md").read_text("utf-8").strip())


_ENGLISH = re.compile(r"\b(?:the|and|with|for|should|page|website)\b", re.IGNORECASE)
IMPROVE = "Improve this site: mend what does not work and make it look better."


def fill(name: str, **values: str) -> str:
    return _template(name).substitute(values)


def opening(request: RunRequest, profile: Profile, base: Files, picture: bytes = b"") -> tuple[ChatMessage, ...]:
    """System and first user message. `base` are the files that a forked run starts with; empty for a new site.
    `picture`: the user's, for a model that sees; another one is told its colours."""
    wish = request.instruction or (IMPROVE if base else "")
    match profile.writing:
        case "page":
            system = fill("page.system", kit=KIT)
            page = base.get("index.html", b"").decode("utf-8", "replace")
            user = fill("page.change", page=page, instruction=wish) if page else fill("page.user", brief=request.brief)
        case "files":
            system = fill("files.system", kit=KIT, stack=_stack(request))
            user = "\n\n".join(part for part in (request.brief, listing(base) if base else "", wish) if part)
        case "bolt":
            system = fill("bolt.system")
            user = "\n\n".join(part for part in (request.brief, listing(base) if base else "", wish) if part)
    if likeness := request.likeness:
        named = {"background": likeness.background, "component": likeness.component}
        user += "\n\n" + (fill("likeness.seen") if picture else fill("likeness.told", **named))
    return ChatMessage("system", system), ChatMessage("user", user, (picture,) if picture else ())


def beginning(request: RunRequest, profile: Profile, base: Files) -> str:
    """The first lines of a small model's page: the kit's look in the requested colours. Empty where they do not fit.

    Only for briefs in English, because the page's language is among those lines.
    """
    if profile.writing != "page" or base or not _ENGLISH.search(request.brief):
        return ""
    asked = {colour.role: colour.accepted[0] for colour in reversed(asked_colours(request.brief))}
    codes = {role: f"#{bytes(colour).hex()}" for role, colour in asked.items()}
    if request.likeness and not codes:
        codes = {"background": request.likeness.background, "components": request.likeness.component}
    names = {"background": "--background", "components": "--component"}
    tokens = (f"{name}: {codes[role]};" for role, name in names.items() if role in codes)
    return fill("page.beginning", tokens=" ".join(tokens))


def _stack(request: RunRequest) -> str:
    if request.stack == "vite-react":
        return fill("stack.vite-react", packages=", ".join(allowed_packages()))
    return fill("stack.static")


def changed_by_hand(path: str, content: str) -> str:
    """What is told after a file was changed by the user."""
    return fill("changed", path=path, content=content)


def repair(page: str, problem: str) -> tuple[ChatMessage, ...]:
    """Ask for CSS and JavaScript to add."""
    return _repair(fill("page.repair.append", page=page, problem=problem))


def repair_script(markup: str, script: str, problem: str) -> tuple[ChatMessage, ...]:
    """Ask for one script in full."""
    return _repair(fill("page.repair.script", page=markup, script=script, problem=problem))


def repair_style(page: str, problem: str) -> tuple[ChatMessage, ...]:
    """Ask for CSS rules to add."""
    return _repair(fill("page.repair.style", page=page, problem=problem))


def more_content(markup: str, brief: str, problem: str) -> tuple[ChatMessage, ...]:
    """Ask for sections to add."""
    return _repair(fill("page.repair.content", page=markup, brief=brief, problem=problem))


def feature(brief: str, outline: str, item: ChecklistItem, recipe: str) -> tuple[ChatMessage, ...]:
    """Ask for one section that does what a checklist item wants."""
    return _repair(
        fill(
            "page.repair.feature",
            brief=brief,
            outline=outline,
            # "Look for the team" is what a visitor does; a small model would make a heading of it.
            task=f"a section about {item.subject}" if item.proof == "shows-text" and item.subject else item.task,
            expected=item.expected,
            recipe=recipe,
        )
    )


def repair_words(brief: str, asked: str) -> tuple[ChatMessage, ...]:
    """Ask for lines in place of filler text."""
    return _repair(fill("page.repair.words", brief=brief, asked=asked), "page.repair.words.system")


def repair_facts(brief: str, title: str, labels: Sequence[str], asked: str) -> tuple[ChatMessage, ...]:
    """Ask for lines of facts for the entries of a list; small models keep to a form that they see once answered."""
    return (
        ChatMessage("system", fill("page.repair.facts.system")),
        ChatMessage("user", fill("page.repair.facts.example")),
        ChatMessage("assistant", fill("page.repair.facts.answer")),
        ChatMessage(
            "user", fill("page.repair.facts", brief=brief, title=title, labels=" and ".join(labels), asked=asked)
        ),
    )


def repair_piece(name: Literal["form", "control", "nav"], **values: str) -> tuple[ChatMessage, ...]:
    """Ask for one piece of markup anew."""
    return _repair(fill(f"page.repair.{name}", **values))


def _repair(user: str, system: str = "page.repair.system") -> tuple[ChatMessage, ...]:
    return ChatMessage("system", fill(system)), ChatMessage("user", user)


def as_pairs(messages: Sequence[ChatMessage]) -> tuple[tuple[str, str], ...]:
    return tuple((message.role, message.content) for message in messages)
