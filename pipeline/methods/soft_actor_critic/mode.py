"""The behavior policy without its dice: the mode under the tanh. The control for what students gain by not sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.evidence import checkpoints
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.measurements import Evaluation


class BehaviourMode(BehaviourPolicy):
    """Plays many episodes at once and draws nothing."""

    @torch.inference_mode()
    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation); rewards are not looked at."""
        mean, _ = self.model(torch.from_numpy(observations))
        return torch.tanh(mean).numpy()


def load(run: Evaluation) -> BehaviourMode:
    """The behavior policy of an evaluation's checkpoint, by its mode."""
    return BehaviourMode(checkpoints.load(run.checkpoint, GaussianPolicyModel))
