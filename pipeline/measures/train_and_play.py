"""Train a model on a log and play it: one run of the matrix of worlds, logs, methods and seeds.

    python -m pipeline make suite/hopper_medium_bc_s0

Training resumes at its last interval, as any; its episodes are those of `measures.evaluate`. The weights are not kept, but
their SHA-256 is.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import loop
from pipeline.learning.datasets import whole_dataset
from pipeline.measures import evaluate
from pipeline.statistics import summaries

if TYPE_CHECKING:
    import torch


def weights_sha256(model: torch.nn.Module) -> str:
    """SHA-256 of a model's weights, as safetensors writes them."""
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    return hashlib.sha256(safetensors.torch.save(weights)).hexdigest()


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """The returns of a trained model's episodes, and how its training went.

    Raises:
        PipelineError: the log is not the one that its evidence describes, or a loss, a weight or a return is not finite.
    """
    run, work = recipe.run, recipe.work(into)
    teacher, whole = importlib.import_module(run.training.teacher), whole_dataset(run.training)
    training = teacher.prepare(run.training, whole)
    curve = loop.train(run.training, training, work / "progress.safetensors")
    model = training.model()
    loop.check_finite(run.name, model)
    work.mkdir(parents=True, exist_ok=True)
    training.beside(work)
    target = float(whole.returns.max()) if run.target_return is None else run.target_return
    policy = importlib.import_module(run.policy).policy(model, work, target)
    returns = evaluate.evaluate(run, policy, work)
    told = {"asked": target, "weights_sha256": weights_sha256(model), **loop.values(training, curve)}
    return Found(summaries.derived(recipe, {**told, "returns": returns}, into))
