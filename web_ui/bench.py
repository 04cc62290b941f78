"""Measurements of this machine: their figures, and the whole report of each, alone or against another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, render_template, request

from appliance.bench.page import report_page
from appliance.bench.results import SETTING, SITES, Results
from appliance.bench.summary import summary
from appliance.errors import ApplianceError, UsageError
from web_ui.desk import desk

views = Blueprint("bench", __name__, url_prefix="/machine/bench")
REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""The report carries its own style and pictures, and nothing of it may run."""


@dataclass(frozen=True, slots=True)
class Measured:
    name: str
    summary: dict[str, Any]
    trouble: str = ""
    """Why there are no figures."""


@views.get("")
def index() -> str:
    return render_template("bench.html", measured=[_measured(folder) for folder in _folders()], page="bench")


@views.get("/<name>")
def report(name: str) -> Response:
    """`?against=` names the measurement to compare with."""
    try:
        other = request.args.get("against", "")
        text = report_page(_results(name), _results(other) if other else None)
    except UsageError as error:
        abort(404, str(error))
    answer = Response(text, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = REPORT_POLICY
    return answer


def _folders() -> list[Path]:
    root = desk().config.home / "bench"
    found = root.iterdir() if root.is_dir() else ()
    return sorted(folder for folder in found if (folder / SITES).exists() or (folder / SETTING).exists())


def _results(name: str) -> Results:
    folder = next((folder for folder in _folders() if folder.name == name), None)
    if folder is None:
        raise UsageError(f"There is no measurement {name!r}.")
    return Results(folder)


def _measured(folder: Path) -> Measured:
    try:
        return Measured(folder.name, summary(Results(folder)))
    except ApplianceError as error:
        return Measured(folder.name, {}, str(error))
