"""Random actions on a BabyAI level: what wandering about solves in the time given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.worlds.levels import ACTIONS, Views

if TYPE_CHECKING:
    from jaxtyping import Int

    from pipeline.study.measurements import Solving


class RandomSteps:
    """Uniform actions; each episode draws from its own seed."""

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.generators = [np.random.default_rng([seed, 1]) for seed in seeds]

    def act(self, views: Views, alive: Int[np.ndarray, " playing"]) -> Int[np.ndarray, " playing"]:
        """Actions (playing,) int64 of the episodes still played; the views are not looked at."""
        return np.array([self.generators[episode].integers(len(ACTIONS)) for episode in alive])


def load(run: Solving) -> RandomSteps:
    """The random policy; nothing is loaded."""
    return RandomSteps()
