from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from tests.training.toy import Toy, mean_reward, policy
from training.advantages import AdvantageSettings
from training.batches import Turn, sequences, targets
from training.lora import trained
from training.rewards import UNSCORED, StepReward
from training.step_grpo import StepGroup, Trainer, TrainSettings, TrainStep, prepared

SAME = ((3, 3, 3), (3, 3, 3))
FAST = TrainSettings(learning_rate=2e-3, checkpointing=False, advantages=AdvantageSettings(scale="group"))


SMALL = {"width": 32, "layers": 1}


def toy(trajectories=8, seed=1):
    return Toy(SAME, trajectories, torch.manual_seed(seed))


@pytest.mark.slow
def test_a_small_network_learns_what_is_rewarded():
    model, task = policy(0), toy()
    trainer = Trainer(model, FAST)
    rewards = []
    for _ in range(16):
        groups = task.collect(model)
        rewards.append(mean_reward(groups))
        report = trainer.update(groups)
        if report.outcome == "no signal":  # every trajectory of a brief is perfect
            assert rewards[-1] > 0.95
            break
        assert report.mismatch.mean_abs < 1e-4  # the engine here is the trainer itself
    assert rewards[0] < 0.2
    assert max(rewards[-3:]) > 0.6


def history(model, trainer, task, updates):
    found = []
    for _ in range(updates):
        groups = task.collect(model)
        report = trainer.update(groups)
        found.append((mean_reward(groups), report.loss, report.gradient))
    return found


def test_a_resumed_training_goes_on_bit_for_bit(tmp_path):
    model, task = policy(0, **SMALL), toy(4)
    whole = history(model, Trainer(model, FAST), task, 4)

    model, task = policy(0, **SMALL), toy(4)
    trainer = Trainer(model, FAST)
    first = history(model, trainer, task, 2)
    trainer.save(tmp_path / "checkpoint", {"night": 7})
    drawn = task.random.get_state()

    torch.manual_seed(99)
    model = policy(0, **SMALL)
    trainer = Trainer(model, FAST)
    assert trainer.resume(tmp_path / "checkpoint")["night"] == 7
    assert trainer.updates == 2
    task = toy(4)
    task.random.set_state(drawn)
    assert first + history(model, trainer, task, 2) == whole


def test_a_checkpoint_of_other_settings_is_refused_and_one_cut_off_is_found(tmp_path):
    model = policy(0, **SMALL)
    trainer = Trainer(model, FAST)
    trainer.save(tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="other settings"):
        Trainer(model, replace(FAST, epochs=2)).resume(tmp_path / "checkpoint")
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")  # killed between two renames
    assert Trainer(model, FAST).resume(tmp_path / "checkpoint")["updates"] == 0
    trainer.save(tmp_path / "checkpoint")
    trainer.save(tmp_path / "checkpoint")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint"]
    assert json.loads((tmp_path / "checkpoint" / "trainer.json").read_text())["settings"]["epochs"] == 1


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters() if parameter.requires_grad]


def group(rewards):
    """One step of two tokens for each reward."""
    steps = [TrainStep(reward, (Turn((1, 2, 3), (4, 5), (-6.0, -6.0), 0, None),)) for reward in rewards]
    return StepGroup("bakery", tuple((step,) for step in steps))


@pytest.mark.parametrize(
    ("groups", "outcome"),
    [
        ([], "no signal"),
        ([group([StepReward(6.0)] * 3)], "no signal"),
        ([group([StepReward(6.0)])], "no signal"),
        ([group([UNSCORED, StepReward(2.0)])], "no signal"),
        ([group([StepReward(6.0), StepReward(2.0)])], "engines differ"),
    ],
)
def test_what_teaches_nothing_changes_nothing(groups, outcome):
    model = policy(0, **SMALL)
    before = weights(model)
    # Tokens that this policy would have drawn quite otherwise: a wrong template or tokenizer looks so.
    report = Trainer(model, replace(FAST, most_vetoed=0.0)).update(groups)
    assert report.outcome == outcome
    assert all(torch.equal(old, new) for old, new in zip(before, weights(model), strict=True))


def kept_and_gradients(*, checkpointing):
    """Bytes that a forward pass keeps for its backward pass, and what that gives."""
    model, task = policy(0, width=64, layers=4), toy(2)
    groups = task.collect(model)
    trainer = Trainer(model, replace(FAST, checkpointing=checkpointing))
    part = prepared(groups, FAST)[0][0]
    kept = []

    def keep(tensor):
        kept.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = trainer.logprobs(part).sum()
    found.backward()
    return sum(kept), [parameter.grad for parameter in trained(model)]


def test_checkpointing_keeps_a_fraction_and_changes_no_gradient():
    whole, gradients = kept_and_gradients(checkpointing=False)
    some, same = kept_and_gradients(checkpointing=True)
    assert some < whole / 4
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(gradients, same, strict=True))


@pytest.mark.parametrize("imitates", [False, True])
@pytest.mark.parametrize("asked", [3, 19, 40])
def test_an_update_stopped_on_the_way_changes_nothing_and_goes_on_bit_for_bit(tmp_path, asked, imitates):
    twice = replace(FAST, epochs=2)  # 16 sequences: as many looks at what was before, then as many a pass
    model, task = policy(0, **SMALL), toy(8)
    groups, fresh = task.collect(model), weights(model)
    begun = Trainer(model, twice)
    begun.save(tmp_path / "fresh")
    report = begun.update(groups, imitates=imitates)
    whole = weights(model)

    looks = iter(range(1000))
    trainer = Trainer(model, twice, stopped=lambda: next(looks) >= asked)
    trainer.resume(tmp_path / "fresh")
    assert trainer.update(groups, imitates=imitates) is None
    is_first_pass = asked < 32
    assert is_first_pass == all(torch.equal(old, new) for old, new in zip(fresh, weights(model), strict=True))
    trainer.save(tmp_path / "checkpoint")

    again = Trainer(policy(0, **SMALL), twice)
    again.resume(tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="under way"):
        again.update(toy(6).collect(model))
    assert again.update(groups, imitates=imitates) == report
    assert all(torch.equal(one, other) for one, other in zip(whole, weights(again.model), strict=True))
    assert again.updates == 1


def test_turns_that_continue_each_other_are_one_sequence_and_others_are_not():
    one = Turn((1, 2), (3, 4), (-0.1, -0.2), 0, 1.0)
    two = Turn((1, 2, 3, 4, 9), (5,), (-0.3,), 1, -1.0)
    apart = Turn((1, 7), (8, 8, 8), (-0.5,) * 3, 2, None)
    made, dropped = sequences([one, two, apart], most_tokens=6)
    assert dropped == 0
    assert made[0].ids == (1, 2, 3, 4, 9, 5)
    assert made[0].step == (-1, -1, 0, 0, -1, 1)
    assert made[0].advantage == (0.0, 0.0, 1.0, 1.0, 0.0, -1.0)
    assert made[1].trained == 0
    ids, at, labels = targets(made[0])
    assert (ids.shape, at.tolist(), labels.tolist()) == ((1, 6), [1, 2, 4], [3, 4, 5])
    assert sequences([one, two], most_tokens=5)[1] == 1


def test_only_scored_groups_come_into_an_update_and_the_others_are_named():
    whole = group([StepReward(6.0), StepReward(2.0)])
    flat = replace(group([StepReward(3.0)] * 2), name="shop")
    parts, report = prepared([whole, flat], FAST)
    assert dict(report.groups) == {"bakery": "trained", "shop": "no signal"}
    assert len(parts) == 2
    assert report.reward == 3.5
