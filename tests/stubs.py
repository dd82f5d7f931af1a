"""Stand-ins that can be computed on paper: a world whose rewards follow from seed, step and action, and a policy for it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from pipeline.worlds.world import HALFCHEETAH

WORLD = "Paper-v0"
KNOWN = replace(HALFCHEETAH, identifier=WORLD, episode_steps=3)  # what tests enter into `worlds.world.WORLDS` as "Paper"


class World:
    """Many episodes in lockstep: one that began with seed s shows s + t after t steps in every dimension, and its t-th step
    earns 10 · t plus the first number of the action. `falls` says, by seed, with which step an episode ends; what is shown of
    it from then on is not a number.
    """

    def __init__(self, count: int, dimensions: int = 2, falls: dict[int, int] | None = None):
        self.count, self.dimensions, self.falls, self.closed = count, dimensions, falls or {}, False

    def reset(self, seed):
        """Begin the episodes of these seeds."""
        assert len(seed) == self.count
        self.seeds, self.step_number = np.asarray(seed), 0
        return self.observe(), {}

    def observe(self) -> np.ndarray:
        """Observations (episode, dimension) float64."""
        return np.repeat((self.seeds + self.step_number)[:, None], self.dimensions, axis=1).astype(np.float64)

    def step(self, action):
        """Observations, rewards, and which episodes have ended with this step."""
        self.step_number += 1
        last = np.array([self.falls.get(seed, np.inf) for seed in self.seeds.tolist()])
        observations = np.where((self.step_number < last)[:, None], self.observe(), np.nan)
        rewards = 10.0 * self.step_number + action[:, 0].astype(np.float64)
        over = np.where(self.step_number > last, np.nan, rewards)
        return observations, over, self.step_number == last, np.zeros(self.count, dtype=bool), {}

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

    def __init__(self, dimensions: int = 2, falls: dict[int, int] | None = None):
        super().__init__(1, dimensions, falls)
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
        """Observation, reward, and whether the episode has ended."""
        assert action.dtype == np.float32
        observations, rewards, terminated, *_ = super().step(action[None])
        return observations[0], float(rewards[0]), bool(terminated[0]), False, {}
