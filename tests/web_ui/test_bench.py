from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.bench.results import Results
from tests.bench_checks.bench_lines import SETTING, lines


@pytest.fixture
def measured(home):
    for name in ("before", "after"):
        results = Results(home / "bench" / name)
        results.begin(SETTING)
        sites, cases = lines("000001", 1, one_shot=0.0, loop=1.0)
        results.add(sites, [replace(case, evidence="<b>bold</b>") for case in cases])


def test_nothing_measured_is_said_with_the_command(visitor):
    assert "appliance bench run --suite checked" in visitor.get("/machine/bench").text


def test_figures_and_reports_of_every_measurement_are_shown(visitor, measured):
    page = visitor.get("/machine/bench").text
    assert page.index("after") < page.index("before")
    assert "100.0 %" in page
    assert "Cases judged by checks" in page
    report = visitor.get("/machine/bench/after?against=before")
    assert "Against before" in report.text
    assert "&lt;b&gt;bold" in report.text
    policy = report.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy, "no script may run at all"


def test_a_damaged_measurement_takes_no_page_away(visitor, measured, home):
    (home / "bench" / "after" / "measurement.json").write_text("{")
    page = visitor.get("/machine/bench").text
    assert "cannot be read" in page
    assert "before" in page


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e", "after?against=none", "after?against=../after"])
def test_only_measurements_are_served(visitor, measured, name):
    assert visitor.get(f"/machine/bench/{name}").status_code == 404
