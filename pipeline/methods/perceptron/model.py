"""A deterministic policy: a multilayer perceptron with a tanh, the actor of behavior cloning and of TD3+BC alike.

Source: Fujimoto & Gu 2021 (arXiv 2106.06860); sfujim/TD3_BC:TD3_BC.py for the sizes. States are normalized by the data's
statistics.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

if TYPE_CHECKING:
    from pipeline.study import trainings


class DeterministicPolicyConfig(PretrainedConfig):
    """Sizes of the policy, and what normalizes that which it sees.

    Args:
        observation_dim: numbers of an observation.
        action_dim: numbers of an action.
        hidden_sizes: units of each hidden layer.
        observation_mean: (observation,), in the observation's own units; by default zeros.
        observation_std: (observation,), likewise; by default ones.
        training: the fields of the run that trained it.
        kwargs: whatever else a configuration of transformers takes.
    """

    model_type = "deterministic_policy"

    def __init__(
        self,
        observation_dim: int = 0,
        action_dim: int = 0,
        hidden_sizes: tuple[int, ...] = (256, 256),
        observation_mean: list[float] | None = None,
        observation_std: list[float] | None = None,
        training: dict | None = None,
        **kwargs,
    ):
        self.observation_dim = observation_dim
        self.action_dim = action_dim
        self.hidden_sizes = list(hidden_sizes)
        self.observation_mean = observation_mean or [0.0] * observation_dim
        self.observation_std = observation_std or [1.0] * observation_dim
        self.training = training
        super().__init__(**kwargs)


def perceptron(inputs: int, hidden_sizes: list[int], outputs: int) -> nn.Sequential:
    """Linear layers with ReLU between them, in torch's own initialization."""
    sizes = [inputs, *hidden_sizes, outputs]
    layers = [layer for i, o in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


class DeterministicPolicyModel(PreTrainedModel):
    """Normalized observations (batch, observation_dim) to actions (batch, action_dim) in [-1, 1]."""

    config_class = DeterministicPolicyConfig

    def __init__(self, config: DeterministicPolicyConfig):
        super().__init__(config)
        self.layers = perceptron(config.observation_dim, config.hidden_sizes, config.action_dim)
        self.post_init()

    def _init_weights(self, module):
        """Leave torch's own initialization, which the published code uses."""

    def forward(self, observations: Tensor) -> Tensor:
        """Actions (batch, action_dim) for normalized observations (batch, observation_dim)."""
        return self.layers(observations).tanh()


def build(run: trainings.Training, mean: np.ndarray, std: np.ndarray, action_dim: int) -> DeterministicPolicyModel:
    """A new policy for a training run; the observations' mean and deviation (observation,) and the run travel in its config."""
    config = DeterministicPolicyConfig(
        observation_dim=len(mean),
        action_dim=action_dim,
        hidden_sizes=run.hidden_sizes,
        observation_mean=mean.tolist(),
        observation_std=std.tolist(),
        training=asdict(run),
    )
    return DeterministicPolicyModel(config)
