"""Scores of many tasks as one number: interquartile means, stratified bootstrap, performance profiles.

Source: Agarwal et al. 2021 (arXiv 2108.13264). What is resampled is training: of each task as many trainings as it has, with
replacement, tasks apart. The draws have a seed, so that an interval is the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Real

    Tasks = Sequence[Real[np.ndarray, " _"]]  # scores (training,) by task, each with as many trainings as it has

DRAWS = 10_000
CUT = 0.25  # of all scores, at either end
ENDS = (2.5, 97.5)  # percent of the draws below the ends of an interval


def interquartile_mean(scores: Real[np.ndarray, "... score"]) -> np.floating | np.ndarray:
    """Mean (...) of scores (..., score), the lowest and the highest quarter left out, their count rounded down."""
    cut = int(CUT * scores.shape[-1])
    return np.sort(scores, axis=-1)[..., cut : scores.shape[-1] - cut].mean(axis=-1)


def drawn(tasks: Tasks, seed: int) -> Float[np.ndarray, " draw"]:
    """`interquartile_mean` (draw,) of all tasks together, in samples drawn from the trainings of each.

    Args:
        seed: of the draws.
    """
    generator = np.random.default_rng(seed)
    samples = [np.asarray(each, float)[generator.integers(len(each), size=(DRAWS, len(each)))] for each in tasks]
    return interquartile_mean(np.concatenate(samples, axis=-1))


def together(methods: dict[str, Tasks]) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Methods over the same tasks, each as one number, and what each but the first gains over the first.

    Args:
        methods: scores by method; each method's trainings are its own, and drawn by a seed of its own.

    Returns:
        By method `mean` (of the sample itself), `low` and `high` (95 % percentile interval) of the interquartile mean; and of
        the difference of two of them.
    """
    own = {name: float(interquartile_mean(np.concatenate(tasks))) for name, tasks in methods.items()}
    draws = {name: drawn(tasks, seed) for seed, (name, tasks) in enumerate(methods.items())}
    first, *others = methods

    def interval(mean: float, samples: np.ndarray) -> dict[str, float]:
        low, high = np.percentile(samples, ENDS)
        return {"mean": mean, "low": float(low), "high": float(high)}

    alone = {name: interval(own[name], draws[name]) for name in methods}
    return alone, {name: interval(own[name] - own[first], draws[name] - draws[first]) for name in others}


def profile(tasks: Tasks, thresholds: Real[np.ndarray, " threshold"]) -> Float[np.ndarray, " threshold"]:
    """Share (threshold,) of trainings whose score is above each threshold, every task counted alike."""
    return np.mean([(np.asarray(scores)[:, None] > thresholds).mean(axis=0) for scores in tasks], axis=0)
