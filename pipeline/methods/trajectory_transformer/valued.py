"""Trajectory Transformer as a policy whose plans are valued by a critic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.evidence import checkpoints, recipes
from pipeline.methods.td3_bc.critics import CriticModel
from pipeline.methods.trajectory_transformer import policy, valuing
from pipeline.methods.trajectory_transformer.planning import PlanningError, Plans
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from pipeline.study.controls import ValuedEvaluation


class ValuedPolicy(TrajectoryTransformerPolicy):
    """Plays many episodes in lockstep: one batched search per time step, each episode's draws from seeds of its own."""

    def __init__(self, searching: TrajectoryTransformerPolicy, critic: CriticModel):
        """As another policy that plans with the same model and settings, but for what values its plans.

        Raises:
            PlanningError: the critic values another world's observations and actions, or other sums of rewards.
        """
        super().__init__(searching.model, searching.discretizer, searching.search)
        valuing.check(self.search)
        model, sizes = self.model.config, critic.config
        if (model.observation_dim, model.action_dim) != (sizes.observation_dim, sizes.action_dim):
            raise PlanningError(
                f"the model plans {model.observation_dim} numbers of an observation and {model.action_dim} of an action, and "
                f"the critic values {sizes.observation_dim} and {sizes.action_dim}"
            )
        if (learned := (sizes.training or {}).get("discount")) != self.search.discount:
            raise PlanningError(f"the search discounts by {self.search.discount}, and the critic learned with {learned}")
        self.critic = critic

    def plan(
        self,
        past: Int[np.ndarray, "episode transition dimension"],
        observations: Float[np.ndarray, "episode observation"],
        seeds: Sequence,
    ) -> Plans:
        """Plans from past transitions (episode, transition, dimension) as tokens and present observations."""
        contexts = np.concatenate([past.reshape(len(past), -1), self.discretizer.encode(observations)], axis=1)
        return valuing.plan(self.decoder, self.discretizer, torch.from_numpy(contexts), self.search, seeds, self.critic)


def load(run: ValuedEvaluation) -> ValuedPolicy:
    """The policy of a run.

    Raises:
        CheckpointError, DiscretizerError: a checkpoint cannot be used.
        PlanningError: the model cannot plan so, or the critic does not fit it.
    """
    return ValuedPolicy(policy.load(run), checkpoints.load(run.critic, CriticModel, recipes.trained_by(run.critic)))
