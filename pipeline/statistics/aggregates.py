"""Scores of many tasks as one number: interquartile means, stratified bootstrap, performance profiles.

Source: Agarwal et al. 2021 (arXiv 2108.13264). What is resampled is training: of each task as many trainings as it has, with
replacement, tasks apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from jaxtyping import Float, Real

    Tasks = Sequence[Real[np.ndarray, " _"]]  # scores (training,) by task, each with as many trainings as it has

DRAWS = 10_000
CUT = 0.25  # of all scores, at either end


def interquartile_mean(*tasks: Real[np.ndarray, "... _"], axis: int = -1) -> np.floating | np.ndarray:
    """Mean of the scores of all tasks together, the lowest and the highest quarter left out (their count rounded down).

    Args:
        tasks: scores (..., training) of each task.
        axis: of trainings.
    """
    return stats.trim_mean(np.concatenate(tasks, axis=axis), CUT, axis=axis)


def stratified(statistic, tasks: Tasks, seed: int = 0) -> dict[str, float]:
    """A statistic with its 95 % percentile interval by stratified bootstrap: mean (of the sample itself), low, high.

    Args:
        statistic: of tasks, each (..., training), along `axis`.
        tasks: at least two trainings each.
        seed: of the draws.
    """
    options = {"n_resamples": DRAWS, "method": "percentile", "vectorized": True, "paired": False}
    found = stats.bootstrap(tuple(tasks), statistic, rng=np.random.default_rng(seed), **options).confidence_interval
    return {"mean": float(statistic(*tasks, axis=-1)), "low": float(found.low), "high": float(found.high)}


def aggregate(tasks: Tasks) -> dict[str, float]:
    """`interquartile_mean`, with its interval."""
    return stratified(interquartile_mean, tasks)


def gain(one: Tasks, other: Tasks) -> dict[str, float]:
    """How much higher one method's interquartile mean is than another's over the same tasks, with its interval."""

    def difference(*tasks: np.ndarray, axis: int = -1) -> np.ndarray:
        return interquartile_mean(*tasks[: len(one)], axis=axis) - interquartile_mean(*tasks[len(one) :], axis=axis)

    return stratified(difference, [*one, *other])


def profile(tasks: Tasks, thresholds: Real[np.ndarray, " threshold"]) -> Float[np.ndarray, " threshold"]:
    """Share (threshold,) of trainings whose score is above each threshold, every task counted alike."""
    return np.mean([(np.asarray(scores)[:, None] > thresholds).mean(axis=0) for scores in tasks], axis=0)
