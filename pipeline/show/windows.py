"""Which seconds of recorded episodes a film shows: a stated rule, so that no film flatters a method."""

from __future__ import annotations

import numpy as np


def fairest(positions: list[np.ndarray], returns: list[float], frames: int) -> int:
    """The first step of the window whose distances stand most nearly in the ratio of mean returns.

    A return is a thousand times the mean speed less the price of effort, so that the runner with the higher mean return is
    shown covering as much more ground as its return is higher. Runners with a mean return below 0 do not take part.

    Args:
        positions: for every runner, how far it had come at each recorded step (step,), meters.
        returns: for every runner, its mean return over all evaluated episodes.
        frames: how many steps the film shows.

    Returns:
        Of windows that are equally near, the first.
    """
    taking_part = [(place, mean) for place, mean in zip(positions, returns, strict=True) if mean > 0]
    wanted = np.array([mean for _, mean in taking_part]) / sum(mean for _, mean in taking_part)
    starts = np.arange(min(len(place) for place, _ in taking_part) - frames + 1)
    covered = np.stack([place[starts + frames - 1] - place[starts] for place, _ in taking_part])
    shares = covered / covered.sum(axis=0)
    return int(np.argmin(np.square(shares - wanted[:, None]).sum(axis=0)))
