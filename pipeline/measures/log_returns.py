"""Keep every return of a dataset: what there is to be asked for.

    python -m pipeline make returns/local_halfcheetah_medium

The dataset lies below `data/`, and not in git; it must be the one that its own evidence tells of.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import files
from pipeline.evidence import recipes, records
from pipeline.graph import command
from pipeline.measures import logs
from pipeline.measures.collect_study import coverage


def main() -> None:
    """Write one dataset's returns."""
    parser = command.parser(__doc__, recipes.LOGGED_RETURNS)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="write to results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.LOGGED_RETURNS, arguments.into)
    returns = logs.read(recipe.name).returns
    records.write(recipe, {"episodes": len(returns), **coverage(returns)}, arguments.into)


if __name__ == "__main__":
    command.run(main)
