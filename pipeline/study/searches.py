"""Other searches than a beam, over the Trajectory Transformer: rows P1 to P3 of `docs/predicates.md`."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.study.measurements import PlannedEvaluation, PlannedLatency
from pipeline.study.run import Find, Run

SECONDS = 0.007  # of one core for a plan of five transitions, where episodes are planned for together


@dataclass(frozen=True)
class Revised(Run):
    """A search without a beam: so many plans as it says beams are drawn, each perhaps revised, and the best taken."""

    beams: int = 1
    expansion: int = 1
    sweeps: int = 0
    ranked: str = "score"  # or likelihood

    def plans(self) -> int:
        """How many plans are imagined for an action."""
        return self.beams * (1 + self.sweeps * self.horizon)


@dataclass(frozen=True)
class RevisedEvaluation(Revised, PlannedEvaluation):
    """Episodes whose every action is searched for so."""

    method: str = "trajectory_transformer_revised"

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 1000 * self.episodes * SECONDS * self.plans()

    def asked(self) -> str:
        """How is searched, in words."""
        return (
            f", the best of {self.beams} plans by {self.ranked}" if not self.sweeps else f", a plan swept {self.sweeps} times"
        )


@dataclass(frozen=True)
class RevisedLatency(Revised, PlannedLatency):
    """The time that such a search takes for an action of one episode alone."""

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 8 + 110 * (0.03 + SECONDS * self.plans())
