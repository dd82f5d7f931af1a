"""Play a run's episodes and keep every return.

    python -m pipeline make evaluations/local_dt_halfcheetah_6000

Episodes are cut into fixed shards; all of a shard are played in lockstep. A finished shard is kept, so that a killed evaluation
resumes. Which episodes share a shard is part of the run: batched arithmetic rounds differently for other batch sizes, and the
cheetah amplifies the last digit.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import records
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.statistics import summaries
from pipeline.worlds import environments
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from pipeline.study.measurements import Evaluation


def shard_count(run: Evaluation) -> int:
    """How many shards a run's episodes make."""
    return -(-run.episodes // run.shard_episodes)


def shard_seeds(run: Evaluation, shard: int) -> list[int]:
    """Seeds of the episodes of one shard; episode i of every run has seed `first_seed + i`."""
    first = shard * run.shard_episodes
    return [run.first_seed + episode for episode in range(first, min(first + run.shard_episodes, run.episodes))]


def play_shard(policy, run: Evaluation, shard: int, tick=lambda: None) -> list[float]:
    """Undiscounted returns of one shard's episodes.

    Raises:
        PipelineError: a return is not finite.
    """
    rewards = environments.play(policy, run.environment, shard_seeds(run, shard), tick=tick)["rewards"]
    returns = rewards.sum(axis=1)
    if not np.isfinite(returns).all():
        raise PipelineError(f"{run.name}: an episode's return is not finite; the policy gave an action that is not a number")
    return records.plain(returns)


def evaluate(run: Evaluation, policy, work: Path, shards: int | None = None) -> list[float]:
    """Play the first `shards` shards (all by default) that `work` does not hold yet; returns in the order of the seeds."""
    count = shard_count(run) if shards is None else min(shards, shard_count(run))
    steps = find_world(run.environment).episode_steps
    returns: list[float] = []
    with tqdm(total=count * steps, unit="step", desc=run.name) as bar:
        for shard in range(count):
            kept = work / f"shard_{shard:03}.json"
            found = read_shard(kept, len(shard_seeds(run, shard)))
            if found is None:
                found = play_shard(policy, run, shard, bar.update)
                files.write_json(kept, found)
            else:
                bar.update(steps)
            returns += found
    return returns


def read_shard(kept: Path, episodes: int) -> list[float] | None:
    """The returns of a finished shard; None where there is none, or not as many finite numbers as it has episodes."""
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    sound = isinstance(found, list) and len(found) == episodes
    return found if sound and all(isinstance(value, float) and math.isfinite(value) for value in found) else None


def make(recipe: Recipe, into: Path = files.ROOT, shards: int | None = None) -> Found:
    """The returns of a run's episodes, or of its first shards."""
    returns = evaluate(recipe.run, policies.load(recipe.run), recipe.work(into), shards)
    return Found(summaries.derived(recipe, {"returns": returns}, into))
