"""The models, so that transformers' `AutoConfig` and `AutoModel` know them once this is imported."""

from transformers import AutoConfig, AutoModel

from sequence_rl import (
    DeterministicPolicyConfig,
    DeterministicPolicyModel,
    LeapConfig,
    LeapModel,
    TrajectoryTransformerConfig,
    TrajectoryTransformerModel,
)

for config, model in (
    (DeterministicPolicyConfig, DeterministicPolicyModel),
    (LeapConfig, LeapModel),
    (TrajectoryTransformerConfig, TrajectoryTransformerModel),
):
    AutoConfig.register(config.model_type, config, exist_ok=True)
    AutoModel.register(config, model, exist_ok=True)
