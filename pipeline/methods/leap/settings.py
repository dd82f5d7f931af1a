"""How LEAP and its rivals are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.run import Find
from pipeline.study.trainings import Training


@dataclass(frozen=True)
class LeapTraining(Training):
    """One model for all levels, by the full pseudo-likelihood, with the published settings where no comment says otherwise
    (hychen-naza/LEAP:run_leap.py, mingpt/trainer_babyai.py); or a rival on the same demonstrations.
    """

    teacher: ClassVar[str] = "pipeline.methods.leap.train"

    data: tuple[str, ...]  # demonstrations, one a level; the authors train one model a level
    method: str = "leap"  # its model; grid_cloning is a rival
    with_goal: bool = True  # whether the goal's coordinates are seen, which only an oracle can tell
    causal: bool = False  # whether the future is hidden, which makes a Decision Transformer without returns of it
    hidden_size: int = 128
    layers: int = 3
    heads: int = 4
    channels: int = 64
    dropout: float = 0.1
    batch_size: int = 64
    updates: int = 5000  # 320,000 windows; published 100,000 for each of six models
    warmup_updates: int = 100
    learning_rate: float = 1e-3  # published 6e-4; a shorter run wants a higher rate
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1  # of all weights; published of matrices alone
    gradient_clip: float = 1.0
    held_out_episodes: int = 50  # of each level
    interval_updates: int = 500
    seed: int = 0

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return (0.06 if self.method == "grid_cloning" else 0.3 if self.causal else 0.2) * self.updates

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"{self.updates} updates of {self.batch_size} windows from {len(self.data)} levels' demonstrations"
