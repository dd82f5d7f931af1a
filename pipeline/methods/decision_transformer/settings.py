"""How Decision Transformers are trained."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.study.run import Find
from pipeline.study.trainings import Training


@dataclass(frozen=True)
class DecisionTransformerTraining(Training):
    """The published recipe (kzl/decision-transformer:gym/experiment.py), scaled to a CPU where the comment says so."""

    method: str = "decision_transformer"
    context_length: int = 20
    hidden_size: int = 128
    layers: int = 3
    heads: int = 1
    dropout: float = 0.1
    return_scale: float = 1000.0
    batch_size: int = 64
    updates: int = 10_000  # published 100,000; about 45 minutes on one core
    warmup_updates: int = 500  # published 10,000
    learning_rate: float = 6e-4  # published 1e-4, constant; a shorter run wants a higher rate and a decay
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-4
    gradient_clip: float = 0.25
    held_out_episodes: int = 50
    interval_updates: int = 250
    seed: int = 0

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 0.33 * self.updates
