"""How the behavior policy is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.run import ENVIRONMENT, FLOAT32, TRAIN, Find, Run, checkpoint_files


@dataclass(frozen=True)
class Behavior(Run):
    """Soft actor-critic stopped early. Returns are undiscounted sums over an episode."""

    kind: ClassVar[str] = "training"
    verb: ClassVar[str] = TRAIN
    teacher: ClassVar[str] = "pipeline.methods.soft_actor_critic.train"
    cost: ClassVar[float] = 1200
    says: ClassVar[str] = "soft actor-critic, stopped at the level of D4RL's medium policy"

    environment: str = ENVIRONMENT
    hidden_sizes: tuple[int, ...] = (256, 256)
    learning_rate: float = 3e-4
    batch_size: int = 256
    random_steps: int = 1000  # uniform actions at the beginning: one episode
    interval_steps: int = 2000
    maximum_steps: int = 200_000
    evaluation_episodes: int = 20
    target_return: float = 4770.0  # the mean of D4RL's halfcheetah-medium-v2
    tolerance: float = 250.0
    seed: int = 0

    def modules(self, find: Find) -> tuple[str, ...]:
        """The module that trains it, the one that writes its results, and the verb."""
        return (self.teacher, FLOAT32, self.verb)

    def outputs(self) -> tuple[str, ...]:
        """The checkpoint."""
        return checkpoint_files(self.name)


@dataclass(frozen=True)
class LongBehavior(Behavior):
    """The behavior policy's training, gone on with to `maximum_steps`; every interval's policy is kept, below `data/`."""

    teacher: ClassVar[str] = "pipeline.methods.soft_actor_critic.train_long"
    cost: ClassVar[float] = 3600
    says: ClassVar[str] = "soft actor-critic to {run.maximum_steps:,} steps"

    maximum_steps: int = 300_000
