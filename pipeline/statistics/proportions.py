"""Statistics of shares: successes among trials, with an interval that stays within 0 and 1."""

from __future__ import annotations

from scipy import special


def wilson(successes: int, trials: int, confidence: float = 0.95) -> dict[str, float]:
    """A share with Wilson's score interval (Wilson 1927), as named values: mean, low, high.

    Unlike the interval by a normal curve it covers what it says for shares near 0 and 1 too, and never has no width.

    Raises:
        ValueError: there are no trials, or more successes than trials.
    """
    successes, trials = int(successes), int(trials)
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes among {trials} trials are no share")
    mean, z = successes / trials, float(special.ndtri(0.5 + confidence / 2))
    centre = (successes + z**2 / 2) / (trials + z**2)
    half = z / (trials + z**2) * (successes * (trials - successes) / trials + z**2 / 4) ** 0.5
    low = centre - half if successes > 0 else 0.0
    return {"mean": mean, "low": low, "high": centre + half if successes < trials else 1.0}
