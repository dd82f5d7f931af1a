"""The models, so that transformers' `AutoConfig` and `AutoModel` know them once this is imported."""

from sequence_rl import DeterministicPolicyModel, LeapConfig, LeapModel, TrajectoryTransformerConfig, TrajectoryTransformerModel

__all__ = ["DeterministicPolicyModel", "LeapConfig", "LeapModel", "TrajectoryTransformerConfig", "TrajectoryTransformerModel"]
