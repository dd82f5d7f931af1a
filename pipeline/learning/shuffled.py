"""Train as `learning.supervised` does, told the returns of other episodes: the control that must not obey."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline import PipelineError
from pipeline.data.episodes import Episodes
from pipeline.learning import datasets
from pipeline.learning.supervised import facts, prepare  # noqa: F401 - the same, on other data

if TYPE_CHECKING:
    from pipeline.study.controls import ShuffledTraining


def shuffled(whole: Episodes, seed: int) -> Episodes:
    """The episodes, each with the rewards, and so the returns to go, of one drawn without replacement.

    Raises:
        PipelineError: their lengths differ, so that one's rewards do not fit another.
    """
    if whole.lengths.min() < whole.lengths.max():
        raise PipelineError("only of episodes of one length can the returns be shuffled, and here lengths differ")
    order = np.random.default_rng(seed).permutation(len(whole))
    return replace(whole, rewards=whole.rewards[order])


def read(run: ShuffledTraining) -> Episodes:
    """The run's dataset, its returns shuffled over episodes; raises as `datasets.whole_dataset` does."""
    return shuffled(datasets.whole_dataset(run), run.seed)
