"""What is collected, fetched and trained: kinds of runs. Each method's own training stands in its folder, in `settings.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.run import ENVIRONMENT, FLOAT32, TRAIN, Find, Run, checkpoint_files, results


@dataclass(frozen=True)
class Training(Run):
    """Training of a model on a dataset; the evidence is its curve.

    teacher: the module that prepares it. writer: the module that writes its results (see `pipeline.learning.train`).
    """

    data: str

    kind: ClassVar[str] = "training"
    verb: ClassVar[str] = TRAIN
    teacher: ClassVar[str] = "pipeline.learning.supervised"
    writer: ClassVar[str] = FLOAT32
    says: ClassVar[str] = "{run.updates} updates of {run.batch_size} windows from {run.data}"

    def modules(self, find: Find) -> tuple[str, ...]:
        """What prepares it, what writes its results, the verb, and the model where all are prepared alike."""
        own = (f"pipeline.methods.{self.method}.model",) if self.teacher.startswith("pipeline.learning.") else ()
        return (self.teacher, self.writer, self.verb, *own)

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The statistics of its dataset, or datasets."""
        return results("datasets", *((self.data,) if isinstance(self.data, str) else self.data))

    def outputs(self) -> tuple[str, ...]:
        """The checkpoint."""
        return checkpoint_files(self.name, self.method)


@dataclass(frozen=True)
class Collection(Run):
    """A dataset: episodes of one policy, played in shards."""

    kind: ClassVar[str] = "datasets"
    verb: ClassVar[str] = "pipeline.measures.collect"
    writes: ClassVar[tuple[str, ...]] = ("checkpoints/contexts/{run.contexts_name}.safetensors",)
    cost: ClassVar[float] = 300
    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour}"

    behaviour: str
    environment: str = ENVIRONMENT
    episodes: int = 1000
    shard_episodes: int = 50
    first_seed: int = 1_000_000  # apart from evaluation's seeds
    contexts_name: str = "halfcheetah"
    contexts: int = 64
    context_length: int = 20
    contexts_from_last: int = 64  # one context an episode; training holds out the last 50 of these
    contexts_seed: int = 0

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The checkpoint of the policy that plays."""
        return checkpoint_files(self.behaviour)


@dataclass(frozen=True)
class Demonstration(Run):
    """Episodes of one BabyAI level solved by BabyAI's bot, in shards; LEAP's authors had 500 a level."""

    kind: ClassVar[str] = "datasets"
    verb: ClassVar[str] = "pipeline.measures.demonstrate"
    cost: ClassVar[float] = 20
    says: ClassVar[str] = "{run.episodes} episodes of {run.level} solved by BabyAI's bot"

    level: str  # in `pipeline.worlds.levels`
    episodes: int = 550  # 500 to learn from; the last 50 are for training to hold out
    shard_episodes: int = 50
    first_seed: int = 1_000_000  # apart from evaluation's seeds


@dataclass(frozen=True)
class KnownReturns:
    """What is known of a dataset before it is first seen: how many episodes, and their undiscounted returns."""

    episodes: int
    mean: float
    sd: float
    minimum: float


@dataclass(frozen=True)
class PublishedDataset(Run):
    """A dataset that others collected, in D4RL's layout; `hub.lock` says with which bytes."""

    kind: ClassVar[str] = "datasets"
    verb: ClassVar[str] = "pipeline.hub.fetch_dataset"
    cost: ClassVar[float] = 120
    says: ClassVar[str] = "from {run.address}"

    address: str
    environment: str = "HalfCheetah-v2"
    known: KnownReturns | None = None  # the address is plain http, so it is held to this before its sum is recorded


@dataclass(frozen=True)
class MinariDataset(Run):
    """A dataset of Minari's, by its identifier there; `hub.lock` says with which bytes."""

    kind: ClassVar[str] = "datasets"
    verb: ClassVar[str] = "pipeline.hub.fetch_dataset"
    cost: ClassVar[float] = 120
    says: ClassVar[str] = "from Minari's {run.identifier}"

    identifier: str
    environment: str = "HalfCheetah-v5"


@dataclass(frozen=True)
class LoggedReturns(Run):
    """Every return of a dataset of that name, whose own evidence keeps but their mean and spread."""

    kind: ClassVar[str] = "returns"
    verb: ClassVar[str] = "pipeline.measures.log_returns"
    cost: ClassVar[float] = 20
    also_reads: ClassVar[tuple[str, ...]] = ("results/datasets/{run.name}.json",)
    says: ClassVar[str] = "every return of {run.name}"


@dataclass(frozen=True)
class PublishedCheckpoint(Run):
    """A checkpoint on the Hugging Face hub; `hub.lock` says at which commit and with which bytes."""

    kind: ClassVar[str] = "fetched"
    verb: ClassVar[str] = "pipeline.fetch_checkpoint"
    also_reads: ClassVar[tuple[str, ...]] = ("hub.lock",)
    cost: ClassVar[float] = 10
    says: ClassVar[str] = "{run.repository} at the commit in hub.lock"

    repository: str
    method: str
    files: tuple[str, ...] = ("config.json", "pytorch_model.bin")
    trained_on: str = "D4RL's halfcheetah-medium-v2"
    recorded_in: str = "HalfCheetah-v2"

    def modules(self, find: Find) -> tuple[str, ...]:
        """The verb alone: nothing is played."""
        return (self.verb,)

    def outputs(self) -> tuple[str, ...]:
        """The checkpoint, in this project's own form."""
        return checkpoint_files(self.name, self.method)


@dataclass(frozen=True)
class PublishedDecisionTransformer(PublishedCheckpoint):
    """What the published Decision Transformer's files leave out.

    The context's length was the default of old versions of transformers; the return's scale and the state's statistics stand
    on the model's card.
    """

    method: str = "decision_transformer"
    context_length: int = 20
    return_scale: float = 1000.0
    observation_mean: tuple[float, ...] = (
        -0.06845774, 0.01641455, -0.18354906, -0.27624607, -0.34061527, -0.09339716, -0.21321271, -0.08774239, 5.1730075,
        -0.04275195, -0.03610836, 0.14053793, 0.06049833, 0.09550975, 0.067391, 0.00562739, 0.01338279,
    )  # fmt: skip
    observation_std: tuple[float, ...] = (
        0.07472999, 0.30234998, 0.3020731, 0.34417078, 0.17619242, 0.5072056, 0.25670078, 0.32948127, 1.2574149,
        0.7600542, 1.9800916, 6.5653625, 7.4663677, 4.472223, 10.566964, 5.6719327, 7.498259,
    )  # fmt: skip


@dataclass(frozen=True)
class PublishedTrajectoryTransformer(PublishedCheckpoint):
    """What the published Trajectory Transformer's files leave out: the thresholds of its bins, made from a dataset."""

    method: str = "trajectory_transformer"
    data: str = "d4rl_halfcheetah_medium_v2"
