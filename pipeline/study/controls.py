"""Variants of collections, trainings and what is played, with controls that could refuse a claim: kinds of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.methods.behaviour_cloning.settings import BehaviorCloningTraining
from pipeline.methods.decision_transformer.settings import DecisionTransformerTraining
from pipeline.methods.td3_bc.settings import TD3BCTraining
from pipeline.methods.trajectory_transformer.settings import TrajectoryTransformerTraining
from pipeline.study.measurements import Evaluation, PlannedEvaluation, Solving
from pipeline.study.run import FLOAT16, TRAIN, Find, checkpoint_files
from pipeline.study.trainings import Collection


@dataclass(frozen=True)
class HalvedDecisionTransformer(DecisionTransformerTraining):
    """A Decision Transformer whose weights are kept in float16."""

    writer: ClassVar[str] = FLOAT16


@dataclass(frozen=True)
class HalvedCloning(BehaviorCloningTraining):
    """A cloned policy whose weights are kept in float16."""

    writer: ClassVar[str] = FLOAT16


@dataclass(frozen=True)
class HalvedTrajectoryTransformer(TrajectoryTransformerTraining):
    """A Trajectory Transformer whose weights are kept in float16; it is never trained further."""

    verb: ClassVar[str] = TRAIN
    teacher: ClassVar[str] = "pipeline.methods.trajectory_transformer.train"
    writer: ClassVar[str] = FLOAT16

    def modules(self, find: Find) -> tuple[str, ...]:
        """What prepares it, what writes its results, and the verb."""
        return self.teacher, self.writer, self.verb


@dataclass(frozen=True)
class ThrottledCollection(Collection):
    """The recorder with its torques scaled, by one of `factors` an episode: returns that differ for a reason one can see."""

    verb: ClassVar[str] = "pipeline.measures.collect_study"
    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour}, or of what became it"

    episodes: int = 600
    first_seed: int = 2_000_000
    contexts_name: str = "halfcheetah_throttled"
    factors: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class ReplayCollection(Collection):
    """Episodes of the recorder's policies along its training, 20 of each interval's up to where it was stopped."""

    verb: ClassVar[str] = "pipeline.measures.collect_study"
    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour}, or of what became it"

    training: str = "local_sac_halfcheetah_long"  # which kept them
    interval_steps: int = 2000
    hidden_sizes: tuple[int, ...] = (256, 256)
    episodes: int = 980
    shard_episodes: int = 20
    first_seed: int = 3_000_000
    contexts_name: str = "halfcheetah_replay"


@dataclass(frozen=True)
class ShuffledTraining(HalvedDecisionTransformer):
    """A Decision Transformer told the returns of other episodes: the control that must not obey."""

    teacher: ClassVar[str] = "pipeline.learning.shuffled"

    shuffled_returns: bool = True  # over episodes, by the run's seed


@dataclass(frozen=True)
class SteadyTraining(HalvedDecisionTransformer):
    """A Decision Transformer trained at the published rate, by default as long as published, with checkpoints on the way."""

    teacher: ClassVar[str] = "pipeline.learning.steady"

    updates: int = 100_000
    warmup_updates: int = 10_000
    learning_rate: float = 1e-4  # constant from there on
    interval_updates: int = 1000
    snapshots: tuple[int, ...] = (1000, 3000, 10_000, 30_000)


@dataclass(frozen=True)
class CriticTraining(TD3BCTraining):
    """TD3+BC trained for its critics, longer than for its actor: until the return that they expect rises but slowly."""

    teacher: ClassVar[str] = "pipeline.methods.td3_bc.critics"
    cost: ClassVar[float] = 1000

    updates: int = 150_000


@dataclass(frozen=True)
class AblatedEvaluation(Evaluation):
    """Episodes of a policy with a part put out of action."""

    ablated: str = "attention"  # or perceptrons, or history


@dataclass(frozen=True)
class ScoredEvaluation(PlannedEvaluation):
    """Episodes whose search scores candidates by rewards and value times these weights."""

    method: str = "trajectory_transformer_scored"
    reward_weight: float = 1.0
    value_weight: float = 1.0


@dataclass(frozen=True)
class ValuedEvaluation(PlannedEvaluation):
    """Episodes whose search asks a critic, a checkpoint, for what the model's value token says."""

    also_reads: ClassVar[tuple[str, ...]] = checkpoint_files("{run.critic}")

    method: str = "trajectory_transformer_valued"
    critic: str = ""


@dataclass(frozen=True)
class DraftedSolving(Solving):
    """Episodes of a level whose plans begin with a draft of some kind and are then swept, every position once a sweep."""

    draft: str = "random"  # in `pipeline.methods.leap.drafts`
    sweeps: int = 1


@dataclass(frozen=True)
class DrawnSolving(Solving):
    """Episodes of a level by actions drawn as often as its demonstrations take them."""

    demonstrations: str = ""
