"""How policies are cloned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.trainings import Training


@dataclass(frozen=True)
class BehaviorCloningTraining(Training):
    """Imitation by a multilayer perceptron; `best_fraction` 0.1 makes it 10 %-BC."""

    cost: ClassVar[float] = 60

    method: str = "behaviour_cloning"
    best_fraction: float = 1.0  # of the episodes, by return
    hidden_sizes: tuple[int, ...] = (256, 256)
    batch_size: int = 256
    updates: int = 20_000  # the held-out loss has settled by then
    warmup_updates: int = 0
    learning_rate: float = 1e-3  # with a decay; customary is 3e-4, constant, for 50 times as many updates
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    held_out_episodes: int = 50
    interval_updates: int = 1000
    seed: int = 0  # of first weights and batches
