"""Worlds: the simulated tasks that can be played, and what is known of each, which stands nowhere else.

Sizes, limits and rates are gymnasium's (gymnasium/envs/mujoco/*_v4.py; gymnasium.spec), which the tests ask. The returns that
D4RL calls 0 and 100 are those of its random and its expert policy (Farama-Foundation/D4RL:d4rl/infos.py, `REF_MIN_SCORE` and
`REF_MAX_SCORE`): one pair for all datasets of a task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline import PipelineError


@dataclass(frozen=True)
class World:
    """A simulated task.

    identifier: gymnasium's. observation_dim: numbers of an observation. action_dim: torques, each in [-1, 1]. episode_steps:
    after which an episode is cut off. ends_early: whether it may reach a terminal state before. control_rate: actions a second,
    in Hz. random_return, expert_return: undiscounted returns between which D4RL's normalized score runs from 0 to 100.
    """

    identifier: str
    observation_dim: int
    action_dim: int
    episode_steps: int
    ends_early: bool
    control_rate: int
    random_return: float
    expert_return: float

    def normalized_score(self, returns):
        """D4RL's normalized score times 100 of undiscounted returns (...)."""
        return 100.0 * (np.asarray(returns) - self.random_return) / (self.expert_return - self.random_return)


# 8 positions without the root's x, then 9 velocities; a step earns the forward velocity in m/s, less 0.1 times the squared norm
# of the action
HALFCHEETAH = World("HalfCheetah-v4", 17, 6, 1000, False, 20, -280.178953, 12135.0)
# 5 positions without the root's x, then 6 velocities; a step upright earns 1 more, and an episode ends with a fall
HOPPER = World("Hopper-v4", 11, 3, 1000, True, 125, -20.272305, 3234.3)
# 8 positions without the root's x, then 9 velocities; likewise
WALKER2D = World("Walker2d-v4", 17, 6, 1000, True, 125, 1.629008, 4592.3)


def family(identifier: str) -> str:
    """A gymnasium id without its version."""
    return identifier.rpartition("-v")[0]


WORLDS = {family(world.identifier): world for world in (HALFCHEETAH, HOPPER, WALKER2D)}


def find_world(environment: str) -> World:
    """The world of a gymnasium id, in whichever version: versions differ in physics, not in what is known here.

    Raises:
        PipelineError: it is not known.
    """
    if family(environment) not in WORLDS:
        known = ", ".join(world.identifier for world in WORLDS.values())
        raise PipelineError(f"{environment} is not known, of which sizes, limit and scores are needed: known are {known}")
    return WORLDS[family(environment)]
