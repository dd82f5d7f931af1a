"""Statistics of returns: means with 95 % t-intervals over what was resampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from jaxtyping import Real


def t_interval(samples: list[float] | Real[np.ndarray, " sample"], confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and the ends of its t-interval.

    A percentile bootstrap over a handful of samples covers far less than it says; Student's t does not.

    Args:
        samples: independent values, at least one; with one, or with no spread, the interval is the mean itself.
    """
    samples = np.asarray(samples, dtype=np.float64)
    mean = float(samples.mean())
    if len(samples) < 2:
        return mean, mean, mean
    half = float(special.stdtrit(len(samples) - 1, 0.5 + confidence / 2) * samples.std(ddof=1) / np.sqrt(len(samples)))
    return mean, mean - half, mean + half


def interval(samples: list[float] | Real[np.ndarray, " sample"], confidence: float = 0.95) -> dict[str, float]:
    """`t_interval` as named values: mean, low, high."""
    return dict(zip(("mean", "low", "high"), t_interval(samples, confidence), strict=True))
