"""Keep every return of a dataset: what there is to be asked for.

    python -m pipeline make returns/local_halfcheetah_medium

The dataset lies below `data/`, and not in git; it must be the one that its own evidence tells of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.evidence import recipes, records
from pipeline.evidence.records import Found, Recipe
from pipeline.measures.collect_study import coverage
from pipeline.worlds.world import World, find_world


def returns_of(path: Path, world: World, digest: str) -> np.ndarray:
    """The returns (episode,) of the dataset at that path.

    Raises:
        EpisodesError: it cannot be read.
        PipelineError: its arrays have another sha256 than `digest`.
    """
    whole = episodes.read(path, world)
    if (found := episodes.sha256(whole)) != digest:
        raise PipelineError(f"{path} is not the dataset that its evidence tells of: its arrays are {found}, not {digest}")
    return whole.returns


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One dataset's returns."""
    dataset = recipes.COLLECTIONS[recipe.name]
    digest = records.read(dataset.path())["values"]["arrays_sha256_of_dataset"]
    returns = returns_of(files.ROOT / "data" / f"{recipe.name}.hdf5", find_world(dataset.run.environment), digest)
    return Found({"episodes": len(returns), **coverage(returns)})
