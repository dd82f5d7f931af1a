"""An ideal listener: the behavior policy's mode, moved as its dice fell in episodes of the return that is asked for.

How much that is, `pipeline.measures.regress_dice` says. A model that heeds returns can have learned no more than this from a
log in which nothing but dice tells episodes apart, as far as it is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline import files
from pipeline.evidence import checkpoints, records
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.interventions import ListenedEvaluation

UNIT = 1000.0  # points of return, by which shifts are told


class Listener:
    """Plays many episodes at once and draws nothing."""

    def __init__(
        self,
        model: GaussianPolicyModel,
        expected: Sequence[float] | Float[np.ndarray, " step"],
        shift: Sequence[float] | Float[np.ndarray, " action"],
        target_return: float,
    ):
        """Args: expected (step,) mean return to go; shift (action,) of the dice for `UNIT` points of return to go above it."""
        self.model, self.target_return = model.eval(), target_return
        self.expected, self.shift = np.asarray(expected), torch.tensor(shift, dtype=torch.float32)

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed; the policy itself draws nothing."""
        self.remaining, self.step = np.full(len(seeds), float(self.target_return)), 0

    @torch.inference_mode()
    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation) and the last rewards (episode,)."""
        if self.step:
            self.remaining = self.remaining - rewards
        above = torch.tensor((self.remaining - self.expected[self.step]) / UNIT, dtype=torch.float32)
        self.step += 1
        return self.model.sample(torch.from_numpy(observations), above[:, None] * self.shift).numpy()


def load(run: ListenedEvaluation) -> Listener:
    """The listener of an evaluation, to the log that the run names.

    Raises:
        CheckpointError, EvidenceError: the recorder, or what its dice told, cannot be used.
    """
    told = records.read(files.ROOT / "results" / "listeners" / f"{run.listener}.json")["values"]
    model = checkpoints.load(run.checkpoint, GaussianPolicyModel)
    return Listener(model, told["expected"], told["shift"], run.target_return)
