"""How TD3+BC is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.trainings import Training


@dataclass(frozen=True)
class TD3BCTraining(Training):
    """TD3+BC with its published settings (Fujimoto & Gu 2021, arXiv 2106.06860; sfujim/TD3_BC:main.py), but shorter."""

    teacher: ClassVar[str] = "pipeline.methods.td3_bc.train"
    cost: ClassVar[float] = 400
    says: ClassVar[str] = "{run.updates} updates of {run.batch_size} transitions from {run.data}"

    method: str = "td3_bc"
    alpha: float = 2.5  # weight of the value beside imitation
    discount: float = 0.99
    target_rate: float = 0.005
    policy_noise: float = 0.2
    noise_clip: float = 0.5
    policy_delay: int = 2
    hidden_sizes: tuple[int, ...] = (256, 256)
    batch_size: int = 256
    updates: int = 60_000  # published 1,000,000
    learning_rate: float = 3e-4
    held_out_episodes: int = 50
    interval_updates: int = 2000
    seed: int = 0  # of first weights, batches and noise
