"""The behavior policy: how it samples, how it is measured, and when its training stops."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.learning import loop
from pipeline.methods.soft_actor_critic import train as train_behavior
from pipeline.methods.soft_actor_critic.mode import BehaviourMode
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.study import runs
from pipeline.worlds import environments

RUN = replace(
    runs.BEHAVIOR,
    name="toy",
    interval_steps=1000,
    maximum_steps=4000,
    evaluation_episodes=3,
    target_return=500.0,
    tolerance=50.0,
)


@pytest.fixture
def model() -> GaussianPolicyModel:
    """One observation to one action: mean half the observation, deviation 2 where the observation is positive."""
    made = GaussianPolicyModel(GaussianPolicyConfig(observation_dim=1, action_dim=1, hidden_sizes=(2,)))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        made.trunk[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))  # the positive and the negative part
        made.mean.weight.copy_(torch.tensor([[0.5, -0.5]]))
        made.log_std.bias.fill_(float(np.log(2)))
    return made


def test_actions_are_the_tangent_of_a_mean_and_noise_of_each_episodes_own_seed(model):
    policy = BehaviourPolicy(model)
    policy.reset([7, 8])
    observations = np.array([[1.0], [-0.5]], dtype=np.float32)
    generators = [np.random.default_rng([seed, 1]) for seed in (7, 8)]
    for _ in range(2):
        noise = np.array([[generator.standard_normal(dtype=np.float32)] for generator in generators])
        assert policy.act(observations, np.zeros(2)) == pytest.approx(np.tanh([[0.5], [-0.25]] + 2 * noise), abs=1e-6)


def test_the_mode_rolls_no_dice(model):
    policy = BehaviourMode(model)
    policy.reset([7])
    assert policy.act(np.array([[1.0]], dtype=np.float32), np.zeros(1)) == pytest.approx(np.tanh([[0.5]]), abs=1e-6)


@pytest.mark.parametrize(("bias", "deviation"), [(30.0, np.exp(2.0)), (-30.0, np.exp(-20.0))])
def test_a_deviation_is_kept_within_its_bounds(model, bias, deviation):
    with torch.no_grad():
        model.log_std.bias.fill_(bias)
    _, log_std = model(torch.zeros(1, 1))
    assert log_std.exp().item() == pytest.approx(deviation)


def test_a_policy_is_measured_by_the_returns_of_the_runs_episodes(monkeypatch):
    asked = []

    def play(policy, environment, seeds):
        asked.append((policy, environment, list(seeds)))
        return {"rewards": np.array([[1.0, 2.0], [0.1234, 0.0], [-1.0, 0.5]])}

    monkeypatch.setattr(environments, "play", play)
    monkeypatch.setattr(train_behavior, "actor_model", lambda agent, run: (agent, run))
    monkeypatch.setattr(train_behavior, "BehaviourPolicy", lambda model: ("policy", model))
    found = train_behavior.measure("agent", RUN)
    assert found == {"return_mean": 0.874, "returns": [3.0, 0.123, -0.5]}  # 2.623 / 3
    assert asked == [(("policy", ("agent", RUN)), "HalfCheetah-v4", [10_000, 10_001, 10_002])]


class Agent:
    """An agent that learns nothing."""

    def set_random_seed(self, seed):
        """Nothing is random."""

    def learn(self, steps, reset_num_timesteps):
        """Pass the time."""


def environments_of(returns: list[float]) -> dict:
    """Episodes of one step with these returns."""
    return {"rewards": np.array(returns)[:, None]}


def train(tmp_path) -> tuple:
    """The policy, and the curve."""
    made = train_behavior.prepare(RUN)
    curve = loop.train(RUN, made, tmp_path / "state.safetensors")
    return made.model(), curve


@pytest.fixture
def training(monkeypatch):
    """Training whose policy has these returns after its intervals."""

    def prepare(*returns):
        remaining = iter(returns)
        played = (environments_of(each) for each in remaining)
        monkeypatch.setattr(train_behavior, "make_agent", lambda run: Agent())
        monkeypatch.setattr(environments, "play", lambda policy, environment, seeds: next(played))
        monkeypatch.setattr(train_behavior, "BehaviourPolicy", lambda model: None)
        monkeypatch.setattr(train_behavior, "agent_state", lambda agent: {"nothing": torch.zeros(1)})
        monkeypatch.setattr(train_behavior, "actor_model", lambda agent, run: "model")

    return prepare


def test_training_stops_when_the_mean_first_reaches_the_level_less_the_tolerance(training, tmp_path):
    training([449.0, 449.0], [448.0, 451.996], [448.0, 452.0], [9999.0, 9999.0])
    model, curve = train(tmp_path)
    assert model == "model" and curve == [
        {"steps": 1000, "return_mean": 449.0, "returns": [449.0, 449.0]},
        {"steps": 2000, "return_mean": 449.998, "returns": [448.0, 451.996]},
        {"steps": 3000, "return_mean": 450.0, "returns": [448.0, 452.0]},
    ]


def test_training_that_never_reaches_the_level_is_one_sentence(training, tmp_path):
    training(*[[0.0, 449.0]] * 5)
    with pytest.raises(PipelineError, match="^toy did not reach a return of 500.0 in 4000 steps$"):
        train(tmp_path)
