"""Gradient descent on one loss, in intervals: for models that are trained by nothing else."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.learning import loop
from pipeline.learning.loop import Tick, Training

if TYPE_CHECKING:
    from pipeline.study import trainings

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def learning_rate(run: trainings.Training, update: int) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    if update < run.warmup_updates:
        return run.learning_rate * (update + 1) / run.warmup_updates
    progress = (update - run.warmup_updates) / max(1, run.updates - run.warmup_updates)
    return run.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def adamw(run: trainings.Training, model: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW with the run's settings."""
    return torch.optim.AdamW(model.parameters(), run.learning_rate, tuple(run.betas), weight_decay=run.weight_decay)


def training(
    run: trainings.Training,
    model: torch.nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    loss: Callable[[np.random.Generator], Tensor],
    measure: Callable[[], dict[str, float]],
    told: tuple[str, ...],
    rate: Callable[[object, int], float] = learning_rate,
) -> Training:
    """What the loop is to do for a model that one loss trains.

    Args:
        run: seed, updates, interval_updates, warmup_updates, learning_rate, gradient_clip, batch_size.
        model: in `train` mode during updates and in `eval` mode, without gradients, while it is measured.
        optimizers: over the model's parameters, each of which belongs to one; by the names that progress keeps them under.
        loss: given a generator, the loss of one batch, of which the gradient is taken.
        measure: figures on held-out data.
        told: as in `loop.Training`.
        rate: the learning rate of an update, by the run and the update's number.
    """

    def evaluate() -> dict[str, float]:
        model.eval()
        with torch.inference_mode():
            return measure()

    return Training(
        interval=functools.partial(train_interval, run, model, list(optimizers.values()), loss, rate),
        measure=evaluate,
        **loop.keeping({"model": model}, optimizers),
        ended=functools.partial(loop.all_updates, run),
        total=run.updates,
        model=lambda: model.cpu().eval(),
        told=told,
        seen={"windows_seen": run.updates * run.batch_size},
    )


def train_interval(run: trainings.Training, model, optimizers, loss, rate, interval: int, tick: Tick) -> dict[str, float]:
    """One interval of updates from seeds of its own; returns how many there were by then, and their mean loss.

    Args:
        run: as in `training`.
        model: likewise.
        optimizers: likewise, without their names.
        loss: likewise.
        rate: likewise.
        interval: its number.
        tick: called after each update.
    """
    generator = np.random.default_rng([run.seed, interval])
    torch.manual_seed(1_000_003 * run.seed + interval)
    model.train()
    losses, last = [], min((interval + 1) * run.interval_updates, run.updates)
    for update in range(interval * run.interval_updates, last):
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = rate(run, update)
        batch_loss = loss(generator)
        model.zero_grad()
        batch_loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), run.gradient_clip)
        for optimizer in optimizers:
            optimizer.step()
        losses.append(batch_loss.detach())
        tick(1)
    return {"updates": last, "loss": float(torch.stack(losses).mean())}
