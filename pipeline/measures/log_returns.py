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
from pipeline.graph import command
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


def main() -> None:
    """Write one dataset's returns."""
    parser = command.parser(__doc__, recipes.LOGGED_RETURNS)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="write to results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.LOGGED_RETURNS, arguments.into)
    dataset = recipes.COLLECTIONS[recipe.name]
    digest = records.read(dataset.path())["values"]["arrays_sha256_of_dataset"]
    path = files.ROOT / "data" / f"{recipe.name}.hdf5"
    returns = returns_of(path, find_world(dataset.run.environment), digest)
    records.write(recipe, {"episodes": len(returns), **coverage(returns)}, arguments.into)


if __name__ == "__main__":
    command.run(main)
