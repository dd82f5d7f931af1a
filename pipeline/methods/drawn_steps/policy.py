"""Actions drawn as often as a level's demonstrations take them: what chance solves that knows which actions are of use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline import files
from pipeline.evidence import records
from pipeline.worlds.levels import ACTIONS, Views

if TYPE_CHECKING:
    from jaxtyping import Int

    from pipeline.study.controls import DrawnSolving


class DrawnSteps:
    """Each action is drawn by itself, blind to what is seen; each episode draws from its own seed."""

    def __init__(self, shares: Sequence[float]):
        """shares: (action,) how often each is taken."""
        self.shares = np.asarray(shares) / np.sum(shares)

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.generators = [np.random.default_rng([seed, 1]) for seed in seeds]

    def act(self, views: Views, alive: Int[np.ndarray, " playing"]) -> Int[np.ndarray, " playing"]:
        """Actions (playing,) int64 of the episodes still played; the views are not looked at."""
        return np.array([self.generators[episode].choice(len(ACTIONS), p=self.shares) for episode in alive])


def load(run: DrawnSolving) -> DrawnSteps:
    """The policy of a run that names demonstrations, whose statistics are evidence.

    Raises:
        EvidenceError: there are none.
    """
    values = records.read(files.ROOT / "results" / "datasets" / f"{run.demonstrations}.json")["values"]
    return DrawnSteps([values["action_shares"][action] for action in ACTIONS])
