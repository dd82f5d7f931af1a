"""The behavior policy: a tanh-squashed Gaussian multilayer perceptron, the actor of soft actor-critic.

Source: Haarnoja et al. 2018 (arXiv 1801.01290), appendix C; D4RL's medium policies are of this kind.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel


class GaussianPolicyConfig(PretrainedConfig):
    """Sizes of the policy: observation and action dimensions, the world's, and width of its hidden layers."""

    model_type = "gaussian_policy"

    def __init__(self, observation_dim: int = 0, action_dim: int = 0, hidden_sizes: tuple[int, ...] = (256, 256), **kwargs):
        self.observation_dim = observation_dim
        self.action_dim = action_dim
        self.hidden_sizes = list(hidden_sizes)
        super().__init__(**kwargs)


class GaussianPolicyModel(PreTrainedModel):
    """Observation (batch, observation_dim) to mean and log standard deviation (batch, action_dim) before the tanh."""

    config_class = GaussianPolicyConfig
    LOG_STD_RANGE = (-20.0, 2.0)  # as in the original code: keeps early exploration finite

    def __init__(self, config: GaussianPolicyConfig):
        super().__init__(config)
        sizes = [config.observation_dim, *config.hidden_sizes]
        layers = [layer for i, o in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(i, o), nn.ReLU())]
        self.trunk = nn.Sequential(*layers)
        self.mean = nn.Linear(sizes[-1], config.action_dim)
        self.log_std = nn.Linear(sizes[-1], config.action_dim)
        self.post_init()

    def _init_weights(self, module):
        """Leave torch's own initialization: this policy is only ever loaded."""

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, each (batch, action_dim), of the Gaussian under the tanh."""
        hidden = self.trunk(observations)
        return self.mean(hidden), self.log_std(hidden).clamp(*self.LOG_STD_RANGE)

    def sample(self, observations: Tensor, noise: Tensor) -> Tensor:
        """Actions in [-1, 1], (batch, action_dim), for standard normal `noise` of that shape."""
        mean, log_std = self(observations)
        return torch.tanh(mean + log_std.exp() * noise)
