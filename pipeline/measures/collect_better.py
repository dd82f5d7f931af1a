"""Collect a dataset of two recorders that take turns, one of them better: a likeness of D4RL's medium-expert.

    python -m pipeline make datasets/local_halfcheetah_better

Shards, files and statistics are those of `measures.collect`; the evidence also keeps every return and, by episode, what no
model sees: whether the better recorder played it; and what either recorder returned on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import files
from pipeline.evidence import checkpoints
from pipeline.evidence.records import Found, Recipe
from pipeline.measures.collect import collect, statistics, write
from pipeline.measures.collect_study import coverage
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.twists import BetterCollection


class Turns:
    """Two policies of which the first plays every second episode, from the first seed on, and the second the others."""

    def __init__(self, policies: Sequence, first_seed: int):
        self.policies, self.first_seed = policies, first_seed

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.turn = (np.asarray(seeds) - self.first_seed) % 2
        for policy in self.policies:
            policy.reset(seeds)

    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation), each of the policy whose turn it is."""
        first, second = (policy.act(observations, rewards) for policy in self.policies)
        return np.where(self.turn[:, None] == 0, first, second)


def by_recorder(run: BetterCollection, returns: Float[np.ndarray, " episode"]) -> dict[str, float]:
    """Mean returns of the episodes (episode,) of either recorder."""
    return {name: float(returns[turn::2].mean()) for turn, name in enumerate((run.behaviour, run.better))}


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """A dataset and the contexts drawn from it, written; its statistics, every return, and who played each episode."""
    run = recipe.run
    policies = [BehaviourPolicy(checkpoints.load(name, GaussianPolicyModel)) for name in (run.behaviour, run.better)]
    whole = collect(run, Turns(policies, run.first_seed), recipe.work())
    labels = {"better": np.arange(run.episodes) % 2}
    write(recipe, whole, labels)
    told = {**statistics(whole, find_world(run.environment)), **coverage(whole.returns), **labels}
    return Found(told | {"return_mean_by_recorder": by_recorder(run, whole.returns)})
