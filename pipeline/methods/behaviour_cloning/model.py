"""Behavior cloning, and 10 %-BC: imitate every episode, or only the best tenth of them. No return is ever asked for.

Source: Chen et al. 2021 (arXiv 2106.01345), section 5.1: %BC asks what return conditioning adds to imitating good episodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.data import normalization
from pipeline.data.episodes import Episodes
from pipeline.methods.perceptron import model as deterministic_policy
from pipeline.methods.perceptron.model import DeterministicPolicyModel

if TYPE_CHECKING:
    from pipeline.methods.behaviour_cloning.settings import BehaviorCloningTraining


def best(episodes: Episodes, fraction: float) -> Episodes:
    """The `fraction` of episodes with the highest returns, at least one, in their own order; all of them where it is 1."""
    count = max(1, round(fraction * len(episodes)))
    order = np.argsort(-episodes.returns, kind="stable")
    return episodes[np.sort(order[:count])]


def build(run: BehaviorCloningTraining, episodes: Episodes) -> DeterministicPolicyModel:
    """A new policy, its statistics those of the episodes it will imitate."""
    learnt = best(episodes, run.best_fraction)
    mean, std = normalization.observation_statistics(learnt.observations[learnt.valid])
    return deterministic_policy.build(run, mean, std, episodes.actions.shape[-1])


class Batches:
    """Single transitions, observations normalized, drawn uniformly from the best `run.best_fraction` of episodes.

    Held-out episodes (those with `like`) are all kept, so that the held-out losses of BC and 10 %-BC stand on the same data.
    """

    def __init__(self, episodes: Episodes, run: BehaviorCloningTraining, like: Episodes | None = None):
        """Prepare `episodes`, normalized by the statistics of what is learnt from: of `like` where given."""
        learnt = best(like or episodes, run.best_fraction)
        kept = episodes if like else learnt
        mean, std = normalization.observation_statistics(learnt.observations[learnt.valid])
        self.observations = (kept.observations[kept.valid] - mean) / std
        self.actions = kept.actions[kept.valid]

    def draw(self, generator: np.random.Generator, size: int) -> dict[str, Tensor]:
        """`size` transitions: observations (batch, observation) normalized, actions (batch, action)."""
        chosen = generator.integers(len(self.actions), size=size)
        return {"observations": torch.from_numpy(self.observations[chosen]), "actions": torch.from_numpy(self.actions[chosen])}


def loss(model: DeterministicPolicyModel, batch: dict[str, Tensor]) -> Tensor:
    """Mean squared error of the actions; its floor on held-out data is the behavior policy's own noise."""
    return (model(batch["observations"]) - batch["actions"]).square().mean()
