"""Compare evaluations: how far the return got follows the return asked, and how far one method lies above another.

python -m pipeline make compared/local_dt_halfcheetah_obedience
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import files
from pipeline.evidence import recipes
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import guards
from pipeline.statistics import summaries
from pipeline.study import runs, studies

if TYPE_CHECKING:
    from pipeline.study.comparisons import Comparison


def played(run: Comparison) -> tuple[str, ...]:
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


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One comparison from the evidence it reads."""
    guards.refuse_mixed_data(played(recipe.run))
    return Found(summaries.derived(recipe, {}, into))
