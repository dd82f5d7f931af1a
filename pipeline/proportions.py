"""Statistics of shares: successes among trials, with an interval that stays within 0 and 1."""

from __future__ import annotations

from scipy import stats


def wilson(successes: int, trials: int, confidence: float = 0.95) -> dict[str, float]:
    """A share with Wilson's score interval (Wilson 1927), as named values: mean, low, high.

    Unlike the interval by a normal curve it covers what it says for shares near 0 and 1 too, and never has no width.

    Raises:
        ValueError: there are no trials, or more successes than trials.
    """
    found = stats.binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return {"mean": successes / trials, "low": float(found.low), "high": float(found.high)}
