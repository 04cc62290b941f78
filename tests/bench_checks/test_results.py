from __future__ import annotations

from dataclasses import replace

import pytest
from bench_lines import SETTING, lines

from appliance.bench.made_by import code_digest
from appliance.bench.results import Results, merge, plan
from appliance.errors import UsageError


def folder(path, *measured, setting=SETTING):
    results = Results(path)
    results.begin(setting)
    for sites, cases in measured:
        results.add(sites, cases)
    return results


def test_an_interrupted_measurement_goes_on_with_what_is_missing(tmp_path):
    results = folder(tmp_path, lines("a", 1, one_shot=0.0, loop=1.0))
    sites, cases = lines("b", 1, one_shot=0.0, loop=1.0)
    results.add(sites[:1], cases)
    with (tmp_path / "sites.jsonl").open("a") as file:
        file.write('{"site": "b", "seed')
    again = Results(tmp_path)
    assert again.done() == {("a", 1)}
    assert {case.site for case in again.cases()} == {"a"}
    assert plan("ab", [1, 2], again.done()) == [("b", 1), ("a", 2), ("b", 2)]
    again.add(sites, cases)
    assert again.done() == {("a", 1), ("b", 1)}, "half a line does not swallow the next"
    assert [line.site for line in again.finished()] == ["a", "a", "b", "b"]


def test_a_folder_of_before_settings_were_kept_is_read_as_the_lift(tmp_path):
    results = Results(tmp_path)
    results.add(*lines("a", 1, one_shot=0.0, drafts=0.0, loop=1.0))
    assert results.done() == {("a", 1)}
    with pytest.raises(UsageError, match="older measurement"):
        results.begin(SETTING)


def test_other_settings_are_refused_in_words(tmp_path):
    folder(tmp_path)
    with pytest.raises(UsageError, match="model: m there, other here"):
        Results(tmp_path).begin(replace(SETTING, model="other"))
    Results(tmp_path).begin(SETTING)


def test_a_settings_file_that_is_damaged_is_named(tmp_path):
    (tmp_path / "measurement.json").write_text('{"suite": 3}')
    with pytest.raises(UsageError, match=r"measurement\.json cannot be read"):
        Results(tmp_path).setting()


def test_shards_share_the_work_without_gap_or_overlap():
    whole = plan("abcdefg", [1, 2], set())
    shards = [plan("abcdefg", [1, 2], set(), (n, 3)) for n in (1, 2, 3)]
    assert sorted(key for shard in shards for key in shard) == sorted(whole)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert plan("abcdefg", [1, 2], {shards[0][0]}, (1, 3)) == shards[0][1:], "what is done moves nothing to another"


def test_merged_shards_are_the_whole_and_nothing_counts_twice(tmp_path):
    one = folder(tmp_path / "1", lines("a", 1, one_shot=0.0, loop=1.0), lines("b", 1, one_shot=0.0, loop=1.0))
    two = folder(tmp_path / "2", lines("b", 1, one_shot=0.0, loop=1.0), lines("c", 1, one_shot=0.0, loop=0.0))
    one.picture(one.sites()[0]).parent.mkdir()
    one.picture(one.sites()[0]).write_bytes(b"png")
    whole = Results(tmp_path / "whole")
    assert merge([one, two], whole) == 3
    assert merge([one, two], whole) == 0, "merged again, nothing is added"
    assert len(whole.finished()) == 6
    assert len(whole.cases()) == 6
    assert whole.picture(whole.sites()[0]).read_bytes() == b"png"


def test_an_unfinished_site_of_a_shard_is_left_out(tmp_path):
    one = folder(tmp_path / "1", lines("a", 1, one_shot=0.0, loop=1.0))
    one.add(lines("b", 1, one_shot=0.0)[0], ())
    assert merge([one], Results(tmp_path / "whole")) == 1


def test_shards_of_other_settings_or_other_outcome_are_refused_before_anything_is_written(tmp_path):
    one = folder(tmp_path / "1", lines("a", 1, one_shot=0.0, loop=1.0))
    other = folder(tmp_path / "2", setting=replace(SETTING, code="def"))
    differs = folder(tmp_path / "3", lines("a", 1, one_shot=0.0, loop=0.0))
    nameless = Results(tmp_path / "4")
    for second, said in ((other, "code: abc there, def here"), (differs, "measured twice"), (nameless, "holds no")):
        with pytest.raises(UsageError, match=said):
            merge([one, second], Results(tmp_path / "whole"))
    assert not (tmp_path / "whole" / "sites.jsonl").exists()


def test_another_code_is_another_run():
    """What is reused is told from what the present code would make."""
    assert len(code_digest()) == 12
    assert code_digest() == code_digest()
