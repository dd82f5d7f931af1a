"""Policies that a user brings in a file: played, timed and ranked apart from the evidence, and never part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.measurements import Evaluation
from pipeline.study.run import Find

FORMATS = {".py": "python_file", ".zip": "stable_baselines_file", ".onnx": "onnx_file", ".pt": "torchscript_file"}  # method


@dataclass(frozen=True)
class OwnEvaluation(Evaluation):
    """Whole episodes played by the policy in a file, in the seeds that evaluations have; then its actions are timed."""

    kind: ClassVar[str] = "policies"
    verb: ClassVar[str] = "pipeline.measures.evaluate_file"

    file: str = ""
    function: str | None = None  # of a .py file: what returns the policy
    reads: tuple[str, ...] = ()  # other files whose bytes decide what it does
    actions: int = 500  # that are timed
    warmup_actions: int = 50

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The files whose bytes matter."""
        return (self.file, *self.reads)

    def about(self, find: Find) -> str:
        """One line about it."""
        return f"{self.episodes} episodes of {self.file}{self.asked()}"
