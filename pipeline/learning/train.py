"""Train a model, or the behavior policy.

    python -m pipeline make training/local_dt_halfcheetah

Training goes in intervals; a killed run resumes at its last and ends at the same bytes as an undisturbed one. The device is a
GPU where there is one.

What is the method's own stands in the first module of its recipe: `read(run)` gives what it learns from, `prepare(run, data)`
what the loop does for it (`learning.loop.Training`), `facts(run, values)` what its card says. The second writes the results.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import loop, seen


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """A trained model's curve; the checkpoint is written."""
    run, method, writer = recipe.run, *map(importlib.import_module, recipe.modules[:2])
    seen.refuse_lesser_training(recipe)
    training = method.prepare(run, method.read(run))
    values = loop.values(training, loop.train(run, training, loop.progress(run.name)))
    return writer.finish(recipe, training, values, method.facts(run, values))
