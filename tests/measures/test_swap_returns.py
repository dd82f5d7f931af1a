"""Returns swapped between contexts of a log: what a context is, and that the action is the one that play would take."""

import numpy as np
import pytest
import torch
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from pipeline.data.episodes import Episodes
from pipeline.measures import swap_returns
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy

GENERATOR = np.random.default_rng(0)
WHOLE = Episodes(
    GENERATOR.normal(size=(3, 6, 2)).astype(np.float32),
    GENERATOR.uniform(-1, 1, (3, 6, 1)).astype(np.float32),
    GENERATOR.normal(size=(3, 6)).astype(np.float32),
)


@pytest.fixture
def policy():
    torch.manual_seed(0)
    config = DecisionTransformerConfig(
        state_dim=2, act_dim=1, hidden_size=16, n_layer=1, n_head=2, max_ep_len=6, context_length=4, return_scale=2.0,
        observation_mean=[0.3, -0.2], observation_std=[1.5, 0.5], initializer_range=0.5,
    )  # fmt: skip
    return DecisionTransformerPolicy(DecisionTransformerModel(config), 0.0)


def test_a_context_ends_at_its_step_and_is_padded_before_an_episode_begins():
    early, late = (swap_returns.contexts_at(WHOLE, step, 4) for step in (1, 5))
    assert early["mask"].tolist() == [[0, 0, 1, 1]] * 3 and late["mask"].tolist() == [[1, 1, 1, 1]] * 3
    assert early["timesteps"].tolist() == [[0, 0, 0, 1]] * 3 and late["timesteps"].tolist() == [[2, 3, 4, 5]] * 3
    assert torch.equal(late["observations"], torch.from_numpy(WHOLE.observations[:, 2:]))
    assert late["returns_to_go"][:, -1].tolist() == pytest.approx(WHOLE.rewards[:, 5].tolist())
    assert late["returns_to_go"][0, 0] == pytest.approx(WHOLE.rewards[0, 2:].sum(), abs=1e-5)


@pytest.mark.parametrize("step", [0, 1, 4])
def test_the_action_is_the_one_taken_by_a_policy_that_has_lived_through_the_context(policy, step):
    found = swap_returns.respond(policy, swap_returns.contexts_at(WHOLE, step, 4))
    policy.reset([0, 1, 2])
    policy.remaining = WHOLE.rewards.astype(np.float64).sum(axis=1) / 2.0
    for time in range(step + 1):
        action = policy.act(WHOLE.observations[:, time], WHOLE.rewards[:, time - 1])
        if time < step:
            policy.actions[:, -1] = WHOLE.actions[:, time]  # the log's, whatever the model would have done
    assert found.clip(-1, 1) == pytest.approx(action, abs=1e-5)


def test_actions_move_by_the_next_contexts_returns_and_not_at_all_where_these_are_the_same(policy):
    contexts = swap_returns.contexts_at(WHOLE, 4, 4)
    moved = swap_returns.movement(policy, contexts)
    told = {**contexts, "returns_to_go": contexts["returns_to_go"][[2, 0, 1]]}
    expected = 1000 * np.abs(swap_returns.respond(policy, told) - swap_returns.respond(policy, contexts))[:, 0]
    assert moved == pytest.approx(expected) and (moved > 1e-2).all()
    assert swap_returns.movement(policy, {**contexts, "returns_to_go": torch.ones(3, 4)}).tolist() == [0, 0, 0]


def test_a_step_holds_the_difference_to_the_control_in_the_same_contexts():
    values = swap_returns.summarize({0: np.array([3.0, 5.0])}, {0: np.array([1.0, 2.0])})
    assert (values["contexts"], values["moved"]["0"]["mean"], values["moved_control"]["0"]["mean"]) == (2, 4.0, 1.5)
    assert values["more_than_control"]["0"] == pytest.approx({"mean": 2.5, "low": -3.853, "high": 8.853}, abs=1e-3)
