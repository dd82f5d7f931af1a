"""Time LEAP's plans: one episode alone, one thread, what is seen encoded anew for each.

    python -m pipeline make latency/local_leap_go_to_local_s8n7

Seconds do not repeat, so this evidence names the machine and stands apart from what is solved.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline import files, policies
from pipeline.evidence import recipes, records
from pipeline.graph import command
from pipeline.worlds import levels


def time_plans(policy, run) -> np.ndarray:
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


def main() -> None:
    """Time one run and write its median, 95th percentile and machine."""
    parser = command.parser(__doc__, recipes.PLAN_LATENCIES)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="write to results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.PLAN_LATENCIES, arguments.into)
    torch.set_num_threads(1)
    milliseconds = time_plans(policies.module(recipe.run.method).load(recipe.run), recipe.run)
    values = {
        "plans": len(milliseconds),
        "threads": 1,
        "median_ms": float(np.median(milliseconds)),
        "p95_ms": float(np.percentile(milliseconds, 95)),
    }
    records.write(recipe, values, arguments.into)


if __name__ == "__main__":
    command.run(main)
