"""Dice regressed on returns to go: that they are the recorder's, the arithmetic, and a listener that plays by it."""

import numpy as np
import pytest
import torch

from pipeline.measures import regress_dice
from pipeline.methods.soft_actor_critic.listener import Listener
from pipeline.methods.soft_actor_critic.mode import BehaviourMode
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GaussianPolicyModel(GaussianPolicyConfig(2, 3, (8,)))


def test_the_dice_are_those_that_the_recorder_throws(model):
    seeds, observations = [7, 8], np.ones((2, 2), np.float32)
    policy = BehaviourPolicy(model)
    policy.reset(seeds)
    played = np.stack([policy.act(observations, np.zeros(len(observations))) for _ in range(4)], axis=1)
    dice = regress_dice.thrown(seeds, 4, 3)
    with torch.inference_mode():
        mean, log_std = model(torch.from_numpy(observations))
    assert np.arctanh(played) == pytest.approx(
        (mean[:, None] + log_std.exp()[:, None] * torch.from_numpy(dice)).numpy(), abs=1e-4
    )


def test_a_shift_is_the_slope_of_dice_over_what_is_still_to_come():
    rewards = np.array([[0.0, 2.0], [0.0, 0.0]])  # returns to go 2, 2 and 0, 0: a point above and below at each step
    dice = np.array([[[3.0], [1.0]], [[1.0], [1.0]]])  # of two steps the first tells: one above, one below its mean of 2
    found = regress_dice.regress(dice, rewards)
    assert found["expected"].tolist() == [1.0, 1.0]
    assert found["shift"].tolist() == [1000 * 2 / 4]
    assert found["correlation"] == pytest.approx([2 / (4 * 2) ** 0.5])
    assert found["noise"] == 0.5


def test_the_listener_plays_the_mode_where_as_much_is_asked_as_is_expected_and_moves_by_what_is_more(model):
    observations, expected = np.array([[0.3, -0.7]], np.float32), np.array([100.0, 90.0, 80.0])
    listener = Listener(model, expected, np.array([0.5, -2.0, 0.0]), 100.0)
    mode = BehaviourMode(model).act(observations, np.zeros(1))
    listener.reset([0])
    assert listener.act(observations, np.zeros(1)) == pytest.approx(mode, abs=1e-6)
    assert listener.act(observations, np.array([10.0])) == pytest.approx(mode, abs=1e-6)
    moved = listener.act(observations, np.array([-490.0]))  # 580 are still asked for, 500 more than expected
    with torch.inference_mode():
        mean, log_std = model(torch.from_numpy(observations))
    dice = torch.tensor([[0.25, -1.0, 0.0]])
    assert moved == pytest.approx(torch.tanh(mean + log_std.exp() * dice).numpy(), abs=1e-6)
