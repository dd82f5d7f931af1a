"""LEAP trained with one action of a plan hidden at a time, as published, or with any number of them.

With any number hidden, each copy of a plan hides as many as a number drawn from 1 to all, at places drawn at random, and all
that it hides are guessed from the others at once: the loss of any-order autoregressive models (Uria et al. 2014, arXiv
1310.1757; Hoogeboom et al. 2022, arXiv 2110.02037). There are as many copies of a plan as it has actions, either way; copies
count alike, so that a plan that its episode's end cuts short weighs more than with one hidden, where actions count alike.
Unlike `train`, all is computed in float32: a processor without bfloat16 takes ten times as long with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.demonstrations import Demonstrations
from pipeline.learning import descent
from pipeline.learning.held_out import check_size, split
from pipeline.learning.loop import Training
from pipeline.methods.leap import train
from pipeline.methods.leap.model import MASK, PAD, LeapModel
from pipeline.methods.leap.train import Drawer, Windows

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from pipeline.study.masking import MaskedTraining


def any_masks(plans: int, horizon: int) -> Bool[Tensor, "plan horizon"]:
    """Which actions of each plan are hidden: from 1 to all of them, each number as likely; then places at random."""
    count = torch.randint(1, horizon + 1, (plans, 1))
    return torch.rand(plans, horizon).argsort(dim=1) < count


def loss_of_one(model: LeapModel, batch: list[Windows]) -> Float[Tensor, ""]:
    """Mean of -log p over the actions of all plans, each hidden alone, in nats; ends of episodes left out."""
    predicted = [train.predict(model, windows) for windows in batch]
    logits = torch.cat([logits.flatten(0, 1) for logits, _ in predicted])
    return functional.cross_entropy(logits, torch.cat([actions.flatten() for _, actions in predicted]), ignore_index=PAD)


def loss_of_any(model: LeapModel, batch: list[Windows]) -> Float[Tensor, ""]:
    """Mean over copies of plans of the mean of -log p over the actions that each hides, in nats; ends of episodes left out."""
    costs = []
    for windows in batch:
        actions = torch.from_numpy(windows.actions).to(model.device)
        copies = actions.repeat_interleave(actions.shape[1], dim=0)
        hidden = any_masks(*copies.shape).to(model.device)
        context = model.encode(windows.views).repeat_interleave(actions.shape[1], dim=0)
        logits = model(context, copies.masked_fill(hidden, MASK)).logits
        costs.append(mean_over_hidden(logits, copies, hidden))
    return torch.cat(costs).mean()


def mean_over_hidden(
    logits: Float[Tensor, "copy horizon action"], actions: Int[Tensor, "copy horizon"], hidden: Bool[Tensor, "copy horizon"]
) -> Float[Tensor, " counted"]:
    """Mean of -log p over the hidden actions of each copy (copy,), in nats; copies that hide nothing but an end are left out.

    Args:
        logits: (copy, horizon, 6).
        actions: (copy, horizon), PAD after an episode's end.
        hidden: (copy, horizon), true where an action is hidden.
    """
    counted = hidden & (actions != PAD)
    cost = functional.cross_entropy(logits.transpose(1, 2), actions, ignore_index=PAD, reduction="none")
    some = counted.any(dim=1)
    return (cost * counted).sum(dim=1)[some] / counted.sum(dim=1)[some]


LOSSES = {"one": loss_of_one, "any": loss_of_any}  # by how many actions are hidden at once


def prepare(run: MaskedTraining, wholes: list[Demonstrations]) -> Training:
    """A new model, trained as any LEAP but for its loss; measured on held-out windows with one action hidden at a time."""
    for whole in wholes:
        check_size(run, whole.level, len(whole), int(whole.lengths.max(initial=0)))
    learnt, unseen = zip(*(split(whole, run) for whole in wholes), strict=True)
    drawers = [Drawer(whole, run) for whole in learnt]
    generator = np.random.default_rng(train.HELD_OUT_SEED)
    held_out = {whole.level: Drawer(whole, run).draw(generator, train.HELD_OUT_WINDOWS) for whole in unseen}
    torch.manual_seed(run.seed)
    model = train.build(run)

    def batch_loss(generator: np.random.Generator) -> Tensor:
        return LOSSES[run.masked](model, train.draw(drawers, generator, run.batch_size))

    optimizers, told = {"optimizer_0": descent.adamw(run, model)}, ("loss", "held_out_loss", "held_out_accuracy")
    return descent.training(run, model, optimizers, batch_loss, lambda: train.measure(model, held_out), told)
