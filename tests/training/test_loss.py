from __future__ import annotations

import math

import pytest
import torch

from training.advantages import group_advantages
from training.loss import LossSettings, Turned, mismatch, token_losses, trained_tokens, trajectory_loss
from training.rewards import reward

BAD = reward(None, None, is_malformed=True)
GROUP = (
    (reward(2, None), reward(3, None), reward(4, 4)),
    (reward(0, None), reward(3, 2)),
    (BAD, reward(4, None), reward(4, 3), reward(5, 5)),
)
TOKENS = ((10, 6, 8), (12, 4), (9, 5, 7, 3))


def turned(advantages, counts, *, rollout=0.0):
    """Two tokens that are not the model's own stand between steps."""
    step, advantage = [], []
    for n, (a, count) in enumerate(zip(advantages, counts, strict=True)):
        step += [-1, -1] + [n] * count
        advantage += [0.0, 0.0] + [a] * count
    old = torch.zeros(len(step))
    return Turned(old, old + rollout, torch.tensor(advantage), torch.tensor(step))


@pytest.mark.parametrize(("aggregate", "wanted"), [("token", 0.248106), ("sequence", 0.310606)])
def test_the_loss_of_a_whole_update(aggregate, wanted):
    settings = LossSettings(aggregate=aggregate)
    total = torch.zeros(())
    for advantages, counts in zip(group_advantages(GROUP).values, TOKENS, strict=True):
        one = turned(advantages, counts)
        mask = trained_tokens(one, settings)
        assert int(mask.sum()) == sum(counts)
        total += trajectory_loss(one.old, one, mask, settings, tokens=64, trajectories=3)
    assert total.item() == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize(
    ("advantage", "ratio", "wanted", "gradient"),
    [(1, 1.5, -1.28, 0), (1, 0.5, -0.5, -0.5), (-1, 1.5, 1.5, 1.5), (-1, 0.5, 0.8, 0), (-1, 4.0, 3.0, 0)],
)
def test_clip_and_dual_clip(advantage, ratio, wanted, gradient):
    one = Turned(torch.zeros(1), torch.zeros(1), torch.tensor([float(advantage)]), torch.zeros(1, dtype=torch.long))
    logp = torch.tensor([math.log(ratio)], requires_grad=True)
    loss = token_losses(logp, one, torch.tensor([True]), LossSettings())
    loss.sum().backward()
    assert loss.item() == pytest.approx(wanted, abs=1e-6)
    assert logp.grad.item() == pytest.approx(gradient, abs=1e-6)


def test_the_servers_tokens_are_weighted_and_the_weight_has_a_cap_and_no_gradient():
    logp = torch.zeros(3, requires_grad=True)
    step = torch.zeros(3, dtype=torch.long)
    one = Turned(torch.zeros(3), torch.tensor([0.0, -0.5, -5.0]), torch.full((3,), 1.0), step)
    losses = token_losses(logp, one, torch.tensor([True] * 3), LossSettings())
    assert losses.tolist() == pytest.approx([-1.0, -math.exp(0.5), -2.0])
    losses.sum().backward()
    assert logp.grad.tolist() == pytest.approx([-1.0, -math.exp(0.5), -2.0])


def test_a_step_on_which_the_engines_disagree_is_left_out():
    agree, far, veto = [0.0, 0.1], [0.9, -0.9], [0.0, 12.0, 0.0]
    rollout = torch.tensor([*agree, *far, *veto, 3.0])
    step = torch.tensor([0, 0, 1, 1, 2, 2, 2, -1])
    one = Turned(torch.zeros(8), rollout, torch.ones(8), step)
    assert trained_tokens(one, LossSettings()).tolist() == [True, True] + [False] * 6
    lenient = LossSettings(veto_log_ratio=99.0)
    assert trained_tokens(one, lenient).tolist() == [True] * 4 + [False] * 4


def test_one_ratio_for_a_step_gives_all_its_tokens_the_same_weight():
    settings = LossSettings(ratio="step", clip_low=9.0, clip_high=9.0)
    logp = torch.tensor([0.2, 0.4, 9.0], requires_grad=True)
    one = Turned(torch.zeros(3), torch.zeros(3), torch.ones(3), torch.tensor([0, 0, -1]))
    losses = token_losses(logp, one, torch.tensor([True, True, False]), settings)
    losses.sum().backward()
    assert losses.tolist() == pytest.approx([-math.exp(0.3), -math.exp(0.3), 0.0])
    assert logp.grad.tolist() == pytest.approx([-math.exp(0.3), -math.exp(0.3), 0.0])


def test_engines_that_agree_have_nothing_between_them():
    same = torch.linspace(-3, 0, 100)
    found = mismatch(same, same, cap=2.0)
    assert (found.mean_abs, found.p99_abs, found.kl, found.effective, found.capped) == (0, 0, 0, pytest.approx(1), 0)
    apart = mismatch(same, same - 1.0, cap=2.0)
    assert apart.kl == pytest.approx(math.e - 2)
    assert apart.capped == 1.0
    with pytest.raises(ValueError, match="no tokens"):
        mismatch(torch.empty(0), torch.empty(0), cap=2.0)
