"""A Trajectory Transformer whose search scores candidates by a part of their score: what of its gain that part pays.

Expected rewards count `reward_weight` times, and the expected value at their end `value_weight` times. With both at 1 the plans
are those of the plain policy. With both at 0 all candidates tie, and which of them go on is blind to what they are; since the
actions of each are draws of its own, what is played is distributed as if candidates were ranked at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.policies import trajectory_transformer
from pipeline.policies.trajectory_transformer import TrajectoryTransformerPolicy


@dataclass(frozen=True)
class WeightedDiscretizer(QuantileDiscretizer):
    """Bins whose rewards and values, the last two dimensions, decode to multiples of themselves; they encode as the plain ones.

    The search scores by what they decode to, and nothing else of a policy reads that.
    """

    reward_weight: float = 1.0
    value_weight: float = 1.0

    @property
    def midpoints(self) -> np.ndarray:
        """What each bin decodes to, (bins, dimension)."""
        weights = np.ones(self.thresholds.shape[1])
        weights[-2:] = self.reward_weight, self.value_weight
        return super().midpoints * weights


def load(run) -> TrajectoryTransformerPolicy:
    """The policy of an evaluation that says how much rewards and the value count.

    Raises:
        CheckpointError, DiscretizerError: the checkpoint cannot be used.
        PlanningError: the model cannot search so.
    """
    policy = trajectory_transformer.load(run)
    policy.discretizer = WeightedDiscretizer(policy.discretizer.thresholds, run.reward_weight, run.value_weight)
    return policy
