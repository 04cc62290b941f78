"""The benchmark's data, the judge that clicks, and the command: what goes wrong is said before a minute is spent."""

from __future__ import annotations

import json
from dataclasses import replace

import builders
import pytest
from bench_lines import SETTING, SITE, lines
from click.testing import CliRunner
from rooms import LocalRooms

from appliance.bench.case_judges import BENCH_TEST, ClickedCases
from appliance.bench.modes import ABLATION
from appliance.bench.results import Results
from appliance.bench.webgen_bench import read_suite
from appliance.commands.bench import command
from appliance.commands.bench_parts import Asked
from appliance.decide import FIXED, decide
from appliance.errors import ApplianceError, UsageError
from appliance.feedback import feedback
from appliance.requests import rules_of
from appliance.steps import Backtrack, Continue, Exploration, Fact, Finding, RunRequest
from models.energy import EnergyMeter
from models.errors import ModelError
from models.scripted import ScriptedModel

PAGE = b"""<!doctype html><html lang=en><title>Bakery</title><h1>Bread</h1><button id=b>Order</button><p id=p></p>
<script>b.onclick = () => p.textContent = "Ordered"</script>"""


def line(**more):
    return json.dumps({"id": "1", "instruction": "A page.", "ui_instruct": [{"task": "Look."}], **more})


def test_the_shipped_sites_are_those_to_develop_on():
    suite = read_suite()
    assert len(suite.sites) == 71
    assert sum(len(site.ui_instruct) for site in suite.sites.values()) == 443


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no site"),
        ("not json", "line 1 is no site"),
        (line() + "\n" + line(), "line 2: site 1 stands there twice"),
        (line(ui_instruct=[]), "line 1 is no site"),
        (line(instruction=7), "line 1 is no site"),
        ("[1, 2]", "line 1 is no site"),
    ],
)
def test_a_wrong_data_file_is_named_with_its_line(tmp_path, text, said):
    path = tmp_path / "test.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_suite(path)


def test_a_data_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_suite(tmp_path / "none.jsonl")


# -- the judge that clicks -------------------------------------------------------------------------------------------


def act(action, **more):
    return json.dumps({"thought": "I try.", "act": {"action": action, **more}})


@pytest.mark.browser
def test_a_model_clicks_through_every_case_and_what_it_did_is_kept(tmp_path):
    said = [
        act("click", element=0),
        act("done", answer="PARTIAL", reason="it says Ordered, and no more"),
        act("click", element=7),  # no such control, twice: the case ends without an answer
        act("click", element=7),
    ]
    with ScriptedModel(said) as model:
        judge = ClickedCases(LocalRooms(), model, "clicker", sees=False, evidence=tmp_path, tell=lambda _: None)
        judged = judge({"index.html": PAGE}, SITE, builders.step(1), b"")
    assert judge.name == "gui:clicker"
    assert [verdict.answer for verdict in judged.verdicts] == ["PARTIAL", "NO"]
    assert judged.verdicts[0].evidence == "after 1 action(s): it says Ordered, and no more"
    assert judged.verdicts[1].evidence.startswith("no verdict: ")
    assert BENCH_TEST.same_again == 0, "a driver that repeats itself is asked for its answer with the last action"
    assert judged.appearance is None, "a model without eyes does not grade looks"
    kept = json.loads((tmp_path / "b1-snap1-0.json").read_text())
    assert kept["acts"][0]["added"] == ["Ordered"]


# -- the parts of the method, one by one -----------------------------------------------------------------------------


def request_of(row):
    return RunRequest("A page.", "stepwise", "m", extras={"ablation": row})


def told(row):
    """What the coder hears of a page that is grey on grey and whose button does nothing."""
    made = builders.step(1, 3.0, findings=(Finding("contrast", "p", "grey on grey", "serious"),))
    dead = Fact("add-item", "button Order", holds=False, evidence="nothing happens")
    looked = replace(made.observation, exploration=Exploration((dead,), 1))
    return feedback(replace(made, observation=looked), request_of(row), rules=rules_of(request_of(row)))


@pytest.mark.parametrize(
    ("row", "looks", "use"),
    [("execution", False, False), ("screenshot", True, False), ("gui", True, True), ("backtrack", True, True)],
)
def test_each_row_adds_one_part_of_the_method(row, looks, use):
    said = told(row)
    assert ("grey on grey" in said, "nothing happens" in said) == (looks, use)


