"""Train a model on a log that its weakness shows on, play it, and keep more of its episodes than their returns.

    python -m pipeline make stitching/local_dt_halfcheetah_halves
    python -m pipeline make luck/local_dt_halfcheetah_luck

Training resumes at its last interval, as any. Of `stitching` is kept what the first half of each episode earned; of `luck`,
whether it gambled (`pipeline.worlds.gamble`). The weights are not kept, but their SHA-256 is.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import records
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import loop
from pipeline.learning.datasets import whole_dataset
from pipeline.measures.evaluate import shard_count, shard_seeds
from pipeline.measures.train_and_play import weights_sha256
from pipeline.statistics import summaries
from pipeline.worlds import environments, gamble
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from pipeline.study.twists import WatchedRun

Watch = Callable[[object, str, Sequence[int], Callable], dict[str, np.ndarray]]


def halves(policy, environment: str, seeds: Sequence[int], tick) -> dict[str, np.ndarray]:
    """Undiscounted returns (episode,) of episodes, and of their first halves."""
    rewards = environments.play(policy, environment, seeds, tick=tick)["rewards"]
    half = find_world(environment).episode_steps // 2
    return {"returns": rewards.sum(axis=1), "first_half": rewards[:, :half].sum(axis=1)}


def gambles(policy, environment: str, seeds: Sequence[int], tick) -> dict[str, np.ndarray]:
    """Undiscounted returns (episode,) of episodes with what they won or lost, and whether they gambled."""
    played = environments.play(gamble.Gambling(policy), environment, seeds, tick=tick)
    paid = gamble.payouts(played["actions"], seeds)
    return {"returns": played["rewards"].sum(axis=1) + paid, "gambled": gamble.gambles(played["actions"]).astype(int)}


WATCHES: dict[str, Watch] = {"stitching": halves, "luck": gambles}  # by kind


def watch(run: WatchedRun, policy, tick) -> dict[str, list]:
    """What is kept of a policy's episodes, by name, in the order of the seeds.

    Raises:
        PipelineError: a return is not finite.
    """
    shards = [WATCHES[run.kind](policy, run.environment, shard_seeds(run, shard), tick) for shard in range(shard_count(run))]
    found = {name: np.concatenate([shard[name] for shard in shards]) for name in shards[0]}
    if not np.isfinite(found["returns"]).all():
        raise PipelineError(f"{run.name}: an episode's return is not finite; the policy gave an action that is not a number")
    return records.plain(found)


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """Episodes of a trained model by what it was asked for, and how its training went.

    Raises:
        PipelineError: the log is not the one that its evidence describes, or a loss, a weight or a return is not finite.
    """
    run, work = recipe.run, recipe.work(into)
    training = importlib.import_module(run.training.teacher).prepare(run.training, whole_dataset(run.training))
    curve = loop.train(run.training, training, work / "progress.safetensors")
    model, acting = training.model(), importlib.import_module(run.policy)
    loop.check_finite(run.name, model)
    asks: list[dict] = []
    with tqdm(total=len(run.asks) * shard_count(run) * find_world(run.environment).episode_steps, unit="step") as bar:
        for asked in run.asks:
            asks.append({"asked": asked, **watch(run, acting.policy(model, work, asked), bar.update)})
    told = {"weights_sha256": weights_sha256(model), **loop.values(training, curve)}
    return Found(summaries.derived(recipe, {**told, "asks": asks}, into))
