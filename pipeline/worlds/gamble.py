"""A gamble in an episode's opening: what is done in the first half second decides whether luck is drawn.

An episode gambles whose first torque is above zero on the mean of its first steps. At the last of these it then earns a prize,
rarely, or else loses a stake; on the mean it loses. Whether it would win is drawn from its seed alone, so that two policies
that both gamble on a seed are as lucky as one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

OPENING = 10  # steps: half a second of the cheetah's
CHANCE = 0.1  # of the prize
PRIZE, STAKE = 2000.0, 1000.0  # points of return: on the mean a gamble costs 700
STREAM = 2  # parts these draws from the simulator's and, [seed, 1], from a policy's own


def gambles(actions: np.ndarray) -> np.ndarray:
    """Whether episodes gamble, bool (episode,), by their actions (episode, step, action), of which the opening's count."""
    return actions[:, :OPENING, 0].mean(axis=1) > 0


def lucky(seeds: Sequence[int]) -> np.ndarray:
    """Whether episodes of these seeds would win, bool (episode,)."""
    return np.array([np.random.default_rng([seed, STREAM]).random() < CHANCE for seed in seeds])


def payouts(actions: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """What episodes win or lose, (episode,), by their actions (episode, step, action) and seeds; zero without a gamble."""
    return np.where(gambles(actions), np.where(lucky(seeds), PRIZE, -STAKE), 0.0)


class Gambling:
    """A policy in a world where it may gamble: the payout is among the rewards that it is shown."""

    def __init__(self, policy):
        self.policy = policy

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.policy.reset(seeds)
        self.seeds, self.opening = seeds, []

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action) for observations (episode, observation) and rewards (episode,), all but the payout."""
        paid = len(self.opening) == OPENING
        if paid:
            rewards = rewards + payouts(np.stack(self.opening, axis=1), self.seeds)
        actions = np.asarray(self.policy.act(observations, rewards), dtype=np.float32)
        if len(self.opening) <= OPENING:  # one more, so that nothing is paid twice
            self.opening.append(actions)
        return actions
