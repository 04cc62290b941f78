"""Named, tested choices for a kind of model, from `profiles.toml` beside this file and from the user's config file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import msgspec

from appliance.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    """How a model is used."""

    name: str
    writing: Literal["page", "files", "bolt"]
    """One HTML page in a fence, `<file>` tags with edits, or the paper's bolt tags."""
    strategy: Literal["drafts", "stepwise"]
    """Drafts, then repairs of one finding at a time; or the paper's conversation, step by step."""
    drafts: int
    """How many drafts of the first step are written together."""
    steps: int
    """The most steps that a site gets."""
    context_tokens: int
    """The context that the model is loaded with, as far as the model allows it."""
    max_tokens: int
    """Most tokens of one reply."""
    temperature: float
    """How freely tokens are drawn; 0 takes the likeliest."""
    top_p: float
    """Only the likeliest tokens that make up this share are drawn from; 1 is all."""
    repeat_penalty: float
    """Above 1, what was just said becomes less likely."""
    checklist: Literal["model", "rules"] = "model"
    """Who derives the acceptance tests: the coder model under a schema, or the brief's own sentences."""
    token_budget: int = 0
    """Completion tokens after which a run begins no further step; 0 means no limit."""
    for_nights: bool = False
    """Drawn from the model's whole distribution, as training needs; nobody would choose it for a site."""


def load_profiles(more: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Profile]:
    """The shipped profiles, with the config file's own on top. Raises ConfigError."""
    shipped = tomllib.loads(files("appliance").joinpath("profiles.toml").read_text("utf-8"))
    return {name: _profile(name, fields) for name, fields in {**shipped, **(more or {})}.items()}


def _profile(name: str, fields: Mapping[str, Any]) -> Profile:
    if unknown := set(fields) - set(Profile.__dataclass_fields__):
        raise ConfigError(f"Profile {name!r} has unknown settings: {', '.join(sorted(unknown))}.")
    try:
        return msgspec.convert({"name": name, **fields}, Profile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"Profile {name!r} is not usable: {error}.") from error
