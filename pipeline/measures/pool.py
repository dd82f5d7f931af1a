"""Pool the evaluations of one recipe's training seeds into one row.

python -m pipeline make pooled/local_bc_halfcheetah
"""

from __future__ import annotations

from pathlib import Path

from pipeline import files
from pipeline.evidence import recipes, records
from pipeline.graph import command
from pipeline.learning import guards
from pipeline.statistics import summaries


def main() -> None:
    """Pool one family; what is resampled is training, not episodes."""
    parser = command.parser(__doc__, recipes.POOLS)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="read and write results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.POOLS, arguments.into)
    guards.refuse_mixed_data(recipe.run.members)
    records.write(recipe, summaries.derived(recipe, {}, arguments.into), arguments.into)


if __name__ == "__main__":
    command.run(main)
