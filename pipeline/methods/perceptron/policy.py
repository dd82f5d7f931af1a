"""The policies that look at the present observation alone and draw nothing: behavior cloning, 10 %-BC and TD3+BC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.evidence import checkpoints, recipes
from pipeline.methods.perceptron.model import DeterministicPolicyModel

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.measurements import Evaluation, Latency


class DeterministicPolicy:
    """Plays many episodes in lockstep: one batched forward per time step, no history."""

    def __init__(self, model: DeterministicPolicyModel):
        self.model = model.eval()
        self.mean = np.asarray(model.config.observation_mean, dtype=np.float32)
        self.std = np.asarray(model.config.observation_std, dtype=np.float32)

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed; there is nothing to begin."""

    @torch.inference_mode()
    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation); rewards are not looked at."""
        return self.model(torch.from_numpy((observations - self.mean) / self.std)).numpy()


def load(run: Evaluation | Latency) -> DeterministicPolicy:
    """The policy of an evaluation's checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be used, or was trained by another recipe.
    """
    return DeterministicPolicy(checkpoints.load(run.checkpoint, DeterministicPolicyModel, recipes.trained_by(run.checkpoint)))
