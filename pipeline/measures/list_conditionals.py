"""List all that LEAP can say of one plan: how likely each action is at each place, whatever the plan's other actions are.

    python -m pipeline make conditionals/local_leap_go_to_local_s8n7

The plan is the one that the refining it is named after shows. With these lists whoever has no network at hand, as the reader's
browser, can mask any action of any plan, see its exact distribution, choose it again, and tell the energy of the plan: a sum of
one entry a place.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline import PipelineError, files
from pipeline.evidence import arrays, recipes, records
from pipeline.evidence.records import Found, Recipe
from pipeline.measures import refine
from pipeline.methods import policies
from pipeline.methods.leap.model import ACTIONS, MASK, LeapModel
from pipeline.worlds import levels


@torch.inference_mode()
def costs(model: LeapModel, context: Tensor, horizon: int) -> np.ndarray:
    """-log p of each action at each place given each choice of the others, in nats: (place, other actions, action) float32.

    The other actions, in the order of their places, are the digits of a number to the base of 6, the first one the highest.
    context: (1, width).
    """
    others = torch.tensor(list(itertools.product(range(ACTIONS), repeat=horizon - 1)))
    found = []
    for place in range(horizon):
        masked = torch.cat([others[:, :place], torch.full((len(others), 1), MASK), others[:, place:]], dim=1)
        logits = model(context.expand(len(masked), -1), masked, torch.full((len(masked),), place)).logits
        found.append(-logits.log_softmax(dim=-1))
    return torch.stack(found).float().numpy()


def energies(listed: np.ndarray) -> np.ndarray:
    """Energy of every plan, in nats, an axis a place: (action, action, ...). listed: see `costs`."""
    horizon = len(listed)
    each = [cost.reshape([ACTIONS] * horizon) for cost in listed]
    return sum(np.moveaxis(cost, -1, place) for place, cost in enumerate(each))


def summarize(listed: np.ndarray, history: np.ndarray) -> dict:
    """What the lists say of all plans, and of one that was refined: history (iteration, place), its actions each time."""
    every = energies(listed)
    along = every[tuple(history.T)]
    return {
        "horizon": len(listed),
        "plans": every.size,
        "least_energy": float(every.min()),
        "least_plan": list(np.unravel_index(every.argmin(), every.shape)),
        "energies": along,
        "rises": int((np.diff(along) > refine.SAME).sum()),
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One run's lists and what they say."""
    (run,), source = recipe.holds, recipes.REFININGS[recipe.run.refining]
    refined, shown = records.read(source.path())["values"], arrays.read(source)
    policy, seed = policies.load(run), refined["shown_seed"]
    views = levels.observe(refine.begin(run.level, range(seed, seed + 1)))
    if not np.array_equal(views.images[0], shown["image"]) or not np.array_equal(views.poses[0], shown["pose"]):
        raise PipelineError(f"episode {seed} of {run.level} does not begin as {source.path()} says")
    with torch.inference_mode():
        context = policy.model.encode(views)
    listed = costs(policy.model, context, policy.horizon)
    values = {"seed": seed, "mission": refined["shown_mission"], **summarize(listed, shown["history"])}
    return Found(values, {"costs": listed})
