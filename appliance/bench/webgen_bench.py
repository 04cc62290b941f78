"""The data of WebGen-Bench (arXiv 2505.03733): briefs, each with test cases in words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from appliance.errors import UsageError

__all__ = ["BenchSite", "Suite", "TestCase", "read_suite"]

_Words = Annotated[str, msgspec.Meta(min_length=1)]


class Category(msgspec.Struct, frozen=True):
    primary_category: str = ""
    subcategories: tuple[str, ...] = ()


class TestCase(msgspec.Struct, frozen=True):
    __test__ = False  # pytest takes it for tests otherwise

    task: _Words
    expected_result: str = ""
    task_category: Category = Category()


class BenchSite(msgspec.Struct, frozen=True):
    """One brief with its cases. Keys of the file that are not named here are left alone."""

    id: _Words
    instruction: _Words
    ui_instruct: Annotated[tuple[TestCase, ...], msgspec.Meta(min_length=1)]
    Category: Category = Category()
    application_type: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """Sites by id, and the SHA-256 of the file they came from."""

    sites: dict[str, BenchSite]
    digest: str


def read_suite(path: Path | None = None) -> Suite:
    """The file at `path`, or the shipped sites to develop on. Raises `UsageError` naming the line that is wrong."""
    try:
        raw = path.read_bytes() if path else files("appliance").joinpath("data", "webgen-bench-dev.jsonl").read_bytes()
    except OSError as error:
        raise UsageError(f"The data file {path} cannot be read: {error.strerror}.") from error
    sites: dict[str, BenchSite] = {}
    for n, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            site = msgspec.json.decode(line, type=BenchSite)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path}, line {n} is no site of WebGen-Bench: {error}. Give the benchmark's test.jsonl."
            ) from error
        if site.id in sites:
            raise UsageError(f"{path}, line {n}: site {site.id} stands there twice.")
        sites[site.id] = site
    if not sites:
        raise UsageError(f"{path} holds no site. Give the benchmark's test.jsonl.")
    return Suite(sites, hashlib.sha256(raw).hexdigest())
