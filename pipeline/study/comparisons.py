"""Results taken together, and held against one another: kinds of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.run import Find, Run, results


@dataclass(frozen=True)
class Pool(Run):
    """Evaluations of one recipe trained with several seeds, taken together."""

    kind: ClassVar[str] = "pooled"
    verb: ClassVar[str] = "pipeline.measures.pool"

    members: tuple[str, ...]  # evaluations, one a seed

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The evaluations."""
        return results("evaluations", *self.members)

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"{len(self.members)} training seeds of {self.name} as one row"


@dataclass(frozen=True)
class Comparison(Run):
    """Results held against one another: a slope over several, or a difference of two, of the kind `of`."""

    kind: ClassVar[str] = "compared"
    verb: ClassVar[str] = "pipeline.measures.compare"
    of: ClassVar[str] = "evaluations"

    def compared(self) -> tuple[str, ...]:
        """Their names."""
        return self.one, self.other

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The results."""
        return results(self.of, *self.compared())

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"{'slope' if hasattr(self, 'evaluations') else 'difference'} over {len(self.compared())} results"


@dataclass(frozen=True)
class Slope(Comparison):
    """How far the return got follows the return asked, over evaluations with paired seeds."""

    evaluations: tuple[str, ...]
    reach: float  # targets up to here lie within what the data show

    def compared(self) -> tuple[str, ...]:
        """Their names."""
        return self.evaluations


@dataclass(frozen=True)
class Difference(Comparison):
    """How far one pooled method scores above another."""

    of: ClassVar[str] = "pooled"

    one: str
    other: str


@dataclass(frozen=True)
class PairedDifference(Comparison):
    """How far one policy's returns lie above another's in episodes of the same seeds."""

    one: str  # evaluations, of which the seeds that both played count
    other: str


@dataclass(frozen=True)
class Asked(Comparison):
    """Whether a policy obeys: asked for the return quantiles of the log it learned from, and for more than the log's best."""

    evaluations: tuple[str, ...]  # of paired seeds, from the least return asked to the most
    beyond: str | None = None

    def compared(self) -> tuple[str, ...]:
        """Their names."""
        return (*self.evaluations, *filter(None, [self.beyond]))


@dataclass(frozen=True)
class Effect(PairedDifference):
    """A paired difference of scores, judged by the smallest effect of interest."""

    smallest: float = 0.5  # points of normalized score


@dataclass(frozen=True)
class FurtherEffect(Effect):
    """The same over a sample that went on: the same two, played with further seeds, as evaluations of their own."""

    further_one: str = ""
    further_other: str = ""

    def compared(self) -> tuple[str, ...]:
        """Their names, the further ones last."""
        return self.one, self.other, self.further_one, self.further_other


@dataclass(frozen=True)
class SolvedEffect(Comparison):
    """How much larger a share of the same episodes of a level one solves than the other, judged likewise."""

    of: ClassVar[str] = "solved"

    one: str  # each a `Solving`
    other: str
    smallest: float = 0.05  # of episodes


@dataclass(frozen=True)
class Matrix(Comparison):
    """Methods over several logs, a few trainings each: scores by log, and all logs of a kind taken together."""

    kind: ClassVar[str] = "matrix"
    of: ClassVar[str] = "suite"
    evaluations: ClassVar[tuple[str, ...]] = ()  # of checkpoints: none

    kinds: tuple[tuple[str, tuple[str, ...]], ...]  # of logs: what they are called, and the logs
    methods: tuple[str, ...]  # the first is what the others are held against
    trainings: int
    smallest: float = 2.0  # points of score

    def compared(self) -> tuple[str, ...]:
        """Their names."""
        logs = [log for _, found in self.kinds for log in found]
        return tuple(self.entry(log, method, seed) for log in logs for method in self.methods for seed in range(self.trainings))

    @staticmethod
    def entry(log: str, method: str, seed: int) -> str:
        """The name of one training on one log."""
        return f"{log}_{method}_s{seed}"

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"{len(self.methods)} methods over {len(self.compared()) // len(self.methods) // self.trainings} logs"


@dataclass(frozen=True)
class SlopeDifference(Comparison):
    """How far one policy obeys more than another, seed by seed."""

    of: ClassVar[str] = "compared"

    one: str  # each an `Asked`
    other: str
    smallest: float = 0.1
