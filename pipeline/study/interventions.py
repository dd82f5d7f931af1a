"""What is taken from a model, or told to it, to see what hangs on it: kinds of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.measurements import Evaluation
from pipeline.study.run import Find, Run, checkpoint_files, contexts_file, results


@dataclass(frozen=True)
class AveragedEvaluation(Evaluation):
    """Episodes of a Decision Transformer of which one attention head says the same to every token."""

    also_reads: ClassVar[tuple[str, ...]] = ("checkpoints/contexts/{run.contexts}.safetensors",)

    layer: int = 0
    head: int = 0
    said: str = "mean"  # its mean output on the contexts; or random, a direction of the same norm
    contexts: str = "halfcheetah"


@dataclass(frozen=True)
class ListenedEvaluation(Evaluation):
    """Episodes of the recorder's mode, moved as its dice fell in episodes of the return that is asked for."""

    also_reads: ClassVar[tuple[str, ...]] = ("results/listeners/{run.listener}.json",)

    listener: str = "local_listener_halfcheetah"


@dataclass(frozen=True)
class Listener(Run):
    """What the returns of a log tell of its recorder's dice."""

    kind: ClassVar[str] = "listeners"
    verb: ClassVar[str] = "pipeline.measures.regress_dice"
    also_reads: ClassVar[tuple[str, ...]] = ("results/datasets/{run.data}.json",)
    cost: ClassVar[float] = 30
    says: ClassVar[str] = "dice of {run.data} by the return to go"

    data: str


@dataclass(frozen=True)
class SwappedReturns(Run):
    """How far a Decision Transformer's actions move when contexts swap returns, at steps of the last episodes of a log."""

    kind: ClassVar[str] = "swapped_returns"
    verb: ClassVar[str] = "pipeline.measures.swap_returns"
    cost: ClassVar[float] = 20
    says: ClassVar[str] = "{run.contexts} contexts of {run.data} told one another's returns"

    checkpoint: str
    control: str  # a training that was told other episodes' returns
    data: str
    steps: tuple[int, ...] = (0, 200, 500)
    contexts: int = 64
    method: str = "decision_transformer"

    def inputs(self, find: Find) -> tuple[str, ...]:
        """Both checkpoints, and the log's statistics."""
        return (*checkpoint_files(self.checkpoint), *checkpoint_files(self.control), *results("datasets", self.data))


@dataclass(frozen=True)
class OfTrainings(Run):
    """What several trainings of one recipe show on fixed contexts."""

    def inputs(self, find: Find) -> tuple[str, ...]:
        """All checkpoints, and the contexts."""
        files = (file for name in self.checkpoints for file in checkpoint_files(name, self.method))
        return (*files, contexts_file(self.contexts))

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return self.cost * len(self.checkpoints)


@dataclass(frozen=True)
class AttentionByTraining(OfTrainings):
    """Where several trainings of one recipe look, on fixed contexts, each beside an untrained twin."""

    kind: ClassVar[str] = "attention_by_training"
    verb: ClassVar[str] = "pipeline.measures.attend_trainings"
    cost: ClassVar[float] = 10
    says: ClassVar[str] = "{method}: attention of several trainings"

    method: str
    checkpoints: tuple[str, ...]
    contexts: str = "halfcheetah"


@dataclass(frozen=True)
class HiddenKeys(OfTrainings):
    """What it costs trainings of one recipe of the Trajectory Transformer that keys are hidden from their attention."""

    kind: ClassVar[str] = "hidden_keys"
    verb: ClassVar[str] = "pipeline.measures.hide_keys"
    cost: ClassVar[float] = 40
    says: ClassVar[str] = "losses of several trainings with keys hidden from attention"

    checkpoints: tuple[str, ...]
    contexts: str = "halfcheetah"
    method: str = "trajectory_transformer"
