"""Train a model of one loss on a dataset's windows or transitions: a Decision Transformer, or a cloned policy.

What is the method's own stands in its `model`: `build(run, episodes)`, `Batches(episodes, run, like=None)` and
`loss(model, batch)`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.data.episodes import Episodes
from pipeline.learning import descent, loop
from pipeline.learning.datasets import whole_dataset as read  # noqa: F401 - what `prepare` learns from
from pipeline.learning.held_out import split
from pipeline.learning.loop import Training

if TYPE_CHECKING:
    from pipeline.study import trainings

HELD_OUT_SEED = 2**31
HELD_OUT_BATCHES = 16


def prepare(run: trainings.Training, whole: Episodes, rate=descent.learning_rate) -> Training:
    """A new model, trained by AdamW; held out is the mean loss over fixed batches of unseen episodes, without dropout."""
    module = importlib.import_module(f"pipeline.methods.{run.method}.model")
    learn, held_out = split(whole, run)
    batches, unseen = module.Batches(learn, run), module.Batches(held_out, run, like=learn)
    torch.manual_seed(run.seed)
    model = module.build(run, learn).to(descent.DEVICE)

    def loss(generator: np.random.Generator, source=batches) -> Tensor:
        batch = source.draw(generator, run.batch_size)
        return module.loss(model, {name: tensor.to(model.device) for name, tensor in batch.items()})

    def measure() -> dict[str, float]:
        generator = np.random.default_rng(HELD_OUT_SEED)
        losses = [loss(generator, unseen) for _ in range(HELD_OUT_BATCHES)]
        return {"held_out_loss": float(torch.stack(losses).mean())}

    optimizers, told = {"optimizer": descent.adamw(run, model)}, ("loss", "held_out_loss")
    return descent.training(run, model, optimizers, loss, measure, told, rate)


def facts(run: trainings.Training, values: dict) -> dict[str, str]:
    """What the checkpoint's card says, by title."""
    return {
        "Model": f"{run.method.replace('_', ' ')}, {values['parameters']:,} parameters",
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": loop.settings(run),
        "Held-out loss": f"{values['held_out_loss']:.4f}",
    }
