"""A Decision Transformer that was just trained, as a policy."""

from __future__ import annotations

from pathlib import Path

from transformers import DecisionTransformerModel

from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy


def policy(model: DecisionTransformerModel, beside: Path, target_return: float) -> DecisionTransformerPolicy:
    """The policy of a model that is asked for a return, undiscounted."""
    return DecisionTransformerPolicy(model, target_return)
