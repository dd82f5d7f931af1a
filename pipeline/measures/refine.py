"""Watch LEAP refine: how the energy of its plans falls, how near it comes to the least there is, and where the model looks
when it reconsiders an action.

    python -m pipeline make refined/local_leap_go_to_local_s8n7

The plans are the first ones of a level's held-out episodes. Where so few actions make a plan that all plans can be listed,
the least energy is known. Attention is read at the state before each action, that action alone masked, beside an untrained twin
and beside an even spread; and because attention is not influence, the actions after it, those before it, or what is seen
are also exchanged for another episode's, and the movement of the action's distribution is measured. Last, each plan's first
action is taken and a new plan is made: does it go on as the first one would have, or does it turn back?
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.methods.leap import refinement
from pipeline.methods.leap.model import ACTIONS, MASK, LeapModel, conditional_logits
from pipeline.statistics import proportions
from pipeline.statistics.intervals import interval
from pipeline.worlds import levels

if TYPE_CHECKING:
    from pipeline.study.measurements import Refining

LISTED = 10_000  # plans, up to which all are listed
KINDS = ("earlier_actions", "masked_action", "later_actions", "states")
SAME = 1e-4  # nats between energies that differ by rounding


LEFT, RIGHT = levels.ACTIONS.index("left"), levels.ACTIONS.index("right")


def begin(level: str, seeds: range) -> list:
    """The simulators of the episodes of these seeds, at their beginning."""
    simulators = [levels.make(level) for _ in seeds]
    for simulator, seed in zip(simulators, seeds, strict=True):
        levels.reset(simulator, seed)
    return simulators


def replanning(model: LeapModel, simulators: list, plans: Tensor, run: Refining) -> dict:
    """What becomes of plans after one step: the share of new plans that begin as the old ones went on, and of those that begin
    by turning back, where the step was a turn. The simulators take that step. Wilson's intervals over plans.

    The control is a second plan for the first view, by other draws: `agrees`, the share that has the same second action.
    """

    def plan_again(draw: int) -> Tensor:
        with torch.inference_mode():
            context = model.encode(levels.observe(simulators))
        seeds = [(run.first_seed + episode, draw) for episode in range(len(plans))]
        found = refinement.refine(model, context, plans.shape[1], run.iterations, run.sampler, seeds=seeds, measure=False)
        return found.plans

    taken, meant = plans[:, 0].numpy(), plans[:, 1].numpy()
    control = plan_again(1)[:, 1].numpy()
    for simulator, action in zip(simulators, taken, strict=True):
        simulator.step(int(action))
    now, turned = plan_again(2)[:, 0].numpy(), np.isin(taken, (LEFT, RIGHT))
    back = now[turned] == np.where(taken == LEFT, RIGHT, LEFT)[turned]
    return {
        "goes_on": proportions.wilson((now == meant).sum(), len(now)),
        "agrees": proportions.wilson((control == meant).sum(), len(now)),
        "turns": len(back),
        **({"turns_back": proportions.wilson(back.sum(), len(back))} if len(back) else {}),
    }


@torch.inference_mode()
def least_energy(model: LeapModel, context: Tensor, horizon: int) -> float:
    """The least energy, in nats, of all plans of one episode: -log p of each action given each choice of the others is asked
    once, and every plan's energy is a sum of `horizon` of these. context: (1, width).
    """
    others = torch.tensor(list(itertools.product(range(ACTIONS), repeat=horizon - 1)))
    energies = torch.zeros([ACTIONS] * horizon)
    for step in range(horizon):
        plans = torch.cat([others[:, :step], torch.full((len(others), 1), MASK), others[:, step:]], dim=1)
        steps = torch.full((len(plans),), step)
        costs = -model(context.expand(len(plans), -1), plans, steps).logits.log_softmax(dim=-1)
        energies += costs.view([ACTIONS] * horizon).movedim(-1, step)
    return float(energies.min())


@torch.inference_mode()
def attention(model: LeapModel, context: Tensor, plans: Tensor) -> Tensor:
    """Attention weights (plan, layer, head, step, key) at the state before each action, that action alone masked."""
    rows = []
    for step in range(plans.shape[1]):
        masked = plans.clone()
        masked[:, step] = MASK
        weights = model(context, masked, output_attentions=True).attentions
        rows.append(torch.stack(weights, dim=1)[..., 2 * step, :])
    return torch.stack(rows, dim=3)


def shares(weights: Tensor) -> dict[str, Tensor]:
    """Attention (..., step, key) given to each of KINDS of key, (...), averaged over steps."""
    horizon = weights.shape[-2]
    actions, states = weights[..., 1::2], weights[..., ::2]
    after = torch.ones(horizon, horizon).triu(1)
    wanted = (after.T, torch.eye(horizon), after)
    parts = [(actions * where).sum(dim=-1).mean(dim=-1) for where in wanted]
    return dict(zip(KINDS, (*parts, states.sum(dim=-1).mean(dim=-1)), strict=True))


def entropy(weights: Tensor) -> Tensor:
    """Entropy of the rows of (..., step, key) as a share of an even spread's, averaged over steps, (...)."""
    return torch.special.entr(weights).sum(dim=-1).mean(dim=-1) / np.log(weights.shape[-1])


def describe_attention(weights: Tensor) -> dict:
    """Last layer, averaged over heads: shares by kind of key and entropy, each with its interval over plans."""
    weights = weights.double()
    by_layer = shares(weights.mean(dim=2))
    last = {kind: share[:, -1] for kind, share in by_layer.items()}
    return {
        "shares": {kind: interval(share.numpy()) for kind, share in last.items()},
        **{
            f"{kind.removesuffix('_actions')}_by_layer": [interval(share.numpy()) for share in by_layer[kind].T]
            for kind in ("earlier_actions", "later_actions")
        },
        "entropy": interval(entropy(weights[:, -1]).mean(dim=1).numpy()),
    }


