"""From stored runs to step groups, with tokens of the tiny model's real engine and of nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance import token_record
from appliance.steps import RunRequest
from appliance.store import CompletionRecord, Store
from models.chat import Completion, Sampling
from tests.appliance.builders import step as built
from training.groups import step_groups, step_reward, trajectories

ON_POLICY = Sampling(temperature=1.0, top_p=1.0)
BENT = Sampling(temperature=0.6, top_p=0.95)


def completion(prompt, tokens):
    return Completion("x", "stop", len(prompt), 0, len(tokens), 0.1, tokens, (-0.5,) * len(tokens), prompt)


def test_a_token_record_comes_back_as_it_was_kept():
    pieces = [completion((1, 2, 151_935), (3, 4)), completion((1, 2, 3, 4), (5,))]
    found = token_record.unpacked({"tokens": token_record.packed(pieces, ON_POLICY, "abc")})
    assert found.weights == "abc"
    assert found.is_on_policy
    assert found.pieces[0] == token_record.TokenPiece((1, 2, 151_935), (3, 4), (-0.5, -0.5))
    assert found.pieces[1].prompt == (1, 2, 3, 4)


def test_nothing_is_kept_of_an_engine_that_does_not_know_its_tokens():
    assert token_record.packed([Completion("x", "stop", 1, 1, 1, 0.1)], ON_POLICY, "abc") == {}
    assert token_record.packed([completion((1,), (2,))], ON_POLICY, "") == {}
    assert token_record.unpacked({}) is None


def test_bent_sampling_is_no_data_for_a_policy_gradient():
    bent = token_record.packed([completion((1,), (2,))], BENT, "abc")
    assert not token_record.unpacked({"tokens": bent}).is_on_policy


def test_a_damaged_record_is_an_error():
    kept = token_record.packed([completion((1,), (2, 3))], ON_POLICY, "abc")
    short = {**kept, "pieces": [[*kept["pieces"][0][:2], kept["pieces"][0][2][:6]]]}
    with pytest.raises(ValueError, match="cannot be read"):
        token_record.unpacked({"tokens": short})


def test_a_trajectory_is_a_draft_and_all_that_was_built_upon_it():
    steps = [
        built(1, kind="draft"),
        built(2, kind="draft"),
        built(3, kind="repair", parent=2, verdict="rejected"),
        built(4, kind="repair", parent=2),
        built(5, kind="repair", parent=4),
        built(6, kind="repair", parent=1),
    ]
    assert [[step.n for step in chain] for chain in trajectories(steps)] == [[1, 6], [2, 3, 4, 5]]


@pytest.mark.parametrize(
    ("step", "total"),
    [
        (built(1, 3.5, functionality=2.0), 5.5),
        (built(1, 3.5), 3.5),
        (built(1, 0.0, error=True, stage="page"), 0.0),
        (built(1, 0.0, error=True, stage="parse"), -1.0),
        (built(1, 0.0, error=True, stage="parse", signal="broke"), None),
        (built(1, None), None),
    ],
)
def test_what_a_stored_step_earns(step, total):
    assert step_reward(step).total == total


def test_runs_of_one_wish_are_a_group_and_what_cannot_teach_is_counted(tmp_path):
    request = RunRequest(brief="A bakery", profile="small", model="tiny", seed=1)
    with Store(tmp_path) as store:
        runs = [store.add_run(replace(request, seed=seed)).id for seed in (1, 2)]
        runs.append(store.add_run(replace(request, brief="A shop")).id)
        for run_id in runs:
            for n, (weights, sampling) in enumerate((("abc", ON_POLICY), ("abc", BENT), ("old", ON_POLICY)), 1):
                tokens = token_record.packed([completion((1, n), (3, 4))], sampling, weights)
                store.add_completion(run_id, n, CompletionRecord((("user", "go"),), "x", "stop", {"tokens": tokens}))
                store.add_step(run_id, built(n, float(n), kind="draft"), {}, (), {}, tip=None)
            store.add_step(run_id, built(4, 1.0, kind="edit", parent=1), {}, (), {}, tip=None)
        found = step_groups(store, runs, "abc")
        assert [len(group.trajectories) for group in found.groups] == [2, 1]
        assert found.groups[0].trajectories[0][0].reward.total == 1.0
        assert found.groups[0].trajectories[0][0].turns[0].tokens == (3, 4)
        assert found.left_out == {
            "not drawn from the whole distribution": 3,
            "another model or adapter": 3,
            "not written by a model": 3,
        }
        assert (
            sum(
                len(one)
                for group in step_groups(store, runs, "abc", on_policy=False).groups
                for one in group.trajectories
            )
            == 6
        )
