"""LEAP's plans taken apart: how the first draft is made, and how often every action is chosen again after that.

`masks` fills all positions at once from a plan that is all masks, as published; `random` draws each action uniformly; and
`left_to_right` chooses one action after another, the later ones masked. A sweep visits every position once, in an order drawn
anew for each sweep, masks the action there and takes the likeliest beside the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.methods.leap.model import ACTIONS, MASK, LeapModel
from pipeline.methods.leap.refinement import RefinementError, check, reconsider

if TYPE_CHECKING:
    from jaxtyping import Float, Int

DRAFTS = ("masks", "random", "left_to_right")


def draws(seeds: Sequence, horizon: int, sweeps: int) -> tuple[Int[Tensor, "episode horizon"], Int[Tensor, "episode visit"]]:
    """All that is left to chance, a generator for each episode; more sweeps begin with the orders of fewer.

    Returns:
        Uniform actions (episode, horizon), of which a random draft is made; positions in the order of their visits (episode,
        sweep · horizon).
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    actions = np.stack([generator.integers(ACTIONS, size=horizon) for generator in generators])
    orders = [[generator.permutation(horizon) for _ in range(sweeps)] for generator in generators]
    return torch.from_numpy(actions), torch.from_numpy(np.array(orders, dtype=np.int64).reshape(len(actions), -1))


def choose_again(
    model: LeapModel,
    context: Float[Tensor, "episode width"],
    plans: Int[Tensor, "episode horizon"],
    step: Int[Tensor, " episode"],
) -> Int[Tensor, "episode horizon"]:
    """Plans (episode, horizon) with the action at one step (episode,) of each replaced by the likeliest beside the others."""
    likeliest = reconsider(model, context, plans, step).argmax(dim=-1, keepdim=True)
    return plans.scatter(1, step[:, None], likeliest)


@torch.inference_mode()
def plan(
    model: LeapModel, context: Float[Tensor, "episode width"], horizon: int, draft: str, sweeps: int, seeds: Sequence
) -> Int[Tensor, "episode horizon"]:
    """Plans (episode, horizon) for many episodes at once; each draws from a generator of its own.

    Args:
        model: trained, in `eval` mode.
        context: (episode, width) from `LeapModel.encode`.
        horizon: actions of a plan.
        draft: one of DRAFTS.
        sweeps: visits to every position.
        seeds: one an episode, numbers or sequences of numbers.

    Raises:
        RefinementError: before any work, where there is no such draft, or the model cannot plan so.
    """
    check(model.config, horizon, 1)
    if draft not in DRAFTS or sweeps < 0:
        raise RefinementError(f"a draft is one of {', '.join(DRAFTS)}, swept 0 times or more; got {draft!r}, {sweeps} sweeps")
    actions, orders = draws(seeds, horizon, sweeps)
    plans = torch.full_like(actions, MASK)
    if draft == "random":
        plans = actions
    elif draft == "masks":
        plans = model(context, plans).logits.argmax(dim=-1)
    else:
        for step in range(horizon):
            plans = choose_again(model, context, plans, torch.full((len(plans),), step))
    for step in orders.T:
        plans = choose_again(model, context, plans, step)
    return plans