@torch.inference_mode()
def influence(model: LeapModel, context: Tensor, plans: Tensor) -> dict:
    """How far the distribution of an action moves, in total variation (0 to 1), when what it is guessed from is another
    episode's: mean over the steps that have such actions, interval over plans.
    """

    def distributions(context: Tensor, plans: Tensor) -> Tensor:
        return conditional_logits(model, context, plans).softmax(dim=-1)

    before = distributions(context, plans)
    other, steps = plans.roll(1, dims=0), torch.arange(plans.shape[1])

    def moved(after: Tensor, counted: Tensor) -> dict[str, float]:
        variation = (after - before).abs().sum(dim=-1) / 2
        return interval(variation[:, counted].mean(dim=1).numpy())

    def exchanged(where) -> Tensor:
        """Distributions of each action where the actions at `where(steps, step)` are the other plan's."""
        each = [distributions(context, torch.where(where(steps, step), other, plans))[:, step] for step in steps]
        return torch.stack(each, dim=1)

    return {
        "later_actions": moved(exchanged(torch.gt), steps[:-1]),
        "earlier_actions": moved(exchanged(torch.lt), steps[1:]),
        "views": moved(distributions(context.roll(1, dims=0), plans), steps),
    }


def describe_refinement(refined: refinement.Refinement) -> dict:
    """Energy of the plans after each iteration, in nats, with intervals over plans; and what refining changed."""
    energies = refined.energies.double().numpy()
    changed = (refined.history[-1] != refined.history[0]).sum(dim=1).numpy()
    fell = energies[:, -1] < energies[:, 0] - SAME
    rose = energies[:, -1] > energies[:, 0] + SAME
    return {
        "energy": [interval(column) for column in energies.T],
        "fall": interval(energies[:, 0] - energies[:, -1]),
        "fell": proportions.wilson(fell.sum(), len(fell)),
        "rose": proportions.wilson(rose.sum(), len(rose)),
        "plans_changed": proportions.wilson((changed > 0).sum(), len(changed)),
        "actions_changed": interval(changed),
    }


def reached(energies: np.ndarray, least: np.ndarray) -> list[dict]:
    """Share of plans that have the least energy there is, after each iteration. energies: (plan, iteration)."""
    return [proportions.wilson((column <= least + SAME).sum(), len(least)) for column in energies.T]


def summarize(model: LeapModel, twin: LeapModel, run: Refining, horizon: int) -> tuple[dict, dict[str, np.ndarray]]:
    """The evidence's values; and as arrays the last layer's attention, averaged over heads and plans, and the plan whose
    energy fell by the median.
    """
    seeds = range(run.first_seed, run.first_seed + run.episodes)
    simulators = begin(run.level, seeds)
    views = levels.observe(simulators)
    with torch.inference_mode():
        context, context_of_twin = model.encode(views), twin.encode(views)
    by_sampler = {
        sampler: refinement.refine(model, context, horizon, run.iterations, sampler, seeds=[(seed, 0) for seed in seeds])
        for sampler in refinement.SAMPLERS
    }
    refined = by_sampler["argmax"]
    values = {
        "plans": len(seeds),
        "horizon": horizon,
        "samplers": {sampler: describe_refinement(found) for sampler, found in by_sampler.items()},
    }
    if ACTIONS**horizon <= LISTED:
        listed = tqdm(range(run.listed), unit="episode", desc=f"{run.name}: all plans")
        least = np.array([least_energy(model, context[[episode]], horizon) for episode in listed])
        values |= {"listed": len(least), "least_energy": interval(least)}
        for sampler, found in by_sampler.items():
            values["samplers"][sampler]["at_least_energy"] = reached(found.energies[: run.listed].numpy(), least)
    weights = attention(model, context, refined.plans)
    control = attention(twin, context_of_twin, refined.plans)
    even = torch.full_like(weights[:1], 1 / weights.shape[-1])
    values |= {
        "attention": describe_attention(weights),
        "attention_untrained": describe_attention(control),
        "uniform": {kind: float(share) for kind, share in shares(even[0, -1, 0].double()).items()},
        "influence": influence(model, context, refined.plans),
        "influence_untrained": influence(twin, context_of_twin, refined.plans),
        "replanning": replanning(model, simulators, refined.plans, run),
    }
    shown = int((refined.energies[:, 0] - refined.energies[:, -1]).argsort()[len(seeds) // 2])  # neither the best nor the worst
    values |= {"shown_seed": seeds[shown], "shown_mission": simulators[shown].mission}
    return values, {
        "attention": weights[:, -1].mean(dim=(0, 1)).numpy(),
        "attention_untrained": control[:, -1].mean(dim=(0, 1)).numpy(),
        "image": views.images[shown],
        "pose": views.poses[shown],
        "goal": views.goals[shown],
        "history": refined.history[:, shown].numpy(),
        "energies": refined.energies[shown].numpy(),
    }


def check(run: Refining) -> None:
    """Raise PipelineError, before any work, unless the run's plans can be watched; what a plan may be, its policy checks."""
    if run.iterations is None or run.horizon == 1:
        raise PipelineError(f"{run.name} needs a number of iterations, and plans of 2 actions or more, to watch plans change")
    if run.listed > run.episodes:
        raise PipelineError(f"{run.name} lists all plans of {run.listed} episodes, and has {run.episodes}")


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One run's values and maps."""
    run = recipe.run
    check(run)
    policy, twin = policies.load(run), policies.module(run).untrained(policies.load(run), run.seed)
    return Found(*summarize(policy.model, twin.model, run, policy.horizon))
