"""Pool the evaluations of one recipe's training seeds into one row.

python -m pipeline make pooled/local_bc_halfcheetah
"""

from __future__ import annotations

from pathlib import Path

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import guards
from pipeline.statistics import summaries


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One family as one row; what is resampled is training, not episodes."""
    guards.refuse_mixed_data(recipe.run.members)
    return Found(summaries.derived(recipe, {}, into))