def test_only_from_its_row_on_a_bad_stretch_is_left():
    good = builders.step(1, 4.0)
    bad = [builders.step(n, 1.0, error=True, parent=n - 1) for n in range(2, 8)]
    steps = [good, *bad]
    decided = {row: decide(steps, 7, replace(rules_of(request_of(row)), steps=20)) for row in ABLATION[:-1]}
    assert decided.pop("backtrack") == Backtrack(1)
    assert set(map(type, decided.values())) == {Continue}


def test_a_run_outside_the_table_has_all_parts():
    assert rules_of(RunRequest("A page.", "small", "m", steps=FIXED.steps)) == FIXED


# -- energy ----------------------------------------------------------------------------------------------------------


def test_energy_of_packages_counts_over_the_end_of_the_counter(tmp_path):
    zone, part = tmp_path / "intel-rapl:0", tmp_path / "intel-rapl:0:0"
    for folder in (zone, part):
        folder.mkdir()
        (folder / "energy_uj").write_text("9000000000")
        (folder / "max_energy_range_uj").write_text("10000000000")
    with EnergyMeter(tmp_path, ("no-such-tool",)) as meter:
        (zone / "energy_uj").write_text("2600000000")
        (part / "energy_uj").write_text("9999999999")
    assert meter.watt_hours == 1.0, "3,600 J, the part of the package not counted again"


def test_without_a_meter_nothing_is_claimed(tmp_path):
    with EnergyMeter(tmp_path, ("no-such-tool",)) as meter:
        pass
    assert meter.watt_hours is None


def test_cards_are_sampled_and_what_tells_nothing_is_no_reading(tmp_path):
    for said, measured in (("36.00\n[N/A]", True), ("[N/A]", False)):
        with EnergyMeter(tmp_path, ("echo", said), sample_s=0.01) as meter:
            pass
        assert (meter.watt_hours is not None) is measured


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APPLIANCE_ENGINE__BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("APPLIANCE_ENGINE__REMOTE_MODEL", "m")

    def run(*arguments):
        return CliRunner().invoke(command, arguments)

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--suite", "webgen-bench"), "sites have no executable checks"),
        (("--sites", "999999"), "There is no site 999999"),
        (("--mode", "fast"), "There is no mode fast"),
        (("--shard", "3/2"), "--shard 3/2 is no shard"),
        (("--judge", "nobody"), "nobody"),
        (("--resume",), "holds no measurement to go on with"),
        (("--data", "none.jsonl"), "none.jsonl cannot be read"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(bench, tmp_path, arguments, said):
    result = bench("run", *arguments)
    assert isinstance(result.exception, (ApplianceError, ModelError)), result.output
    assert said in str(result.exception)
    assert not list(tmp_path.glob("home/bench/*/sites.jsonl"))


def test_shards_are_merged_and_reported_by_the_command(bench, tmp_path):
    for n, name in enumerate("ab", 1):
        shard = Results(tmp_path / str(n))
        shard.begin(SETTING)
        shard.add(*lines(name, 1, one_shot=0.0, loop=1.0))
    merged = bench("merge", str(tmp_path / "1"), str(tmp_path / "2"), "--out", str(tmp_path / "whole"), "--json")
    assert json.loads(merged.stdout)["modes"]["loop"]["sites"] == 2
    page = tmp_path / "report.html"
    to_files = ("--html", str(page), "--write", str(tmp_path / "told"))
    shown = bench("report", str(tmp_path / "whole"), "--against", str(tmp_path / "1"), *to_files)
    assert shown.exit_code == 0, shown.output
    assert "against the other" in shown.output
    assert "<title>Benchmark: whole</title>" in page.read_text()
    assert "| accuracy | 0 | 1 |" in (tmp_path / "told.md").read_text()
    assert (tmp_path / "told.jsonl").read_text().count("\n") == 4


@pytest.mark.parametrize("asked", [Asked(), Asked("m", "strong", 7), Asked(steps=3)])
def test_what_is_resumed_is_asked_for_in_the_same_words(asked):
    """The ways of making have steps and profiles of their own where nothing was said."""
    begun = replace(SETTING, model=asked.model, asked_profile=asked.profile, asked_steps=asked.steps)
    for kind in ("loop", "one-shot", "faithful", *ABLATION[:-1]):
        assert Asked.again(begun).wishes(kind, 2) == asked.wishes(kind, 2)
    assert asked.wishes("gui", 1).profile == (asked.profile or "stepwise")
