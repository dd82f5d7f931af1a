"""Train a LEAP, and find what its plans are made of: the filling's energy, what they solve by draft and sweeps, attention.

    python -m pipeline make masked/local_leap_any_masks_s0

Training resumes at its last interval, as any. The weights are not kept, but their SHA-256 is.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from tqdm import tqdm

from pipeline import files
from pipeline.evidence import records
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import loop
from pipeline.measures import refine
from pipeline.measures.solve import play_shard, shard_seeds
from pipeline.measures.train_and_play import weights_sha256
from pipeline.methods.leap import drafts, refinement, train
from pipeline.methods.leap.drafted import DraftedPolicy
from pipeline.methods.leap.hiding import HidingModel
from pipeline.methods.leap.model import LeapModel
from pipeline.methods.leap.policy import LeapPolicy
from pipeline.statistics import summaries
from pipeline.worlds import levels

if TYPE_CHECKING:
    from pipeline.study.masking import MaskedRun


class Way(NamedTuple):
    """How a plan is made: the draft, the sweeps after it, and which actions are hidden when one is chosen again."""

    draft: str
    sweeps: int
    hides: str | None = None


WAYS = {f"{draft}_{sweeps}": Way(draft, sweeps) for draft in drafts.DRAFTS for sweeps in (0, 1, 8)}
WAYS |= {f"{part}_hidden": Way("random", 8, part) for part in ("later", "earlier")}


def solve(run: MaskedRun, model: LeapModel, tick) -> dict[str, dict[str, list]]:
    """Success, 1 or 0, of every episode by the way its plans are made."""
    level, found = levels.find(run.level), {}
    for name, way in WAYS.items():
        seen = HidingModel(model, way.hides) if way.hides else model
        policy = DraftedPolicy(LeapPolicy(seen, level.horizon, level.iterations), way.draft, way.sweeps)
        shards = [play_shard(policy, run, shard, tick) for shard in range(-(-run.episodes // run.shard_episodes))]
        found[name] = {"success": sum((shard["success"] for shard in shards), [])}
    return found


@torch.inference_mode()
def look(run: MaskedRun, model: LeapModel, twin: LeapModel) -> dict:
    """Of the first plans of all episodes: the energy of each filled from all masks; attention, and what exchanging a plan's
    other actions moves, at plans drafted at random and swept eight times, beside an untrained twin (`measures.refine`).
    """
    level = levels.find(run.level)
    every = [seed for shard in range(-(-run.episodes // run.shard_episodes)) for seed in shard_seeds(run, shard)]
    views = levels.observe(refine.begin(run.level, every))
    context, of_twin = model.encode(views), twin.encode(views)
    seeds = [(seed, 0) for seed in every]
    filled, swept = (drafts.plan(model, context, level.horizon, *way, seeds) for way in (("masks", 0), ("random", 8)))
    attention = {"attention": (model, context), "attention_untrained": (twin, of_twin)}
    influence = {"influence": (model, context), "influence_untrained": (twin, of_twin)}
    return {
        "energies": refinement.energy(model, context, filled).double().tolist(),
        **{name: refine.describe_attention(refine.attention(*seen, swept)) for name, seen in attention.items()},
        **{name: refine.influence(*seen, swept) for name, seen in influence.items()},
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """What a trained LEAP's plans are made of, and how its training went.

    Raises:
        PipelineError: the demonstrations are not those that their evidence describes, or a loss or a weight is not finite.
    """
    run, work = recipe.run, recipe.work(into)
    training = importlib.import_module(run.training.teacher).prepare(run.training, train.read(run.training))
    curve = loop.train(run.training, training, work / "progress.safetensors")
    model = training.model()
    loop.check_finite(run.name, model)
    torch.manual_seed(run.training.seed)
    twin = LeapModel(model.config).eval()
    with tqdm(total=len(WAYS) * run.episodes, unit="episode") as bar:
        found = records.plain({"solved": solve(run, model, bar.update), **look(run, model, twin)})
    told = {"weights_sha256": weights_sha256(model), **loop.values(training, curve)}
    return Found(summaries.derived(recipe, {**told, **found}, into))
