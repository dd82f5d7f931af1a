"""Normalization: every place that takes a mean off and divides by a deviation does so by the same two hand-solved numbers.

Observations are 1 and 5 in one dimension and always 10 in the other: means 3 and 10, deviations 2 and 0, plus 1e-6.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.data import normalization
from pipeline.data.episodes import Episodes
from pipeline.methods.behaviour_cloning import model as behaviour_cloning
from pipeline.methods.decision_transformer import model as decision_transformer
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy
from pipeline.methods.perceptron import model as deterministic_policy
from pipeline.methods.perceptron.policy import DeterministicPolicy
from pipeline.methods.td3_bc import model as td3_bc
from pipeline.methods.td3_bc import train as train_td3_bc
from pipeline.study import runs

MEAN, STD = [3.0, 10.0], [2.000001, 1e-6]
WHOLE = Episodes(
    np.array([[[1.0, 10.0], [5.0, 10.0]], [[1.0, 10.0], [5.0, 10.0]]], dtype=np.float32),
    np.array([[[0.1], [0.2]], [[0.3], [0.4]]], dtype=np.float32),
    np.array([[1.0, 2.0], [5.0, 7.0]], dtype=np.float32),
)
OTHER = Episodes(
    np.full((1, 2, 2), 4.0, dtype=np.float32), np.full((1, 2, 1), 0.5, dtype=np.float32), np.ones((1, 2), dtype=np.float32)
)
APART = [(4 - 3) / 2.000001, (4 - 10) / 1e-6]  # OTHER's observations as WHOLE's statistics normalize them
CLONING = replace(runs.BEHAVIOR_CLONING, hidden_sizes=(4,))
TRANSFORMER = replace(runs.DECISION_TRANSFORMER, context_length=3, return_scale=10.0, hidden_size=8, layers=1)
VALUES = replace(runs.TD3_BC, hidden_sizes=(4,))


def close(numbers):
    """The same numbers as far as float32 keeps them."""
    return pytest.approx(np.asarray(numbers), rel=1e-5, abs=1e-6)


def test_statistics_are_over_all_transitions_of_all_episodes():
    mean, std = normalization.observation_statistics(WHOLE.observations)
    assert mean.tolist() == MEAN and std == close(STD)
    assert (mean.dtype, std.dtype) == (np.float32, np.float32)
    assert normalization.observation_statistics(WHOLE.observations[0])[0].tolist() == MEAN, "one episode, (step, dimension)"


def test_statistics_are_summed_in_double_precision():
    # 2**24 + 1 is no float32: there the ones would be lost
    mean, _ = normalization.observation_statistics(np.array([[[2.0**24], [1.0], [1.0], [1.0]]], dtype=np.float32))
    assert mean.tolist() == [np.float32((2**24 + 3) / 4)]


def test_cloning_learns_from_normalized_observations_in_their_order():
    batches = behaviour_cloning.Batches(WHOLE, CLONING)
    assert batches.observations == close([[-1, 0], [1, 0], [-1, 0], [1, 0]])
    assert batches.actions == close([[0.1], [0.2], [0.3], [0.4]])


def test_the_best_half_is_normalized_by_its_own_statistics():
    learnt = Episodes(np.concatenate([WHOLE.observations, OTHER.observations]), *(2 * [np.ones((3, 2, 1), np.float32)]))
    learnt = Episodes(learnt.observations, learnt.actions, np.array([[1.0, 1], [1, 1], [0, 0]], dtype=np.float32))
    batches = behaviour_cloning.Batches(learnt, replace(CLONING, best_fraction=2 / 3))
    assert batches.observations == close([[-1, 0], [1, 0], [-1, 0], [1, 0]])
    config = behaviour_cloning.build(replace(CLONING, best_fraction=2 / 3), learnt).config
    assert config.observation_mean == MEAN and config.observation_std == close(STD)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_held_out_episodes_are_all_normalized_by_what_was_learnt_from(fraction):
    batches = behaviour_cloning.Batches(OTHER, replace(CLONING, best_fraction=fraction), like=WHOLE)
    assert batches.observations == close([APART, APART]) and batches.actions.tolist() == [[0.5], [0.5]]
    windows = decision_transformer.Batches(OTHER, TRANSFORMER, like=WHOLE)
    assert windows.observations == close([[APART, APART]])


def test_the_decision_transformers_windows_are_normalized_and_their_returns_scaled():
    batches = decision_transformer.Batches(WHOLE, TRANSFORMER)
    assert batches.observations == close([[[-1, 0], [1, 0]]] * 2)
    assert batches.told_returns == close([[0.3, 0.2], [1.2, 0.7]])  # 1 + 2, 2 and 5 + 7, 7 over 10
    assert batches.told_returns.dtype == np.float32 and batches.actions is WHOLE.actions and batches.run is TRANSFORMER
    config = decision_transformer.build(TRANSFORMER, WHOLE).config
    assert config.observation_mean == MEAN and config.observation_std == close(STD)


def test_the_critics_transitions_are_normalized_and_the_last_of_an_episode_has_none():
    three = Episodes(
        np.array([[[1.0, 10.0], [5.0, 10.0], [5.0, 10.0]], [[5.0, 10.0], [1.0, 10.0], [1.0, 10.0]]], dtype=np.float32),
        np.arange(12, dtype=np.float32).reshape(2, 3, 2) / 10,
        np.arange(6, dtype=np.float32).reshape(2, 3),
    )
    arrays = td3_bc.Batches(three).arrays
    assert list(arrays) == ["observations", "actions", "rewards", "next_observations", "terminals"]
    assert arrays["observations"] == close([[-1, 0], [1, 0], [1, 0], [-1, 0]])
    assert arrays["next_observations"] == close([[1, 0], [1, 0], [-1, 0], [-1, 0]])
    assert arrays["actions"] == close([[0.0, 0.1], [0.2, 0.3], [0.6, 0.7], [0.8, 0.9]])
    assert arrays["rewards"].tolist() == [0.0, 1.0, 3.0, 4.0]
    assert arrays["terminals"].tolist() == [0.0] * 4 and arrays["terminals"].dtype == np.float32


def test_a_policy_normalizes_what_it_sees_by_its_checkpoints_statistics():
    model = deterministic_policy.build(CLONING, np.float32([2.0, 10.0]), np.float32([4.0, 0.5]), action_dim=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.layers[0].weight[0] = torch.tensor([1.0, 2.0])
        model.layers[-1].weight[0, 0] = 1.0
    policy = DeterministicPolicy(model.train())
    assert not policy.model.training and (policy.mean.dtype, policy.std.dtype) == (np.float32, np.float32)
    # (6 - 2) / 4 + 2 (10.25 - 10) / 0.5 = 2; a negative sum ends in the rectifier
    found = policy.act(np.array([[6.0, 10.25], [0.0, 10.0]], dtype=np.float32), np.zeros(2))
    assert found == close([[np.tanh(2.0)], [0.0]]) and found.dtype == np.float32


def test_the_decision_transformer_normalizes_what_it_sees_and_scales_what_it_is_asked_for():
    model = decision_transformer.build(TRANSFORMER, WHOLE)
    policy = DecisionTransformerPolicy(model.train(), 60.0)
    assert not policy.model.training and (policy.mean.dtype, policy.std.dtype) == (np.float32, np.float32)
    assert policy.mean.tolist() == MEAN and policy.std == close(STD)
    assert (policy.target_return, policy.context_length, policy.return_scale) == (60.0, 3, 10.0)
    policy.reset([0, 1])
    policy.act(np.array([[1.0, 10.0], [5.0, 10.0]], dtype=np.float32), np.zeros(2))
    policy.act(np.array([[5.0, 10.0], [5.0, 10.0]], dtype=np.float32), np.array([5.0, 20.0]))
    assert policy.states == close([[[0, 0], [-1, 0], [1, 0]], [[0, 0], [1, 0], [1, 0]]])
    assert policy.returns == close([[0, 6, 5.5], [0, 6, 4]])  # 60, then 60 less what the first action earned, over 10


def test_recorded_contexts_are_normalized_like_what_is_played():
    policy = DecisionTransformerPolicy(decision_transformer.build(TRANSFORMER, WHOLE), None)
    found = policy.inputs(
        {
            "observations": torch.from_numpy(WHOLE.observations),
            "actions": torch.from_numpy(WHOLE.actions),
            "returns_to_go": torch.tensor([[30.0, 20.0], [120.0, 70.0]]),
            "timesteps": torch.tensor([[0, 1], [4, 5]]),
        }
    )
    assert found["states"].numpy() == close([[[-1, 0], [1, 0]]] * 2)
    assert found["actions"].numpy() == close([[[0.1], [0.0]], [[0.3], [0.0]]])  # the last is what the model is to say
    assert found["returns_to_go"].numpy() == close([[[3.0], [2.0]], [[12.0], [7.0]]])
    assert found["attention_mask"].tolist() == [[1, 1], [1, 1]] and found["timesteps"].tolist() == [[0, 1], [4, 5]]


def test_td3_bc_is_held_against_unseen_episodes_normalized_by_what_it_learnt_from():
    agent = td3_bc.Agent(VALUES, WHOLE)
    with torch.no_grad():
        for parameter in [*agent.actor.parameters(), *agent.critics.parameters()]:
            parameter.zero_()
        agent.actor.layers[0].weight[0, 0] = 1.0
        agent.actor.layers[-1].weight[0, 0] = 0.5
        agent.critics.first[0].weight[1] = torch.tensor([1.0, 0.0, 1.0])  # the first dimension and the action
        agent.critics.first[-1].weight[0, 1] = 10.0
        agent.critics.second[-1].bias.fill_(-1e6)  # is not asked
    found = train_td3_bc.held_out(agent, OTHER)
    action = np.tanh(0.5 * APART[0])  # of a quarter, where the data have 0.5
    assert found == pytest.approx({"held_out_action_error": (action - 0.5) ** 2, "mean_value": 10 * (APART[0] + action)})
