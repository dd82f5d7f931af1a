"""Logs that lie below `data/`, and not in git, as their own evidence tells of them."""

from __future__ import annotations

from pathlib import Path

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.data.episodes import Episodes
from pipeline.evidence import recipes, records
from pipeline.worlds.world import World, find_world


def verified(path: Path, world: World, digest: str) -> Episodes:
    """The dataset at that path.

    Raises:
        EpisodesError: it cannot be read.
        PipelineError: its arrays have another sha256 than `digest`.
    """
    whole = episodes.read(path, world)
    if (found := episodes.sha256(whole)) != digest:
        raise PipelineError(f"{path} is not the dataset that its evidence tells of: its arrays are {found}, not {digest}")
    return whole


def read(name: str) -> Episodes:
    """The dataset of that name, held to the digest in its evidence; raises as `verified`."""
    recipe = recipes.COLLECTIONS[name]
    digest = records.read(recipe.path())["values"]["arrays_sha256_of_dataset"]
    return verified(files.ROOT / "data" / f"{name}.hdf5", find_world(recipe.run.environment), digest)
