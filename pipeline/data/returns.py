"""Returns and returns-to-go."""

from __future__ import annotations

import numpy as np


def returns_to_go(rewards: np.ndarray, discount: float = 1.0) -> np.ndarray:
    """Sum of the rewards from each step to the end: G_t = r_t + discount * G_{t+1}.

    Args:
        rewards: (..., step); the last axis is time.
        discount: 1 for the Decision Transformer (Chen et al. 2021, section 3).

    Returns:
        An array of the rewards' shape, float64.
    """
    rewards = np.asarray(rewards, dtype=np.float64)
    if discount == 1.0:
        return np.cumsum(rewards[..., ::-1], axis=-1)[..., ::-1]
    result = np.empty_like(rewards)
    running = np.zeros(rewards.shape[:-1])
    for step in reversed(range(rewards.shape[-1])):
        running = rewards[..., step] + discount * running
        result[..., step] = running
    return result
