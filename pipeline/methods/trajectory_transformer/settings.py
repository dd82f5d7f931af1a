"""How Trajectory Transformers are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.run import Find
from pipeline.study.trainings import Training


@dataclass(frozen=True)
class TrajectoryTransformerTraining(Training):
    """The published architecture and loss (jannerm/trajectory-transformer:config/offline.py), trained as long as a CPU can."""

    verb: ClassVar[str] = "pipeline.methods.trajectory_transformer.further"
    says: ClassVar[str] = "{run.updates} updates of {run.batch_size} windows of {run.transitions} transitions from {run.data}"

    method: str = "trajectory_transformer"
    bins: int = 100  # quantiles of each dimension
    transitions: int = 10  # of a window: 249 tokens
    layers: int = 4
    heads: int = 4
    width: int = 128
    dropout: float = 0.0  # published 0.1, which halves the speed; held-out losses still fall
    action_weight: float = 5.0
    batch_size: int = 32  # published 256; small budgets want many small steps
    updates: int = 9_600  # published about 195,000, eight times as large; 76 million tokens
    warmup_updates: int = 200
    learning_rate: float = 5e-3  # published 6e-4
    betas: tuple[float, float] = (0.9, 0.95)  # of AdamW, which trains what is not a map of a block; Muon trains those
    weight_decay: float = 0.1
    gradient_clip: float = 1.0
    precision: str = "bfloat16"  # of matrix products while training; weights stay in float32
    held_out_episodes: int = 50
    interval_updates: int = 200
    # with `--from`; at the first rate, losses were back where they had been after 8,200 of 9,600 updates
    further_updates: int = 5_000
    further_learning_rate: float = 7.5e-4
    seed: int = 0

    def modules(self, find: Find) -> tuple[str, ...]:
        """The verb alone, which prepares it and writes its results."""
        return (self.verb,)

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return self.updates * self.batch_size / 92  # windows of 249 tokens a second of a core, with bfloat16 matrix products
