"""Time a policy's actions: one episode alone, one thread.

    python -m pipeline make latency/local_dt_halfcheetah

Seconds do not repeat, so this evidence names the machine and stands apart from the returns.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.worlds import environments

if TYPE_CHECKING:
    from pipeline.study.measurements import Latency


def time_actions(policy, run: Latency) -> np.ndarray:
    """Milliseconds of each counted `act` call, (action,), warm-up left out; where an episode ends early, another follows."""
    simulators = environments.make_many(run.environment, 1)
    policy.reset([0])
    observation, _ = simulators.reset(seed=[0])
    reward, milliseconds = np.zeros(1), []
    for _ in tqdm(range(run.warmup_actions + run.actions), unit="action", desc=run.name):
        began = time.perf_counter()
        action = policy.act(observation.astype(np.float32), reward)
        milliseconds.append(1000 * (time.perf_counter() - began))
        observation, reward, terminated, *_ = simulators.step(action)
        if terminated.any():  # the next action is the first of another episode
            policy.reset([len(milliseconds)])
            observation, _ = simulators.reset(seed=[len(milliseconds)])
            reward = np.zeros(1)
    simulators.close()
    return np.asarray(milliseconds[run.warmup_actions :])


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """Median and 95th percentile of one run's actions."""
    milliseconds = time_actions(policies.load(recipe.run), recipe.run)
    return Found({"actions": len(milliseconds), "threads": 1, **quantiles(milliseconds)})


def quantiles(milliseconds: np.ndarray) -> dict[str, float]:
    """Median and 95th percentile."""
    return {"median_ms": float(np.median(milliseconds)), "p95_ms": float(np.percentile(milliseconds, 95))}
