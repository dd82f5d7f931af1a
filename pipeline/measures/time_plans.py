"""Time LEAP's plans: one episode alone, one thread, what is seen encoded anew for each.

    python -m pipeline make latency/local_leap_go_to_local_s8n7

Seconds do not repeat, so this evidence names the machine and stands apart from what is solved.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.measures.time_actions import quantiles
from pipeline.methods import policies
from pipeline.worlds import levels

if TYPE_CHECKING:
    from pipeline.study.measurements import PlanLatency


def time_plans(policy, run: PlanLatency) -> np.ndarray:
    """Milliseconds of each counted plan, (plan,), each for the first view of another episode; warm-up left out."""
    simulator, milliseconds = levels.make(run.level), []
    for seed in tqdm(range(run.first_seed, run.first_seed + run.warmup_plans + run.plans), unit="plan", desc=run.name):
        levels.reset(simulator, seed)
        views = levels.observe([simulator])
        policy.reset([seed])
        began = time.perf_counter()
        policy.act(views, np.zeros(1, dtype=np.int64))
        milliseconds.append(1000 * (time.perf_counter() - began))
    return np.asarray(milliseconds[run.warmup_plans :])


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """Median and 95th percentile of one run's plans."""
    milliseconds = time_plans(policies.load(recipe.run), recipe.run)
    return Found({"plans": len(milliseconds), "threads": 1, **quantiles(milliseconds)})
