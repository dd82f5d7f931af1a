"""Planning with LEAP: a plan is filled in, then its actions are masked and chosen again, one at a time, until it is calm.

Source: Chen et al. 2023 (arXiv 2303.16189), section 3.3; hychen-naza/LEAP:mingpt/utils.py. Two samplers choose an action from
what the model says of it beside all others: `argmax`, as the authors' code has it, takes the likeliest; `gibbs`, as their paper
has it, draws one, the colder the later. The first iteration fills all positions at once from a plan that is all masks; each
further one takes a position at random, masks it and chooses it again. So 1 iteration is the filling alone, of a kind that
training never shows, since it masks one action of a plan at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipeline import PipelineError
from pipeline.methods.leap import model as leap
from pipeline.methods.leap.model import ACTIONS, MASK, LeapModel

if TYPE_CHECKING:
    from jaxtyping import Float, Int

SAMPLERS = ("argmax", "gibbs")
COOLING = (1.0, 0.1)  # temperature of the first and of the last iteration


class RefinementError(PipelineError):
    """A plan that cannot be made as asked."""


class Refinement(NamedTuple):
    """plans: (episode, horizon) actions. energies: (episode, iteration), the plan's after each iteration, or None where they
    were not asked for. history: (iteration, episode, horizon), the plan after each iteration.
    """

    plans: Tensor
    energies: Tensor | None
    history: Tensor


def check(config, horizon: int, iterations: int, sampler: str = "argmax", cooling: tuple[float, float] = COOLING) -> None:
    """Raise RefinementError unless plans can be made so by a model of that configuration.

    Args:
        config: the model's.
        horizon: actions of a plan.
        iterations: of refining, the one that fills the plan in counted.
        sampler: one of SAMPLERS.
        cooling: temperature of the first iteration and of the last.
    """
    if config.causal:
        raise RefinementError("a causal model does not see the actions to come, so it cannot refine a plan")
    if not 1 <= horizon <= config.horizon:
        raise RefinementError(f"a plan of {horizon} actions was asked for; the model was trained on 1 to {config.horizon}")
    if iterations < 1:
        raise RefinementError(
            f"{iterations} iterations were asked for; the first one fills the plan in, so at least 1 is needed"
        )
    if sampler not in SAMPLERS:
        raise RefinementError(f"there is no sampler named {sampler!r}; known: {', '.join(SAMPLERS)}")
    if not all(0 < temperature < np.inf for temperature in cooling):
        raise RefinementError(f"temperatures must be above 0 and finite, and {cooling} were asked for")


def energy(
    model: LeapModel, context: Float[Tensor, "episode width"], actions: Int[Tensor, "episode horizon"]
) -> Float[Tensor, " episode"]:
    """Energy (episode,) of plans (episode, horizon), in nats: `pipeline.methods.leap.model.energy`, without gradients."""
    with torch.inference_mode():
        return leap.energy(model, context, actions)


def temperatures(iterations: int, cooling: tuple[float, float]) -> Float[np.ndarray, " iteration"]:
    """Temperature of each iteration, (iteration,): a geometric series from the first to the last."""
    return np.geomspace(*cooling, iterations)


def choose(
    logits: Float[Tensor, "*batch action"], sampler: str, temperature: float, uniform: Float[Tensor, "*batch"]
) -> Int[Tensor, "*batch"]:
    """Actions (...,) for logits (..., action): the likeliest, or those that uniform numbers (...,) in [0, 1) draw."""
    if sampler == "argmax":
        return logits.argmax(dim=-1)
    # by inversion: the first action whose cumulative probability (..., action) lies beyond the number; rounding may leave the
    # last sum below 1, so that one is not asked
    cumulative = (logits.double() / temperature).softmax(dim=-1).cumsum(dim=-1)
    return (uniform[..., None] >= cumulative[..., :-1]).sum(dim=-1)


def draws(
    seeds: Sequence, horizon: int, iterations: int
) -> tuple[Float[Tensor, "episode horizon"], Int[Tensor, "episode again"], Float[Tensor, "episode again"]]:
    """All that is left to chance, a generator for each episode.

    Returns:
        Uniform numbers for the filling (episode, horizon); steps to choose again (episode, iteration - 1); uniform numbers for
        these, likewise.
    """
    # drawn in this order, so that more iterations leave the filling as it was: (episode, horizon), (episode, iteration - 1)
    generators = [np.random.default_rng(seed) for seed in seeds]
    filling = np.stack([generator.random(horizon) for generator in generators])
    steps = np.stack([generator.integers(horizon, size=iterations - 1) for generator in generators])
    again = np.stack([generator.random(iterations - 1) for generator in generators])
    return torch.from_numpy(filling), torch.from_numpy(steps), torch.from_numpy(again)


def reconsider(
    model: LeapModel,
    context: Float[Tensor, "episode width"],
    plans: Int[Tensor, "episode horizon"],
    step: Int[Tensor, " episode"],
) -> Float[Tensor, "episode action"]:
    """Logits (episode, action) of the action at one step (episode,) of each plan, given the plan's others."""
    if not len(plans):
        return torch.zeros(0, ACTIONS)
    # (episode, horizon), the action in question hidden in each; a step of each is asked for, so logits are (episode, action)
    return model(context, plans.scatter(1, step[:, None], MASK), step).logits


