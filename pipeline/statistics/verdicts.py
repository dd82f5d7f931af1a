"""What an interval decides, by the rule of docs/predicates.md, with how likely a rerun is to decide it again.

A p-value is that of Student's t over the same values; of several claims together the largest count that Holm's method rejects
(Holm 1979) is told by `holm`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from pipeline.statistics.intervals import t_interval

if TYPE_CHECKING:
    from jaxtyping import Int, Real, Shaped

OBEYS, DEAF = 0.5, 0.1  # slopes of the return got over the return asked
LEAST_RERUN = 0.9  # share of reruns that give the same verdict, below which it is withheld
DRAWS = 2000  # resamples, by which a rerun's verdicts are told


def follows(
    low: float | Real[np.ndarray, " draw"], high: float | Real[np.ndarray, " draw"]
) -> str | Shaped[np.ndarray, " draw"]:
    """Whether slopes with that interval obey or are deaf; of arrays of ends, an array of verdicts."""
    return np.select([low > OBEYS, high < DEAF], ["obeys", "deaf"], "undecided")[()]


def effect(
    mean: float | Real[np.ndarray, " draw"],
    low: float | Real[np.ndarray, " draw"],
    high: float | Real[np.ndarray, " draw"],
    smallest: float,
) -> str | Shaped[np.ndarray, " draw"]:
    """Whether a difference of that mean and interval holds, upwards, or is refuted, or is none as far as anyone cares; of
    arrays, an array of verdicts.

    Args:
        smallest: the smallest effect of interest.
    """
    holds, refuted = (low > 0) & (mean > smallest), (high < 0) & (mean < -smallest)
    none = (-smallest < low) & (high < smallest)
    return np.select([holds, refuted, none], ["holds", "refuted", "no effect"], "undecided")[()]


def rerun(samples: Sequence[float] | Real[np.ndarray, " sample"], judge: Callable) -> float:
    """Share of resamples of the same size, drawn with replacement, of which a verdict is the one of the samples themselves.

    Args:
        samples: a value per unit. judge: verdicts from means and the ends of their 95 % t-intervals, each a number or an array.
    """
    samples = np.asarray(samples, dtype=np.float64)
    mean, low, high = t_interval(samples)
    if low == high:  # so it is for every resample
        return 1.0
    drawn = samples[resamples(len(samples))]
    means = drawn.mean(axis=1)
    halves = drawn.std(axis=1, ddof=1) * (high - mean) / samples.std(ddof=1)  # an interval is as many deviations wide as any
    return float(np.mean(judge(means, means - halves, means + halves) == judge(mean, low, high)))


@functools.cache
def resamples(size: int) -> Int[np.ndarray, "draw sample"]:
    """Which of so many samples are drawn (DRAWS, size)."""
    return np.random.default_rng(0).integers(size, size=(DRAWS, size))


def p_above(samples: Sequence[float] | Real[np.ndarray, " sample"], bound: float) -> float:
    """One-sided p-value of Student's t against a mean that is not above a bound; without spread 0 or 1."""
    samples = np.asarray(samples, dtype=np.float64)
    error = samples.std(ddof=1) / np.sqrt(len(samples))
    if error == 0:
        return float(samples.mean() <= bound)
    return float(special.stdtr(len(samples) - 1, (bound - samples.mean()) / error))


def p_below(samples: Sequence[float] | Real[np.ndarray, " sample"], bound: float) -> float:
    """One-sided p-value against a mean that is not below a bound."""
    return p_above(-np.asarray(samples), -bound)


def p_within(samples: Sequence[float] | Real[np.ndarray, " sample"], bound: float) -> float:
    """p-value of equivalence: against a mean that is not between -bound and bound (two one-sided tests)."""
    return max(p_above(samples, -bound), p_below(samples, bound))


def mcnemar(won: int, lost: int) -> float:
    """Two-sided exact p-value of pairs of which so many were won and lost (McNemar 1947); the others tell nothing."""
    return min(1.0, 2 * float(special.bdtr(min(won, lost), won + lost, 0.5)))


def holm(values: dict[str, float], claims: int) -> dict[str, float]:
    """p-values by claim, adjusted for as many claims as there are; those without a value yet count as 1."""
    adjusted, most = {}, 0.0
    for rank, name in enumerate(sorted(values, key=values.get)):
        most = max(most, min(1.0, (claims - rank) * values[name]))
        adjusted[name] = most
    return adjusted
