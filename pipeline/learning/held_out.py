"""Episodes, or demonstrations, that a training learns from, and the last of them, which are held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import PipelineError

if TYPE_CHECKING:
    from pipeline.study import trainings


def check_size(run: trainings.Training, data: str, episodes: int, steps: int) -> None:
    """Raise PipelineError unless a dataset leaves episodes to learn from, and a window fits into one, where windows must."""
    if episodes <= run.held_out_episodes:
        held_out = f"{run.name} holds out {run.held_out_episodes}"
        raise PipelineError(f"{data} has {episodes} episodes and {held_out}, so none is left to learn from")
    if steps < (window := getattr(run, "transitions", 1)):
        windows = f"{run.name} learns from windows of {window}"
        raise PipelineError(f"{data} has no episode of more than {steps} transitions, and {windows}")


def split(whole, run: trainings.Training) -> tuple:
    """Episodes, or demonstrations, to learn from, and the last ones, held out."""
    learnt = len(whole) - run.held_out_episodes
    return whole[:learnt], whole[learnt:]
