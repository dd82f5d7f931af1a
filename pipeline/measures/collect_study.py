"""Collect a dataset that covers returns: the recorder throttled, or the policies along its training.

    python -m pipeline make datasets/local_halfcheetah_throttled
    python -m pipeline make datasets/local_halfcheetah_replay

Shards, files and statistics are those of `measures.collect`; the evidence also keeps every return and every episode's label,
which no model sees: the factor on its torques, or the steps its policy had been trained for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.evidence.records import Found, Recipe
from pipeline.measures.collect import collect, statistics, write
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.methods.soft_actor_critic.train_long import kept_policy, read_policy
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from pipeline.study.controls import ReplayCollection, ThrottledCollection

QUANTILES = (1, 25, 50, 75, 99)  # percent
HISTOGRAM_BINS = 40


class Throttled:
    """A policy whose torques are scaled, by a factor that stays the same for an episode and goes round from seed to seed."""

    def __init__(self, policy, factors: Sequence[float], first_seed: int):
        self.policy, self.factors, self.first_seed = policy, np.asarray(factors, dtype=np.float32), first_seed

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.policy.reset(seeds)
        self.scale = self.factors[(np.asarray(seeds) - self.first_seed) % len(self.factors)]

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action) for observations (episode, observation)."""
        return self.policy.act(observations, rewards) * self.scale[:, None]


class AlongTraining:
    """The policies of a training, one after the other: each plays the episodes of one shard."""

    def __init__(self, policies: Sequence, first_seed: int, shard_episodes: int):
        self.policies, self.first_seed, self.shard_episodes = policies, first_seed, shard_episodes

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed, all of one shard."""
        self.policy = self.policies[(seeds[0] - self.first_seed) // self.shard_episodes]
        self.policy.reset(seeds)

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action) for observations (episode, observation)."""
        return self.policy.act(observations, rewards)


def kept_policies(run: ReplayCollection) -> list[BehaviourPolicy]:
    """The policies of a long training that a collection plays, each checked to be as it was kept.

    Raises:
        PipelineError: one is missing, or its training up to there is not the one that was stopped at `run.behaviour`.
    """
    count = run.episodes // run.shard_episodes
    paths = [kept_policy(run.training, (number + 1) * run.interval_steps) for number in range(count)]
    models = [read_policy(path, run.environment, run.hidden_sizes) for path in paths]
    last, stopped = models[-1].state_dict(), checkpoints.load(run.behaviour, GaussianPolicyModel).state_dict()
    if any(not torch.equal(last[name], tensor) for name, tensor in stopped.items()):
        raise PipelineError(
            f"{paths[-1]} is not {run.behaviour}, where the same training once stopped: "
            f"train it again with `python -m pipeline make training/{run.training}`"
        )
    return [BehaviourPolicy(model) for model in models]


def interleaved(count: int, shards: int) -> np.ndarray:
    """Order in which every stretch of `shards` episodes holds one of each shard, (count,): 0, n, 2n, ..., 1, n + 1, ...

    So episodes from the end, which training holds out, are like all others.
    """
    return np.arange(count).reshape(shards, -1).T.ravel()


def coverage(returns: np.ndarray) -> dict:
    """What is there to be asked for: every return, quantiles by their percentage, and a histogram.

    Args:
        returns: (episode,).
    """
    counts, edges = np.histogram(returns, bins=HISTOGRAM_BINS)
    return {
        "returns": returns,
        "return_quantiles": {str(percent): np.percentile(returns, percent) for percent in QUANTILES},
        "return_histogram": {"edges": edges, "counts": counts},
    }


def play(run: ThrottledCollection | ReplayCollection, work) -> tuple[Episodes, str, np.ndarray]:
    """Play what `work` does not hold yet; returns the episodes, what their label is called, and the labels (episode,)."""
    if hasattr(run, "factors"):
        policy = BehaviourPolicy(checkpoints.load(run.behaviour, GaussianPolicyModel))
        whole = collect(run, Throttled(policy, run.factors, run.first_seed), work)
        return whole, "factor", np.resize(run.factors, run.episodes)
    whole = collect(run, AlongTraining(kept_policies(run), run.first_seed, run.shard_episodes), work)
    shards = run.episodes // run.shard_episodes
    order = interleaved(run.episodes, shards)
    return whole[order], "trained_steps", (order // run.shard_episodes + 1) * run.interval_steps


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """A dataset and the contexts drawn from it, written; its statistics, every return, and every episode's label."""
    run = recipe.run
    whole, label, labels = play(run, recipe.work())
    write(recipe, whole, {label: labels})
    return Found({**statistics(whole, find_world(run.environment)), **coverage(whole.returns), label: labels})
