"""LEAP as a policy whose plans begin with a draft of some kind and are then swept; each is carried out whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.methods.leap import drafts
from pipeline.methods.leap import policy as leap
from pipeline.methods.leap.policy import LeapPolicy
from pipeline.worlds.levels import Views

if TYPE_CHECKING:
    from jaxtyping import Int

    from pipeline.study.controls import DraftedSolving


class DraftedPolicy(LeapPolicy):
    """Plays many episodes in lockstep and carries every plan out whole."""

    def __init__(self, plain: LeapPolicy, draft: str, sweeps: int):
        super().__init__(plain.model, plain.horizon, plain.iterations)
        self.draft, self.sweeps = draft, sweeps

    def plan(self, views: Views, episodes: Int[np.ndarray, " planning"]) -> Int[np.ndarray, "planning horizon"]:
        """Plans (planning, horizon) for the episodes whose views are given; chance hangs on their seeds and the step alone."""
        seeds = [(int(seed), self.step) for seed in self.seeds[episodes]]
        with torch.inference_mode():
            context = self.model.encode(views)
        return drafts.plan(self.model, context, self.horizon, self.draft, self.sweeps, seeds).numpy()


def load(run: DraftedSolving) -> DraftedPolicy:
    """The policy of a run that names a draft and a number of sweeps.

    Raises:
        CheckpointError: the checkpoint cannot be used, or was trained by another recipe.
        PipelineError: the level is unknown.
    """
    return DraftedPolicy(leap.load(run), run.draft, run.sweeps)
