"""Other searches than a beam, over the Trajectory Transformer: rows P1 to P3 of `docs/predicates.md`."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.study.measurements import PlannedEvaluation
from pipeline.study.run import Find


@dataclass(frozen=True)
class RevisedEvaluation(PlannedEvaluation):
    """Episodes planned without a beam: so many plans as it says beams are drawn, each perhaps revised, and the best taken."""

    method: str = "trajectory_transformer_revised"
    beams: int = 1
    expansion: int = 1
    sweeps: int = 0
    ranked: str = "score"  # or likelihood

    @property
    def policy(self) -> str:
        """The module of the policy that acts."""
        return "pipeline.methods.trajectory_transformer.revised"

    def plans(self) -> int:
        """How many plans are imagined for an action."""
        return self.beams * (1 + self.sweeps * self.horizon)

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 1000 * self.episodes * 0.007 * self.plans()

    def asked(self) -> str:
        """How is searched, in words."""
        return (
            f", the best of {self.beams} plans by {self.ranked}" if not self.sweeps else f", a plan swept {self.sweeps} times"
        )
