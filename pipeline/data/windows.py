"""Which window of a dataset comes next: drawn evenly from all there are."""

from __future__ import annotations

import math

import numpy as np


def draw(generator: np.random.Generator, counts: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """`size` of the windows of episodes that have `counts` (episode,) of them, each as likely as any other.

    All windows, one episode's after the other's, are cut into equal parts, as many as there are episodes where these have
    equally many; a window is a part drawn, and a place drawn in it.

    Returns:
        The episode's number and the window's number in it, each (size, 1) int64.
    """
    total = int(counts.sum())
    parts = math.gcd(len(counts), total)
    part, place = (generator.integers(high, size=(size, 1)) for high in (parts, total // parts))
    window, ends = part * (total // parts) + place, counts.cumsum()
    episode = np.searchsorted(ends, window, side="right")
    return episode, window - (ends - counts)[episode]
