"""Train a model, or the behavior policy.

    python -m pipeline make training/local_dt_halfcheetah

Training goes in intervals; a killed run resumes at its last and ends at the same bytes as an undisturbed one. The device is a
GPU where there is one.

What is the method's own stands in the first module of its recipe: `read(run)` gives what it learns from, `prepare(run, data)`
what the loop does for it (`learning.loop.Training`), `facts(run, values)` what its card says. The second writes the results.
"""

from __future__ import annotations

import importlib

import torch

from pipeline.evidence import recipes
from pipeline.graph import command
from pipeline.learning import loop, seen


def main() -> None:
    """Train, write the checkpoint, then its evidence, then forget the working state."""
    known = recipes.learned()
    recipe = command.find(command.parser(__doc__, known).parse_args().name, known)
    run, method, written = recipe.run, *map(importlib.import_module, recipe.modules[:2])
    seen.refuse_lesser_training(recipe)
    torch.set_num_threads(1)
    training = method.prepare(run, method.read(run))
    values = loop.values(training, loop.train(run, training, loop.progress(run.name)))
    written.finish(recipe, training, values, method.facts(run, values))


if __name__ == "__main__":
    command.run(main)
