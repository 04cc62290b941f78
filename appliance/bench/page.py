"""The report as one HTML page, complete in itself: figures, where points are lost, every site with pictures."""

from __future__ import annotations

import base64
from collections import defaultdict
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment
from PIL import Image

from appliance.bench.results import CaseLine, Results, SiteLine
from appliance.bench.summary import against_other, summary

WIDTH, HEIGHT = 360, 270
"""Of a picture in the gallery; the upper part of a tall page."""
BINS = 10


def report_page(results: Results, other: Results | None = None) -> str:
    """Texts of sites and models are escaped, and the page runs no script. Raises UsageError."""
    found = summary(results)
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        files("appliance.bench").joinpath("report.html").read_text("utf-8")
    )
    cases: dict[tuple[str, int, str], list[CaseLine]] = defaultdict(list)
    for case in results.cases():
        cases[case.site, case.seed, case.mode].append(case)
    by_site: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for line in results.finished():
        own = cases[line.site, line.seed, line.mode]
        by_site[line.site, line.seed].append({"line": line, "cases": own, "picture": _embedded(results.picture(line))})
    return template.render(
        found=found,
        setting=found["setting"] or {},
        modes=found["modes"],
        against=against_other(results, other) if other else {},
        other=other.folder.name if other else "",
        name=results.folder.name,
        sites=sorted(by_site.items()),
        spread={mode: _spread(results.finished(), mode) for mode in found["modes"]},
    )


def _spread(lines: list[SiteLine], mode: str) -> list[dict[str, float]]:
    """How many runs have an accuracy in each tenth; `height` is the share of the fullest."""
    counts = [0] * BINS
    for line in lines:
        if line.mode == mode:
            counts[min(int(line.accuracy * BINS), BINS - 1)] += 1
    most = max(counts) or 1
    return [{"from": 100 * n / BINS, "count": count, "height": count / most} for n, count in enumerate(counts)]


def _embedded(picture: Path) -> str:
    """As a data address; empty where there is no picture."""
    if not picture.exists():
        return ""
    with Image.open(picture) as image:
        scaled = image.convert("RGB").resize((WIDTH, max(1, round(image.height * WIDTH / image.width))))
    shown = BytesIO()
    scaled.crop((0, 0, WIDTH, min(HEIGHT, scaled.height))).save(shown, "JPEG", quality=72, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(shown.getvalue()).decode()
