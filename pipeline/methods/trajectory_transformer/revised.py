"""Trajectory Transformer as a policy that draws whole plans, and may revise them, in the place of a beam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.methods.trajectory_transformer import policy, revising
from pipeline.methods.trajectory_transformer.planning import Plans
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy
from pipeline.methods.trajectory_transformer.revising import Revising

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from pipeline.study.searches import RevisedEvaluation


class RevisedPolicy(TrajectoryTransformerPolicy):
    """Plays many episodes in lockstep: at each step a batch of plans, each episode's draws from seeds of its own."""

    def __init__(self, searching: TrajectoryTransformerPolicy, how: Revising):
        """As another policy that plans with the same model and settings, but for the search."""
        super().__init__(searching.model, searching.discretizer, searching.search)
        revising.check(self.search, how)
        self.revising = how

    def plan(
        self,
        past: Int[np.ndarray, "episode transition dimension"],
        observations: Float[np.ndarray, "episode observation"],
        seeds: Sequence,
    ) -> Plans:
        """Plans from past transitions (episode, transition, dimension) as tokens and present observations."""
        contexts = np.concatenate([past.reshape(len(past), -1), self.discretizer.encode(observations)], axis=1)
        return revising.plan(self.decoder, self.discretizer, torch.from_numpy(contexts), self.search, self.revising, seeds)


def load(run: RevisedEvaluation) -> RevisedPolicy:
    """The policy of a run.

    Raises:
        CheckpointError, DiscretizerError: the checkpoint cannot be used.
        PlanningError: the model cannot plan so.
    """
    return RevisedPolicy(policy.load(run), Revising(run.sweeps, run.ranked))
