"""Collect one level's demonstrations: episodes solved by BabyAI's own bot.

    python -m pipeline make datasets/local_bot_go_to_local_s8n7

The bot (minigrid/utils/baby_ai_bot.py) sees only what lies before the agent and explores until it finds its object; so in mazes
it takes detours that nobody who sees the whole grid would take. Episodes come in shards; a finished shard is kept, so that a
killed collection resumes, and ends at the same demonstrations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from minigrid.utils.baby_ai_bot import BabyAIBot
from tqdm import tqdm

from pipeline import files
from pipeline.data import demonstrations
from pipeline.data.demonstrations import Demonstrations
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import guards
from pipeline.worlds import levels

if TYPE_CHECKING:
    from pipeline.study.trainings import Demonstration

SHARD_SEEDS = 10_000  # from one shard's first seed to the next one's: room for episodes that the bot does not solve


def solve(simulator, seed: int, level: levels.Level) -> Demonstrations | None:
    """The bot's episode of that seed; None where its time runs out.

    Where several objects fit the instruction, the goal at every transition is the one at which the episode ends.
    """
    levels.reset(simulator, seed)
    bot, seen, actions, reward, over = BabyAIBot(simulator), [], [], 0.0, False
    while not over:
        seen.append(levels.observe([simulator]))
        actions.append(int(bot.replan(actions[-1] if actions else None)))
        _, reward, terminated, truncated, _ = simulator.step(actions[-1])
        over = terminated or truncated
    if not reward:
        return None
    images, poses, _, missions = map(np.concatenate, zip(*map(astuple, seen), strict=True))
    goals = np.tile(np.array(simulator.front_pos, dtype=np.int64), (len(seen), 1))
    ends = np.arange(1, len(seen) + 1) == len(seen)
    return Demonstrations(level.name, images, poses, goals, missions, np.array(actions, dtype=np.int64), ends)


def solve_shard(run: Demonstration, shard: int, tick: Callable[[], object]) -> Demonstrations:
    """The first `shard_episodes` episodes that the bot solves, counting seeds up from the shard's own first."""
    level = levels.find(run.level)
    simulator, solved = levels.make(level), []
    for seed in itertools.count(run.first_seed + shard * SHARD_SEEDS):
        demonstration = solve(simulator, seed, level)
        if demonstration is not None:
            solved.append(demonstration)
            tick()
        if len(solved) == run.shard_episodes:
            return demonstrations.join(solved)


def collect(run: Demonstration, work: Path) -> Demonstrations:
    """Solve every shard that `work` does not hold yet, and return them all."""
    shards = [work / f"shard_{shard:03}.hdf5" for shard in range(run.episodes // run.shard_episodes)]
    done, parts = sum(shard.exists() for shard in shards), []
    with tqdm(total=run.episodes, initial=done * run.shard_episodes, unit="episode", desc=run.name) as bar:
        for number, shard in enumerate(shards):
            part = read_shard(shard, run)
            if part is None:
                part = solve_shard(run, number, bar.update)
                demonstrations.write(shard, part, {"first_seed": run.first_seed})
            parts.append(part)
    return demonstrations.join(parts)


def read_shard(path: Path, run: Demonstration) -> Demonstrations | None:
    """The demonstrations of a finished shard; None where there is none, or not so many that can be used."""
    try:
        found = demonstrations.read(path, run.level)
    except demonstrations.DemonstrationsError:
        return None
    return found if len(found) == run.shard_episodes else None


def statistics(whole: Demonstrations) -> dict:
    """What the demonstrations are: how many, how long, and how often each action is taken."""
    shares = np.bincount(whole.actions, minlength=len(levels.ACTIONS)) / len(whole.actions)
    return {
        "level": whole.level,
        "episodes": len(whole),
        "transitions": len(whole.actions),
        "length_mean": whole.lengths.mean(),
        "length_sd": whole.lengths.std(ddof=1),
        "length_max": whole.lengths.max(),
        "action_shares": dict(zip(levels.ACTIONS, shares.tolist(), strict=True)),
        "arrays_sha256_of_dataset": demonstrations.sha256(whole),
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One level's demonstrations, written; their statistics."""
    run = recipe.run
    levels.find(run.level)
    whole = collect(run, recipe.work())
    guards.refuse_other_dataset(recipe, demonstrations.sha256(whole))
    about = {"name": run.name, "first_seed": run.first_seed}
    demonstrations.write(files.ROOT / "data" / f"{run.name}.hdf5", whole, about)
    return Found(statistics(whole))
