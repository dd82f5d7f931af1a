"""Keep every return of a dataset: what there is to be asked for.

    python -m pipeline make returns/local_halfcheetah_medium

The dataset lies below `data/`, and not in git; it must be the one that its own evidence tells of.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.measures import logs
from pipeline.measures.collect_study import coverage


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One dataset's returns."""
    returns = logs.read(recipe.name).returns
    return Found({"episodes": len(returns), **coverage(returns)})
