"""Hide keys from a Trajectory Transformer's attention and see which predictions suffer: what a share of attention is worth.

    python -m pipeline make hidden_keys/local_tt_halfcheetah_short

Attention is no influence: a key may be looked at much and matter little, or little and matter much. So chosen keys are hidden
from every layer and head, and the cross-entropy of the latest transition's tokens is taken again, on fixed contexts and with
nothing else changed. Keys are hidden by how they stand to the row that would read them: row d of a transition reads dimension d
and predicts dimension d + 1. Only keys of earlier transitions are ever hidden; values are never seen anyway.

- `striated`: of the dimension that the row predicts. `read`: of the dimension that it reads.
- `other_1` to `other_10`: of another dimension, so many further on than the one predicted; controls of `striated`.
- `lag_one`: of the transition just before. `older`: of all transitions before that one. `past`: of all earlier transitions.
- `all_but_two`: of all transitions but the latest two, from all rows of those two, so that no other row passes them on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline import files
from pipeline.evidence import checkpoints, recipes
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerModel
from pipeline.statistics.intervals import interval
from pipeline.study import runs, studies

OTHERS = range(1, 11)  # dimensions further on


def interventions(time: int, width: int) -> dict[str, Tensor]:
    """Which keys (column) are hidden from which rows, (time, time) bool, by intervention; the first hides none.

    Args:
        time: tokens of a window that ends before the latest transition's value. width: tokens of a transition.
    """
    position = torch.arange(time)
    transition, dimension = position // width, position % width
    lag = transition[:, None] - transition
    predicted, past = (dimension[:, None] + 1) % width, lag > 0
    of = lambda wanted: past & (dimension == wanted)  # noqa: E731
    latest_two = transition >= transition[-1] - 1
    return {
        "intact": torch.zeros(time, time, dtype=torch.bool),
        "striated": of(predicted),
        "read": of(dimension[:, None]),
        **{f"other_{further}": of((predicted + further) % (width - 1)) for further in OTHERS},
        "lag_one": lag == 1,
        "older": lag > 1,
        "past": past,
        "all_but_two": latest_two[:, None] & ~latest_two,
    }


@contextmanager
def hidden(model: TrajectoryTransformerModel, keys: Tensor) -> Iterator[None]:
    """Hide keys (row, key) bool from a model's attention, in every layer and head, until the context ends."""
    bias = torch.zeros(keys.shape).masked_fill_(keys, -torch.inf)
    hide = lambda _, inputs: (inputs[0], inputs[1] + bias, *inputs[2:])  # noqa: E731
    hooks = [block.attn.register_forward_pre_hook(hide) for block in model.blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.inference_mode()
def losses(model: TrajectoryTransformerModel, tokens: Tensor, keys: Tensor) -> dict[str, float]:
    """Mean cross-entropy, in nats a token, of the latest transition's observation, action and reward, with keys hidden.

    The observation's first dimension is left out: the row that predicts it belongs to the transition before.

    Args:
        tokens: (context, time), as a policy's `last_windows`. keys: (time, time) bool.
    """
    config, rows = model.config, tokens[:, :-1]
    with hidden(model, keys[: rows.shape[1], : rows.shape[1]]):
        logits = torch.cat([model(some).logits for some in rows.split(16)])
    first = rows.shape[1] - (config.transition_dim - 2)  # the row that reads the latest transition's first dimension
    each = functional.cross_entropy(logits[:, first:].transpose(1, 2), tokens[:, first + 1 :], reduction="none").mean(dim=0)
    ends = np.cumsum([config.observation_dim - 1, config.action_dim, 1])
    parts = np.split(each.numpy(), ends[:-1])
    return {kind: float(part.mean()) for kind, part in zip(("observation", "action", "reward"), parts, strict=True)}


def summarize(by_training: list[dict[str, dict[str, float]]], contexts: int, bins: int) -> dict:
    """Values of the evidence.

    Args:
        by_training: for each training the `losses` of each intervention.

    Returns:
        trainings, contexts: how many; chance: the loss of knowing nothing; losses: by intervention and kind, each training's;
        rise: by intervention and kind, how much higher than intact, mean and 95 % t-interval over trainings; rise_others: the
        observation's, the median over other dimensions, likewise.
    """
    names = [name for name in by_training[0] if name != "intact"]
    kinds = by_training[0]["intact"]

    def rises(name: str, kind: str) -> list[float]:
        return [losses[name][kind] - losses["intact"][kind] for losses in by_training]

    others = np.median([rises(f"other_{further}", "observation") for further in OTHERS], axis=0)
    return {
        "trainings": len(by_training),
        "contexts": contexts,
        "chance": math.log(bins),
        "losses": {name: {kind: [each[name][kind] for each in by_training] for kind in kinds} for name in by_training[0]},
        "rise": {name: {kind: interval(rises(name, kind)) for kind in kinds} for name in names},
        "rise_others": interval(others),
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """What hiding keys costs the trainings of one recipe."""
    run: studies.HiddenKeys = recipe.run
    contexts, _ = checkpoints.read_tensors(files.ROOT / recipes.contexts_file(run.contexts))
    found = []
    for checkpoint in run.checkpoints:
        policy = policies.load(runs.Attention(checkpoint, run.method, checkpoint, run.contexts))
        tokens = policy.last_windows(contexts)
        masks = interventions(tokens.shape[1], policy.model.config.transition_dim)
        found.append({name: losses(policy.model, tokens, keys) for name, keys in masks.items()})
    return Found(summarize(found, len(contexts["rewards"]), policy.model.config.vocab_size))
