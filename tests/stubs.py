"""Stand-ins that can be computed on paper: a world whose rewards follow from seed, step and action, and a policy for it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

WORLD = "Paper-v0"  # the name under which tests enter it into `environments.EPISODE_STEPS`


class World:
    """Many episodes in lockstep: one that began with seed s shows s + t after t steps in every dimension, and its t-th step
    earns 10 · t plus the first number of the action.
    """

    def __init__(self, count: int, dimensions: int = 2):
        self.count, self.dimensions, self.closed = count, dimensions, False

    def reset(self, seed):
        """Begin the episodes of these seeds."""
        assert len(seed) == self.count
        self.seeds, self.step_number = np.asarray(seed), 0
        return self.observe(), {}

    def observe(self) -> np.ndarray:
        """Observations (episode, dimension) float64."""
        return np.repeat((self.seeds + self.step_number)[:, None], self.dimensions, axis=1).astype(np.float64)

    def step(self, action):
        """Observations, rewards, and that no episode has ended."""
        self.step_number += 1
        never = np.zeros(self.count, dtype=bool)
        return self.observe(), 10.0 * self.step_number + action[:, 0].astype(np.float64), never, never, {}

    def close(self) -> None:
        """The end."""
        self.closed = True


class Follower:
    """Every number of an action is a hundredth of the observation's first; what it was shown is kept."""

    def __init__(self, action_dim: int = 1):
        self.action_dim, self.begun, self.shown = action_dim, [], []

    def reset(self, seeds) -> None:
        """Begin one episode per seed."""
        self.begun.append(list(seeds))

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action)."""
        self.shown.append((observations.copy(), np.asarray(rewards).copy()))
        return np.repeat(observations[:, :1] / 100, self.action_dim, axis=1)


class OneWorld(World):
    """The same as a single simulator, with MuJoCo's names: its place is seed + step, its velocity the negative of that."""

    def __init__(self, dimensions: int = 2):
        super().__init__(1, dimensions)
        self.unwrapped = self
        self.dt = 0.5

    @property
    def data(self) -> SimpleNamespace:
        """Positions and velocities as they are now."""
        place = float(self.seeds[0] + self.step_number)
        return SimpleNamespace(qpos=np.array([place]), qvel=np.array([-place]))

    def reset(self, seed):
        """Begin the episode of one seed."""
        observations, information = super().reset([seed])
        return observations[0], information

    def set_state(self, position: np.ndarray, velocity: np.ndarray) -> None:
        """Go on from another place."""
        assert velocity[0] == -position[0]
        self.seeds, self.step_number = np.array([position[0]]), 0

    def step(self, action):
        """Observation, reward, and that the episode has not ended."""
        assert action.dtype == np.float32
        observations, rewards, *_ = super().step(action[None])
        return observations[0], float(rewards[0]), False, False, {}
