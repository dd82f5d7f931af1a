"""A perceptron told a return that was just trained, as a policy."""

from __future__ import annotations

from pathlib import Path

from pipeline.methods.perceptron.model import DeterministicPolicyModel
from pipeline.methods.return_conditioned_cloning.policy import ReturnConditionedPolicy
from pipeline.worlds.world import HALFCHEETAH


def policy(model: DeterministicPolicyModel, beside: Path, target_return: float) -> ReturnConditionedPolicy:
    """The policy of a model that is asked for a return, undiscounted, in as many steps as a cheetah's episode has."""
    return ReturnConditionedPolicy(model, target_return, HALFCHEETAH.episode_steps)
