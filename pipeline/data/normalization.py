"""From transitions to tokens: normalization, windows, and the order in which tokens stand."""

from __future__ import annotations

import numpy as np


def observation_statistics(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each observation dimension over all transitions, float32.

    The standard deviation gets 1e-6 added, as in kzl/decision-transformer:gym/experiment.py.
    """
    flat = observations.reshape(-1, observations.shape[-1]).astype(np.float64)
    return flat.mean(axis=0).astype(np.float32), (flat.std(axis=0) + 1e-6).astype(np.float32)
