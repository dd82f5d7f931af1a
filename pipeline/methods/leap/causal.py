"""LEAP's network read from left to right: a Decision Transformer without returns, which are 0 until a level is solved.

It keeps the last `horizon` states and actions of each episode and takes the most likely next action; it does not plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline import PipelineError
from pipeline.evidence import checkpoints, recipes
from pipeline.methods.leap.model import MASK, LeapModel
from pipeline.worlds.levels import Views

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from pipeline.study.measurements import Solving


class CausalPolicy:
    """Plays many episodes in lockstep: each step encodes what is new and reads the whole window.

    Its state: states (episode, horizon, width) and actions (episode, horizon), filled from the left. All episodes still played
    are at one step.
    """

    def __init__(self, model: LeapModel):
        if not model.config.causal:
            raise PipelineError("this policy takes a model trained from left to right: give it leap_causal's checkpoint")
        self.model = model.eval()

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed; the policy draws nothing."""
        config = self.model.config
        self.states = torch.zeros(len(seeds), config.horizon, config.hidden_size)
        self.actions = torch.full((len(seeds), config.horizon), MASK)
        self.step = 0

    @torch.inference_mode()
    def act(self, views: Views, alive: Int[np.ndarray, " playing"]) -> Int[np.ndarray, " playing"]:
        """Actions (playing,) int64 of the episodes still played."""
        last = min(self.step, self.model.config.horizon - 1)
        if self.step > last:
            self.states, self.actions = self.states.roll(-1, dims=1), self.actions.roll(-1, dims=1)
        self.states[alive, last], self.actions[alive, last] = self.model.encode(views), MASK
        self.step += 1
        self.actions[alive, last] = self.newest(self.states[alive, : last + 1], self.actions[alive, : last + 1])
        return self.actions[alive, last].numpy()

    def newest(
        self, states: Float[Tensor, "playing time width"], actions: Int[Tensor, "playing time"]
    ) -> Int[Tensor, " playing"]:
        """The most likely action (playing,) at the end of each window."""
        return self.model(states, actions).logits[:, -1].argmax(dim=-1)


def load(run: Solving) -> CausalPolicy:
    """The policy of a run's checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be used, or was trained by another recipe.
        PipelineError: the checkpoint is LEAP's own, which looks both ways.
    """
    return CausalPolicy(checkpoints.load(run.checkpoint, LeapModel, recipes.trained_by(run.checkpoint)))
