from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.test_step_grpo import FAST
from tests.training.toy import policy
from training.batches import Turn
from training.rewards import UNSCORED, StepReward, reward
from training.step_grpo import StepGroup, Trainer, TrainStep, imitation, prepared
from training.warm_start import accepted, lessons_of, stage_of

BAD = reward(None, None, is_malformed=True)


def step(total, *tokens):
    tokens = tokens or (int(total * 10), 2, 3)
    return TrainStep(StepReward(total), (Turn((1, 2, 3), tokens, (-9.0,) * len(tokens), 0, None),))


def written(group):
    return [[one.turns[0].tokens[0] for one in trajectory] for trajectory in group.trajectories]


def test_the_best_are_taken_up_to_their_best_step_without_what_did_not_help():
    good = (step(4.0), step(3.0), step(8.0), step(7.0))
    better = (step(9.0, 90, 91, 92),)
    group = StepGroup("bakery", (good, better, (step(2.0),), (step(1.0),)))
    (found,) = accepted([group])
    assert written(found) == [[90], [40, 80]]
    assert all(one.reward.total == 1.0 for trajectory in found.trajectories for one in trajectory)


def test_what_is_only_as_good_as_all_others_or_not_good_is_left():
    alike = StepGroup("shop", ((step(7.5),), (step(7.4),), (step(7.6),)))
    poor = StepGroup("blog", ((step(6.0),), (step(1.0),)))
    unscored = StepGroup("forum", ((TrainStep(UNSCORED, ()),),))
    assert accepted([alike, poor, unscored]) == []


def test_at_most_two_of_a_brief_and_no_copies():
    many = tuple((step(8.0 + n / 10, n, n + 1, n + 2),) for n in range(4)) + ((step(1.0),),) * 6
    (found,) = accepted([StepGroup("bakery", many)])
    assert written(found) == [[3], [2]]
    copies = ((step(9.0, 5, 6, 7),), (step(8.9, 5, 6, 7),), (step(1.0),), (step(1.0),))
    (found,) = accepted([StepGroup("bakery", copies)])
    assert written(found) == [[5]]


def test_malformed_turns_are_not_imitated():
    bad = TrainStep(BAD, (Turn((1,), (9,), (-1.0,), 0, None),))
    (found,) = accepted([StepGroup("bakery", ((bad, step(8.0)), (step(1.0),), (step(1.0),)))])
    assert written(found) == [[80]]


def test_imitation_makes_what_was_chosen_likelier_whoever_wrote_it():
    model = policy(0, width=32, layers=1)
    trainer = Trainer(model, replace(FAST, learning_rate=FAST.learning_rate / 10))
    group = StepGroup(
        "bakery", ((TrainStep(StepReward(1.0), (Turn((1, 2, 3), (40, 50, 60), (-99.0,) * 3, 0, None),)),),)
    )

    def likely():
        (part,), _ = prepared([group], imitation(FAST))
        with torch.no_grad():
            return trainer.logprobs(part).sum().item()

    before = likely()
    for _ in range(3):
        assert trainer.update([group], imitates=True).outcome == "updated"
    assert likely() > before + 1


def test_imitation_comes_first_and_again_when_nothing_wins():
    assert stage_of(20, 0, last_was_promoted=False) == "warm start"
    assert stage_of(400, 0, last_was_promoted=False) == "step grpo"
    assert stage_of(400, 0, last_was_promoted=True) == "warm start"
    assert stage_of(400, 2, last_was_promoted=False) == "warm start"


@pytest.mark.parametrize(
    ("asked", "stage", "good", "groups", "lessons"),
    [
        ("auto", "warm start", True, True, ["imitate"] * 3),
        ("auto", "warm start", False, True, ["step grpo"] * 3),
        ("auto", "step grpo", True, True, ["step grpo"] * 3),
        ("auto", "step grpo", True, False, []),
        ("step grpo", "warm start", True, False, []),
        ("warm start", "step grpo", False, True, []),
        ("both", "warm start", True, True, ["imitate", "step grpo", "step grpo"]),
        ("both", "warm start", False, True, ["step grpo"] * 3),
        ("both", "warm start", True, False, ["imitate"]),
    ],
)
def test_a_nights_updates_do_what_was_asked_for_or_what_its_stage_says(asked, stage, good, groups, lessons):
    assert list(lessons_of(asked, stage, 3, good=good, groups=groups)) == lessons
