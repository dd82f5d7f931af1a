"""The random policy: uniform torques, D4RL's zero of the normalized score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.measurements import Evaluation


class RandomPolicy:
    """Uniform actions in [-1, 1]; each episode draws from its own seed."""

    def __init__(self, action_dim: int):
        self.action_dim = action_dim

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.generators = [np.random.default_rng([seed, 1]) for seed in seeds]

    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action); neither observations nor rewards are looked at."""
        return np.stack([generator.uniform(-1, 1, self.action_dim) for generator in self.generators]).astype(np.float32)


def load(run: Evaluation) -> RandomPolicy:
    """The random policy of a run's world; nothing is loaded."""
    return RandomPolicy(find_world(run.environment).action_dim)
