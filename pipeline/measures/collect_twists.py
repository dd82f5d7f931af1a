"""Collect a dataset that a method's weakness shows on: episodes half good and half poor, or such as may gamble.

    python -m pipeline make datasets/local_halfcheetah_halves
    python -m pipeline make datasets/local_halfcheetah_luck

Shards, files and statistics are those of `measures.collect`; the evidence also keeps every return and, by episode, what no
model sees: the factor on the torques of the first half, and what that half earned; or whether it gambled, and whether it won.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.evidence.records import Found, Recipe
from pipeline.measures.collect import collect, statistics, write
from pipeline.measures.collect_study import coverage
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.worlds import gamble
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from pipeline.study.twists import HalvesCollection, LuckCollection

SIDE = 0.5  # of the full torque, by which the recorder says in the opening that it gambles, or else that it does not


class Halves:
    """A policy whose torques are scaled by one factor in the first half of an episode and by another in the second.

    Which of the two comes first alternates from seed to seed.
    """

    def __init__(self, policy, factors: Sequence[float], first_seed: int, half: int):
        self.policy, self.factors, self.first_seed, self.half = policy, np.asarray(factors, dtype=np.float32), first_seed, half

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.policy.reset(seeds)
        self.first, self.step = (np.asarray(seeds) - self.first_seed) % 2, 0

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action) for observations (episode, observation)."""
        scale = self.factors[self.first if self.step < self.half else 1 - self.first]
        self.step += 1
        return self.policy.act(observations, rewards) * scale[:, None]


class Opening:
    """A policy whose first torque is set in the opening, so that every second episode gambles."""

    def __init__(self, policy, first_seed: int):
        self.policy, self.first_seed = policy, first_seed

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.policy.reset(seeds)
        self.side, self.step = np.where((np.asarray(seeds) - self.first_seed) % 2, -SIDE, SIDE), 0

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action) for observations (episode, observation)."""
        actions = np.array(self.policy.act(observations, rewards))
        if self.step < gamble.OPENING:
            actions[:, 0] = self.side
        self.step += 1
        return actions


def halves(run: HalvesCollection, policy, work: Path) -> tuple[Episodes, dict[str, np.ndarray]]:
    """Play what `work` does not hold yet; the episodes, and what is known of each (episode,)."""
    half = find_world(run.environment).episode_steps // 2
    whole = collect(run, Halves(policy, run.factors, run.first_seed, half), work)
    first = whole.rewards[:, :half].astype(np.float64).sum(axis=1)
    return whole, {"first_factor": np.resize(run.factors, run.episodes), "first_half": first}


def luck(run: LuckCollection, policy, work: Path) -> tuple[Episodes, dict[str, np.ndarray]]:
    """Play what `work` does not hold yet; the episodes with what they won or lost, and what is known of each (episode,)."""
    whole = collect(run, Opening(policy, run.first_seed), work)
    seeds = range(run.first_seed, run.first_seed + run.episodes)
    rewards = whole.rewards.copy()
    rewards[:, gamble.OPENING - 1] += gamble.payouts(whole.actions, seeds)
    gambled = gamble.gambles(whole.actions)
    return replace(whole, rewards=rewards), {"gambled": gambled.astype(int), "won": (gambled & gamble.lucky(seeds)).astype(int)}


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """A dataset and the contexts drawn from it, written; its statistics, every return, and what is known of each episode."""
    run, policy = recipe.run, BehaviourPolicy(checkpoints.load(recipe.run.behaviour, GaussianPolicyModel))
    whole, labels = (halves if hasattr(run, "factors") else luck)(run, policy, recipe.work())
    write(recipe, whole, labels)
    return Found({**statistics(whole, find_world(run.environment)), **coverage(whole.returns), **labels})
