"""Return-conditioned cloning (RvS-R): the perceptron of behavior cloning, told the mean reward still to come.

Source: Emmons et al. 2022 (arXiv 2112.10751). The control for what a transformer adds to being told a return: this one sees
neither the past nor the time, so what is left of the return is divided by the steps that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.data import normalization
from pipeline.data.episodes import Episodes
from pipeline.data.returns import returns_to_go
from pipeline.methods.behaviour_cloning.model import loss as loss
from pipeline.methods.perceptron import model as deterministic_policy
from pipeline.methods.perceptron.model import DeterministicPolicyModel

if TYPE_CHECKING:
    from pipeline.methods.behaviour_cloning.settings import BehaviorCloningTraining


def told(episodes: Episodes) -> np.ndarray:
    """What the perceptron sees: each observation and, last, the mean reward from there to the end.

    (episode, step, observation + 1) float32. The end is the world's limit, in an episode that ends before it too, as nobody
    knows of it at the time.
    """
    left = np.arange(episodes.rewards.shape[1], 0, -1)
    outcome = (returns_to_go(episodes.rewards) / left).astype(np.float32)
    return np.concatenate([episodes.observations, outcome[..., None]], axis=-1)


def build(run: BehaviorCloningTraining, episodes: Episodes) -> DeterministicPolicyModel:
    """A new policy whose last input is the outcome; the statistics of all inputs travel in its configuration."""
    mean, std = normalization.observation_statistics(told(episodes)[episodes.valid])
    return deterministic_policy.build(run, mean, std, episodes.actions.shape[-1])


class Batches:
    """Single transitions drawn uniformly, inputs normalized."""

    def __init__(self, episodes: Episodes, run: BehaviorCloningTraining, like: Episodes | None = None):
        """Prepare `episodes`, normalized by the statistics of `like` where given."""
        learnt = like or episodes
        mean, std = normalization.observation_statistics(told(learnt)[learnt.valid])
        self.observations = (told(episodes)[episodes.valid] - mean) / std
        self.actions = episodes.actions[episodes.valid]

    def draw(self, generator: np.random.Generator, size: int) -> dict[str, Tensor]:
        """`size` transitions: observations (batch, observation + 1) normalized, actions (batch, action)."""
        chosen = generator.integers(len(self.actions), size=size)
        return {"observations": torch.from_numpy(self.observations[chosen]), "actions": torch.from_numpy(self.actions[chosen])}
