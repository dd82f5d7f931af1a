"""Compare evaluations: how far the return got follows the return asked, and how far one method lies above another.

python -m pipeline make compared/local_dt_halfcheetah_obedience
"""

from __future__ import annotations

from pathlib import Path

from pipeline import files
from pipeline.evidence import recipes, records
from pipeline.graph import command
from pipeline.learning import guards
from pipeline.statistics import summaries
from pipeline.study import runs, studies


def played(run) -> tuple[str, ...]:
    """The evaluations that a comparison stands on; one of solved levels stands on none."""
    if isinstance(run, studies.SolvedEffect):
        return ()
    if hasattr(run, "evaluations"):
        return run.evaluations
    if isinstance(run, studies.SlopeDifference):
        return played(recipes.COMPARISONS[run.one].run) + played(recipes.COMPARISONS[run.other].run)
    if isinstance(run, runs.PairedDifference):
        return run.one, run.other
    return recipes.POOLS[run.one].run.members + recipes.POOLS[run.other].run.members


def main() -> None:
    """Make one comparison from the evidence it reads."""
    parser = command.parser(__doc__, recipes.COMPARISONS)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="read and write results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.COMPARISONS, arguments.into)
    guards.refuse_mixed_data(played(recipe.run))
    records.write(recipe, summaries.derived(recipe, {}, arguments.into), arguments.into)


if __name__ == "__main__":
    command.run(main)
