"""Train as `learning.supervised` does, but at a constant rate from the warm-up on, with checkpoints on the way."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import torch

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.learning import float16, loop, supervised
from pipeline.learning.held_out import split
from pipeline.learning.loop import Tick, Training
from pipeline.learning.supervised import facts, read  # noqa: F401 - the same

if TYPE_CHECKING:
    from pipeline.study.controls import SteadyTraining


def constant_rate(run: SteadyTraining, update: int) -> float:
    """Linear warm-up, then the run's learning rate."""
    return min(run.learning_rate, run.learning_rate * (update + 1) / run.warmup_updates)


def prepare(run: SteadyTraining, whole: Episodes) -> Training:
    """A new model, of which a checkpoint is written at each of `run.snapshots`.

    Raises:
        PipelineError: a snapshot would lie between two intervals, or after the end, and never be written.
    """
    if missed := [updates for updates in run.snapshots if updates % run.interval_updates or updates > run.updates]:
        reason = f"no interval of {run.interval_updates}, of {run.updates} in all, ends there"
        raise PipelineError(f"{run.name} cannot be kept after {missed[0]} updates: {reason}")
    snapshot = importlib.import_module(f"pipeline.methods.{run.method}.model").build(run, split(whole, run)[0])
    training = supervised.prepare(run, whole, constant_rate)

    def interval(number: int, tick: Tick) -> dict[str, float]:
        point = training.interval(number, tick)
        if point["updates"] in run.snapshots:
            snapshot.load_state_dict(checkpoints.subset(training.state(), "model."))
            write_snapshot(f"{run.name}_{point['updates']}", snapshot, {"Recipe": loop.settings(run), **float16.about()})
        return point

    return training._replace(interval=interval)


def write_snapshot(name: str, model: torch.nn.Module, told: dict[str, str]) -> None:
    """Write a model as it is on the way; its card has no curve."""
    loop.check_finite(name, float16.halved(model))
    lines = (f"- **{title}**: {text}\n" for title, text in told.items())
    float16.write_halved(files.ROOT / "checkpoints" / name, model, f"# {name}\n\n{''.join(lines)}")
