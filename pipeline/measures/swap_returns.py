"""Swap the returns of contexts and see how far a Decision Transformer's action moves, early and late in an episode.

    python -m pipeline make swapped_returns/local_dt_halfcheetah_throttled

Contexts are the last steps of episodes of a log, up to a given step; each is told the returns to go of the next one's in place
of its own. Beside it stands a model of the same recipe that was told other episodes' returns while it learned: it has no reason
to heed them. The log lies below `data/`, and not in git; it must be the one that its own evidence tells of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline import files
from pipeline.data.episodes import Episodes
from pipeline.data.returns import returns_to_go
from pipeline.evidence.records import Found, Recipe
from pipeline.measures import attend, logs
from pipeline.methods import policies
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy
from pipeline.statistics.intervals import interval
from pipeline.study import runs, studies


def contexts_at(whole: Episodes, step: int, length: int) -> dict[str, Tensor]:
    """The steps of each episode up to `step`, as many as `length`, padded on the left where there are fewer.

    Returns:
        observations (context, time, observation), actions, returns_to_go (context, time), timesteps (context, time), and mask
        (context, time): 1 where there is a step.
    """
    steps = np.arange(step + 1 - length, step + 1)
    mask = np.broadcast_to((steps >= 0).astype(np.float32), (len(whole), length))
    steps = steps.clip(0)
    arrays = {
        "observations": whole.observations[:, steps],
        "actions": whole.actions[:, steps],
        "returns_to_go": returns_to_go(whole.rewards)[:, steps].astype(np.float32),
        "timesteps": np.broadcast_to(steps, mask.shape).copy(),
        "mask": mask.copy(),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@torch.inference_mode()
def respond(policy: DecisionTransformerPolicy, contexts: dict[str, Tensor]) -> np.ndarray:
    """The action (context, action) that the model takes at the end of each context, of which what is padding is zeros."""
    mask, inputs = contexts["mask"], policy.inputs(contexts)
    for name in ("states", "actions", "returns_to_go"):
        inputs[name] = inputs[name] * mask[..., None]
    return policy.model(**{**inputs, "attention_mask": mask}).action_preds[:, -1].numpy()


def movement(policy: DecisionTransformerPolicy, contexts: dict[str, Tensor]) -> np.ndarray:
    """How far each context's action moves when it is told the next one's returns: root mean square over the torques, in
    thousandths of the full torque (context,).
    """
    swapped = {**contexts, "returns_to_go": attend.rotate(contexts["returns_to_go"])}
    return 1000 * attend.root_mean_square(respond(policy, swapped) - respond(policy, contexts))


def summarize(moved: dict[int, np.ndarray], control: dict[int, np.ndarray]) -> dict:
    """Values of the evidence: by step how far actions move, and how much farther than the control's in the same contexts;
    means with 95 % t-intervals over contexts.
    """
    return {
        "contexts": len(next(iter(moved.values()))),
        "moved": {str(step): interval(each) for step, each in moved.items()},
        "moved_control": {str(step): interval(each) for step, each in control.items()},
        "more_than_control": {str(step): interval(moved[step] - control[step]) for step in moved},
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """How far swapped returns move the actions of a model and of its control."""
    run: studies.SwappedReturns = recipe.run
    last, found = logs.read(run.data)[-run.contexts :], []
    for checkpoint in (run.checkpoint, run.control):
        policy = policies.load(runs.Attention(checkpoint, run.method, checkpoint))
        found.append({step: movement(policy, contexts_at(last, step, policy.context_length)) for step in run.steps})
    return Found(summarize(*found))
