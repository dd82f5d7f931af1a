"""The Decision Transformer as a policy: causal, lockstep equal to one by one, and true to the published loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from pipeline import PipelineError
from pipeline.data import normalization
from pipeline.data.episodes import Episodes
from pipeline.methods.decision_transformer.model import Batches
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy
from pipeline.study.runs import DECISION_TRANSFORMER

STEPS, TARGET = 30, 6000.0


@pytest.fixture(scope="module")
def model() -> DecisionTransformerModel:
    torch.manual_seed(0)
    config = DecisionTransformerConfig(
        state_dim=17, act_dim=6, hidden_size=32, n_layer=2, n_head=1, n_inner=64, activation_function="relu", max_ep_len=40,
        bos_token_id=None, eos_token_id=None, context_length=8, return_scale=1000.0,
        observation_mean=np.linspace(-1, 1, 17).tolist(), observation_std=np.linspace(0.5, 2, 17).tolist(),
    )  # fmt: skip
    config._attn_implementation = "eager"
    return DecisionTransformerModel(config).eval()


@pytest.fixture(scope="module")
def recorded() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(STEPS, 3, 17)).astype(np.float32), generator.normal(size=(STEPS, 3))


def teacher_forced(model, observations, rewards) -> np.ndarray:
    """Actions (step, episode, action) on recorded observations and rewards."""
    policy = DecisionTransformerPolicy(model, TARGET)
    policy.reset(range(observations.shape[1]))
    earned = np.concatenate([np.zeros((1, rewards.shape[1])), rewards[:-1]])
    return np.stack([policy.act(observation, reward) for observation, reward in zip(observations, earned, strict=True)])


@torch.inference_mode()
def published_loop(model, observations, rewards) -> np.ndarray:
    """The published evaluation of one episode, written plainly: growing histories, the last 20 cut and padded on the left."""
    config = model.config
    mean, std = torch.tensor(config.observation_mean), torch.tensor(config.observation_std)
    states, actions = torch.zeros(0, config.state_dim), torch.zeros(0, config.act_dim)
    target, played = torch.tensor([[TARGET / 1000]]), []
    for step, observation in enumerate(torch.from_numpy(observations)):
        states = torch.cat([states, observation[None]])
        actions = torch.cat([actions, torch.zeros(1, config.act_dim)])
        length = min(config.context_length, step + 1)
        padding = config.context_length - length

        def pad(window, padding=padding):
            return torch.cat([torch.zeros(padding, window.shape[1], dtype=window.dtype), window])[None]

        action = model(
            states=pad(((states - mean) / std)[-length:]),
            actions=pad(actions[-length:]),
            returns_to_go=pad(target[-length:]),
            timesteps=pad(torch.arange(step + 1)[-length:, None])[..., 0],
            attention_mask=pad(torch.ones(length, 1))[..., 0],
        ).action_preds[0, -1]
        actions[-1] = action
        played.append(action.numpy())
        target = torch.cat([target, target[-1:] - float(rewards[step]) / 1000])
    return np.stack(played)


def test_lockstep_equals_one_by_one_on_the_same_recording(model, recorded):
    together = teacher_forced(model, *recorded)
    alone = np.concatenate(
        [teacher_forced(model, recorded[0][:, i : i + 1], recorded[1][:, i : i + 1]) for i in range(3)], axis=1
    )
    assert np.abs(together - alone).max() <= 1e-5


def test_the_policy_acts_as_the_published_loop_does(model, recorded):
    observations, rewards = recorded[0][:, 0], recorded[1][:, 0]
    ours = teacher_forced(model, observations[:, None], rewards[:, None])[:, 0]
    assert np.abs(ours - published_loop(model, observations, rewards)).max() <= 1e-5


def test_batch_mates_do_not_change_an_episode(model, recorded):
    observations, rewards = (array.copy() for array in recorded)
    before = teacher_forced(model, observations, rewards)[:, 0]
    observations[:, 1:] += 5.0
    assert np.abs(teacher_forced(model, observations, rewards)[:, 0] - before).max() <= 1e-5


def test_the_future_changes_nothing_and_the_past_does(model, recorded):
    observations, rewards = (array.copy() for array in recorded)
    before = teacher_forced(model, observations, rewards)
    observations[20:] += 1.0
    rewards[20:] += 100.0
    after = teacher_forced(model, observations, rewards)
    assert np.array_equal(before[:20], after[:20])
    assert np.abs(before[20] - after[20]).max() > 1e-4


def test_rewards_lower_the_return_still_asked_for(model):
    policy = DecisionTransformerPolicy(model, TARGET)
    policy.reset([0, 1])
    policy.act(np.zeros((2, 17), np.float32), np.zeros(2))
    policy.act(np.zeros((2, 17), np.float32), np.array([500.0, -100.0]))
    assert policy.remaining.tolist() == [5.5, 6.1]


def test_an_episode_longer_than_the_model_knows_is_refused(model):
    policy = DecisionTransformerPolicy(model, TARGET)
    policy.reset([0])
    policy.step = 40
    with pytest.raises(PipelineError, match="episodes of 40 steps"):
        policy.act(np.zeros((1, 17), np.float32), np.zeros(1))


@pytest.fixture(scope="module")
def few_episodes() -> Episodes:
    generator = np.random.default_rng(1)
    actions = generator.uniform(-1, 1, size=(3, 25, 6)).astype(np.float32)
    return Episodes(generator.normal(size=(3, 25, 17)).astype(np.float32), actions, np.ones((3, 25), np.float32))


def test_training_windows_are_padded_on_the_left_and_masked(few_episodes):
    batch = Batches(few_episodes, DECISION_TRANSFORMER).draw(np.random.default_rng(0), 64)
    mask = batch["attention_mask"]
    assert mask.shape == (64, 20)
    assert (mask[:, -1] == 1).all() and (mask.diff(dim=1) >= 0).all() and (mask[:, 0] == 0).any()
    for name in ("states", "actions", "returns_to_go"):
        assert (batch[name][mask == 0] == 0).all()


def test_windows_end_at_every_transition_of_a_short_episode_and_at_none_of_its_padding():
    lengths = np.array([3, 1])
    steps = 1.0 + np.arange(3) + 10.0 * np.arange(2)[:, None]  # 1, 2, 3 and 11, then padding: 99
    steps = np.where(np.arange(3) < lengths[:, None], steps, 99.0).astype(np.float32)
    rewards = np.where(steps < 99, 1.0, 0.0).astype(np.float32)
    whole = Episodes(steps[..., None], steps[..., None], rewards, lengths, np.array([True, True]))
    run = replace(DECISION_TRANSFORMER, context_length=2, return_scale=1.0)
    batch = Batches(whole, run).draw(np.random.default_rng(0), 400)
    windows, counts = np.unique(np.c_[batch["actions"][..., 0], batch["returns_to_go"][..., 0]], axis=0, return_counts=True)
    # the two actions, and the returns to go with them; what lies before an episode is a zero
    assert windows.tolist() == [[0, 1, 0, 3], [0, 11, 0, 1], [1, 2, 3, 2], [2, 3, 2, 1]]
    assert counts.min() > 70, "as likely one as the other, 100 of 400"
    assert (batch["attention_mask"].sum(dim=1) == 2 - (batch["actions"][:, 0, 0] == 0).float()).all()
    mean, std = normalization.observation_statistics(np.array([[1.0], [2.0], [3.0], [11.0]]))
    states = (batch["actions"].numpy() - mean) / std * batch["attention_mask"][..., None].numpy()
    assert batch["states"].numpy() == pytest.approx(states, abs=1e-5)


def test_training_windows_hold_the_returns_to_go_of_their_steps(few_episodes):
    batch = Batches(few_episodes, DECISION_TRANSFORMER).draw(np.random.default_rng(0), 64)
    real = batch["attention_mask"] == 1
    expected = (25 - batch["timesteps"]) / 1000.0  # every reward is 1
    torch.testing.assert_close(batch["returns_to_go"][..., 0][real], expected[real].float())