@torch.inference_mode()
def refine(
    model: LeapModel,
    context: Float[Tensor, "episode width"],
    horizon: int,
    iterations: int,
    sampler: str = "argmax",
    cooling: tuple[float, float] = COOLING,
    seeds: Sequence = (),
    measure: bool = True,
) -> Refinement:
    """Plan for many episodes at once; each draws from a generator of its own, so that the others do not matter to it.

    What the model says of an action hangs on the plan's other actions alone, so it is asked again only after one of those
    changed. That changes no plan and spares most of the work.

    Args:
        model: trained, in `eval` mode.
        context: (episode, width) from `LeapModel.encode`; it is computed once, not in each iteration.
        horizon: actions of a plan.
        iterations: the filling, then one action chosen again in each further one.
        sampler: one of SAMPLERS.
        cooling: temperature of the first and of the last iteration, between them a geometric series; `gibbs` alone heeds it.
        seeds: one an episode, numbers or sequences of numbers, such as (seed of the episode, step).
        measure: tell the energies too; each costs as many forwards as there are actions in a plan.

    Raises:
        RefinementError: before any work, where `check` says so or seeds and contexts differ in number.
    """
    check(model.config, horizon, iterations, sampler, cooling)
    if len(seeds) != len(context):
        raise RefinementError(f"{len(context)} plans were asked for, with {len(seeds)} seeds: each plan needs one of its own")
    # (episode, horizon), (episode, iteration - 1) twice; (iteration,)
    filling, steps, again = draws(seeds, horizon, iterations)
    warmth = temperatures(iterations, cooling)
    # the filling: all masks, (episode, horizon), give logits (episode, horizon, action), of which each is chosen by itself
    plans = torch.full((len(context), horizon), MASK)
    plans = choose(model(context, plans).logits, sampler, warmth[0], filling)
    history, each = [plans], torch.arange(len(plans))
    # (episode, horizon, action) and (episode, horizon): what was said of each action, and whether it still holds
    logits, known = torch.zeros(*plans.shape, ACTIONS), torch.zeros(plans.shape, dtype=torch.bool)
    for step, uniform, temperature in zip(steps.T, again.T, warmth[1:], strict=True):
        # one step (episode,) of each plan; only those that nothing is known of are asked for
        ask = each[~known[each, step]]
        logits[ask, step[ask]] = reconsider(model, context[ask], plans[ask], step[ask])
        chosen = choose(logits[each, step], sampler, temperature, uniform)
        # another action makes what was said of all others void, not what was said of itself: it was hidden then
        known[chosen != plans[each, step]] = False
        known[each, step] = True
        plans = plans.index_put((each, step), chosen)
        history.append(plans)
    # (episode, iteration), the filling's first
    energies = torch.stack([leap.energy(model, context, plans) for plans in history], dim=1) if measure else None
    return Refinement(plans, energies, torch.stack(history))
