"""The behavior policy as the data saw it: actions sampled from a tanh-Gaussian, not its mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.evidence import checkpoints
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.measurements import Evaluation


class BehaviourPolicy:
    """Plays many episodes at once; each episode's noise comes from its own seed, so batch mates do not matter."""

    def __init__(self, model: GaussianPolicyModel):
        self.model = model.eval()

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.generators = [np.random.default_rng([seed, 1]) for seed in seeds]

    @torch.inference_mode()
    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation); rewards are not looked at."""
        size = self.model.config.action_dim
        noise = np.stack([generator.standard_normal(size, dtype=np.float32) for generator in self.generators])
        return self.model.sample(torch.from_numpy(observations), torch.from_numpy(noise)).numpy()


def load(run: Evaluation) -> BehaviourPolicy:
    """The behavior policy of an evaluation's checkpoint."""
    return BehaviourPolicy(checkpoints.load(run.checkpoint, GaussianPolicyModel))
