"""A Trajectory Transformer that was just trained, as a policy."""

from __future__ import annotations

from pathlib import Path

from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerModel
from pipeline.methods.trajectory_transformer.planning import Search
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy


def policy(model: TrajectoryTransformerModel, beside: Path, target_return: float) -> TrajectoryTransformerPolicy:
    """The policy of a model that plans as published, with the bins that lie in a folder; no return is asked for.

    Raises:
        DiscretizerError: the bins cannot be used.
    """
    bins = discretization.read(beside / discretization.FILE, model.config.vocab_size, model.config.transition_dim)
    return TrajectoryTransformerPolicy(model, bins, Search())
