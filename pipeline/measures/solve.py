"""Play held-out episodes of a BabyAI level and count those solved.

    python -m pipeline make solved/local_leap_go_to_local_s8n7_published

Episodes are cut into fixed shards; all of a shard are played, and planned, in lockstep. A finished shard is kept, so that a
killed run resumes. Which episodes share a shard is part of the run: batched arithmetic rounds differently for other batch
sizes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.statistics import summaries
from pipeline.worlds import levels

if TYPE_CHECKING:
    from pipeline.study.measurements import Solving


def shard_seeds(run: Solving, shard: int) -> list[int]:
    """Seeds of the episodes of one shard; episode i of every run has seed `first_seed + i`."""
    first = shard * run.shard_episodes
    return [run.first_seed + episode for episode in range(first, min(first + run.shard_episodes, run.episodes))]


def play_shard(policy, run: Solving, shard: int, tick) -> dict[str, list]:
    """Of one shard's episodes: success, 1 or 0, and length, actions taken."""
    played = levels.play(policy, run.level, shard_seeds(run, shard), tick)
    return {"success": played["success"].astype(int).tolist(), "length": played["length"].tolist()}


def solve(run: Solving, policy, work: Path, shards: int | None = None) -> dict[str, list]:
    """Play the first `shards` shards (all by default) that `work` does not hold yet; episodes in the order of the seeds."""
    count = -(-run.episodes // run.shard_episodes)
    played: dict[str, list] = {"success": [], "length": []}
    with tqdm(total=run.episodes, unit="episode", desc=run.name) as bar:
        for shard in range(count if shards is None else min(shards, count)):
            kept = work / f"shard_{shard:03}.json"
            found = read_shard(kept, len(shard_seeds(run, shard)))
            if found is None:
                found = play_shard(policy, run, shard, bar.update)
                files.write_json(kept, found)
            for name, values in found.items():
                played[name] += values
            bar.n = len(played["success"])
            bar.refresh()
    return played


def read_shard(kept: Path, episodes: int) -> dict[str, list] | None:
    """What a finished shard holds; None where there is none, or not a success and a length for each of its episodes."""
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
        success, length = found["success"], found["length"]
        sound = len(found) == 2 and len(success) == len(length) == episodes
        sound = sound and all(type(value) is int for value in (*success, *length)) and set(success) <= {0, 1}
        return found if sound and min(length) > 0 else None
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None


def make(recipe: Recipe, into: Path = files.ROOT, shards: int | None = None) -> Found:
    """What became of a run's episodes, or of its first shards."""
    levels.find(recipe.run.level)
    played = solve(recipe.run, policies.load(recipe.run), recipe.work(into), shards)
    return Found(summaries.derived(recipe, played, into))
