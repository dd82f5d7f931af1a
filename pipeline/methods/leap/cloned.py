"""Behavior cloning on a BabyAI level: the most likely action for what is seen now, no plan and no history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.evidence import checkpoints, recipes
from pipeline.methods.leap.grid_cloning import GridCloningModel
from pipeline.worlds.levels import Views

if TYPE_CHECKING:
    from jaxtyping import Int

    from pipeline.study.measurements import Solving


class GridCloning:
    """Plays many episodes in lockstep: one batched forward per step."""

    def __init__(self, model: GridCloningModel):
        self.model = model.eval()

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed; there is nothing to begin."""

    @torch.inference_mode()
    def act(self, views: Views, alive: Int[np.ndarray, " playing"]) -> Int[np.ndarray, " playing"]:
        """Actions (playing,) int64 of the episodes still played."""
        return self.model(views).argmax(dim=-1).numpy()


def load(run: Solving) -> GridCloning:
    """The policy of a run's checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be used, or was trained by another recipe.
    """
    return GridCloning(checkpoints.load(run.checkpoint, GridCloningModel, recipes.trained_by(run.checkpoint)))
