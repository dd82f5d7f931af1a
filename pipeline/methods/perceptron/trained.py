"""A perceptron that was just trained, as a policy."""

from __future__ import annotations

from pathlib import Path

from pipeline.methods.perceptron.model import DeterministicPolicyModel
from pipeline.methods.perceptron.policy import DeterministicPolicy


def policy(model: DeterministicPolicyModel, beside: Path, target_return: float) -> DeterministicPolicy:
    """The policy of a model; nothing lies beside it, and no return is asked for."""
    return DeterministicPolicy(model)
