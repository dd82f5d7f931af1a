"""Collect a dataset by playing the behavior policy stochastically.

    python -m pipeline make datasets/local_halfcheetah_medium

Episodes are played in shards of 50, all of a shard in lockstep. A finished shard is kept, so that a killed collection
resumes; the dataset's SHA-256 over its arrays is the same each time. On a processor that rounds otherwise it is another: then
nothing is written, and the same name with `_here` at its end collects it beside the one that is kept.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.data.episodes import Episodes
from pipeline.data.normalization import observation_statistics
from pipeline.data.returns import returns_to_go
from pipeline.evidence import checkpoints, recipes
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import guards
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.study import runs
from pipeline.worlds import environments
from pipeline.worlds.world import World, find_world

if TYPE_CHECKING:
    from pipeline.study.trainings import Collection


def shard_seeds(run: Collection, shard: int) -> range:
    """Seeds of the episodes of one shard."""
    return range(run.first_seed + shard * run.shard_episodes, run.first_seed + (shard + 1) * run.shard_episodes)


def play_shard(policy, run: Collection, shard: int, tick) -> Episodes:
    """Play the episodes of one shard in lockstep."""
    played = environments.play(policy, run.environment, shard_seeds(run, shard), tick=tick)
    return Episodes(**{**played, "rewards": played["rewards"].astype(np.float32)})


def collect(run: Collection, policy, work: Path) -> Episodes:
    """Play every shard that `work` does not hold yet, and return them all as one dataset."""
    count = run.episodes // run.shard_episodes
    shards = [work / f"shard_{shard:03}.hdf5" for shard in range(count)]
    world = find_world(run.environment)
    steps = world.episode_steps
    done, parts = sum(shard.exists() for shard in shards), []
    with tqdm(
        total=run.episodes * steps, initial=done * run.shard_episodes * steps, unit="step", unit_scale=True, desc=run.name
    ) as bar:
        for shard, shard_path in enumerate(shards):
            part = read_shard(shard_path, run.shard_episodes, world)
            if part is None:
                part = play_shard(policy, run, shard, lambda: bar.update(run.shard_episodes))
                episodes.write(shard_path, part, {})
            parts.append(part)
    return Episodes(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Episodes)))


def read_shard(path: Path, count: int, world: World) -> Episodes | None:
    """The episodes of a finished shard; None where there is none, or not so many of the world's that can be used."""
    try:
        found = episodes.read(path, world)
    except episodes.EpisodesError:
        return None
    steps = world.episode_steps
    whole = found.rewards.shape == (count, steps) and (found.terminated | (found.lengths == steps)).all()
    return found if whole else None


def statistics(whole: Episodes, world: World) -> dict:
    """What the dataset is: size, returns, normalized scores, and each observation dimension's mean and deviation."""
    returns = whole.returns
    mean, std = observation_statistics(whole.observations[whole.valid])
    return {
        "episodes": len(whole),
        "steps": whole.lengths.max(),
        "transitions": whole.lengths.sum(),
        "return_mean": returns.mean(),
        "return_sd": returns.std(ddof=1),
        "return_min": returns.min(),
        "return_max": returns.max(),
        "score_mean": world.normalized_score(returns.mean()),
        "score_max": world.normalized_score(returns.max()),
        "observation_mean": mean,
        "observation_std": std,
        "action_std": whole.actions[whole.valid].std(axis=0),
        "arrays_sha256_of_dataset": episodes.sha256(whole),
    }


def draw_contexts(whole: Episodes, run: runs.Collection) -> dict[str, torch.Tensor]:
    """Fixed windows from the end of the dataset, each from an episode of its own, for looking at attention.

    observations (context, time, observation), actions, rewards (context, time), returns_to_go (context, time),
    timesteps (context, time), episode (context,).

    Raises:
        PipelineError: too few episodes are as long as a window.
    """
    generator = np.random.default_rng(run.contexts_seed)
    candidates = np.arange(len(whole) - run.contexts_from_last, len(whole))
    candidates = candidates[whole.lengths[candidates] >= run.context_length]
    if len(candidates) < run.contexts:
        raise PipelineError(
            f"of the last {run.contexts_from_last} episodes of {run.name} {len(candidates)} are as long as a context of "
            f"{run.context_length} steps, and {run.contexts} are needed"
        )
    episode = np.sort(generator.choice(candidates, run.contexts, replace=False))
    first = generator.integers(whole.lengths[episode] - run.context_length + 1)
    step = first[:, None] + np.arange(run.context_length)
    index = (episode[:, None], step)
    arrays = {
        "observations": whole.observations[index],
        "actions": whole.actions[index],
        "rewards": whole.rewards[index],
        "returns_to_go": returns_to_go(whole.rewards)[index].astype(np.float32),
        "timesteps": step,
        "episode": episode,
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """A dataset and the contexts drawn from it, written; its statistics."""
    run = recipe.run
    policy = BehaviourPolicy(checkpoints.load(run.behaviour, GaussianPolicyModel))
    whole = collect(run, policy, recipe.work())
    write(recipe, whole, {})
    return Found(statistics(whole, find_world(run.environment)))


def write(recipe: Recipe, whole: Episodes, labels: dict) -> None:
    """Write a dataset, with labels of its episodes, and the contexts drawn from it.

    Raises:
        PipelineError: evidence and models stand on another dataset of that name.
    """
    run = recipe.run
    guards.refuse_other_dataset(recipe, episodes.sha256(whole))
    about = {"name": run.name, "environment": run.environment, "first_seed": run.first_seed, **labels}
    episodes.write(files.ROOT / "data" / f"{run.name}.hdf5", whole, about)
    checkpoints.write_tensors(files.ROOT / recipes.contexts_file(run.contexts_name), draw_contexts(whole, run))
