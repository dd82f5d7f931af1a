"""Statistics of returns: means with 95 % t-intervals over what was resampled."""

from __future__ import annotations

import numpy as np
from scipy import stats

from pipeline.returns import normalised_score


def t_interval(samples, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and the ends of its t-interval.

    A percentile bootstrap over a handful of samples covers far less than it says; Student's t does not.

    Args:
        samples: independent values, at least one; with one, or with no spread, the interval is the mean itself.
    """
    samples = np.asarray(samples, dtype=np.float64)
    mean = float(samples.mean())
    if len(samples) < 2:
        return mean, mean, mean
    half = float(stats.t.ppf(0.5 + confidence / 2, len(samples) - 1) * samples.std(ddof=1) / np.sqrt(len(samples)))
    return mean, mean - half, mean + half


def interval(samples, confidence: float = 0.95) -> dict[str, float]:
    """`t_interval` as named values: mean, low, high."""
    return dict(zip(("mean", "low", "high"), t_interval(samples, confidence), strict=True))


def pool(evaluations: list[dict]) -> dict:
    """One method's evaluations, one per training seed, as one row: what is resampled is training.

    A seed's many episodes enter as their mean, one sample, so the interval says how far another training of the same recipe
    on the same data might come out. It is not to be mixed with an interval over the episodes of one checkpoint, which leaves
    that out.

    Args:
        evaluations: the `values` of each seed's evaluation, all over the same number of episodes.

    Returns:
        seeds, episodes_per_seed, seed_means (seed,), score_sd over seeds, return_mean, return_low and return_high (95 %
        t-interval over seeds),
        score_mean, score_low and score_high (the same, D4RL-normalised), and resampled: what the interval is over.

    Raises:
        ValueError: there is none, or the seeds played different numbers of episodes.
    """
    counts = {len(values["returns"]) for values in evaluations}
    if len(counts) != 1:
        raise ValueError(f"pooling takes evaluations over one number of episodes, not over {sorted(counts)}")
    means = [float(np.mean(values["returns"])) for values in evaluations]
    found = interval(means)
    return {
        "seeds": len(means),
        "episodes_per_seed": counts.pop(),
        "seed_means": means,
        "score_sd": float(np.std(normalised_score(means), ddof=1)) if len(means) > 1 else 0.0,
        **{f"return_{end}": value for end, value in found.items()},
        **{f"score_{end}": float(normalised_score(value)) for end, value in found.items()},
        "resampled": "training seeds",
    }
