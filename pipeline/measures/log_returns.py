"""Keep every return of a dataset: what there is to be asked for.

    python -m pipeline make returns/local_halfcheetah_medium

The dataset lies below `data/`, and not in git; it must be the one that its own evidence tells of.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.evidence import recipes, records
from pipeline.graph import command
from pipeline.measures.collect_study import coverage
from pipeline.worlds.world import find_world


def main() -> None:
    """Write one dataset's returns."""
    parser = command.parser(__doc__, recipes.LOGGED_RETURNS)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="write to results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.LOGGED_RETURNS, arguments.into)
    dataset = recipes.COLLECTIONS[recipe.name]
    told = records.read(dataset.path())["values"]
    path = files.ROOT / "data" / f"{recipe.name}.hdf5"
    whole = episodes.read(path, find_world(dataset.run.environment))
    if (found := episodes.sha256(whole)) != told["arrays_sha256_of_dataset"]:
        raise PipelineError(f"{path} holds {found}, and its evidence tells of {told['arrays_sha256_of_dataset']}")
    records.write(recipe, {"episodes": len(whole), **coverage(whole.returns)}, arguments.into)


if __name__ == "__main__":
    command.run(main)
