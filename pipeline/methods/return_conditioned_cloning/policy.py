"""The perceptron told a return (RvS-R): what is left of it, divided by the steps that are left, beside the observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evidence import checkpoints
from pipeline.methods.perceptron.model import DeterministicPolicyModel
from pipeline.methods.perceptron.policy import DeterministicPolicy
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.measurements import Evaluation


class ReturnConditionedPolicy(DeterministicPolicy):
    """Plays many episodes in lockstep, each asked for the same return."""

    def __init__(self, model: DeterministicPolicyModel, target_return: float, steps: int):
        super().__init__(model)
        self.target_return, self.steps = target_return, steps

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed; the policy itself draws nothing."""
        self.remaining = np.full(len(seeds), self.target_return)
        self.step = 0

    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation) and the last rewards (episode,)."""
        if self.step:
            self.remaining = self.remaining - rewards
        outcome = (self.remaining / (self.steps - self.step)).astype(np.float32)
        self.step += 1
        return super().act(np.concatenate([observations, outcome[:, None]], axis=1), rewards)


def load(run: Evaluation) -> ReturnConditionedPolicy:
    """The policy of an evaluation's checkpoint, asked for the evaluation's return."""
    model = checkpoints.load(run.checkpoint, DeterministicPolicyModel)
    return ReturnConditionedPolicy(model, run.target_return, find_world(run.environment).episode_steps)
