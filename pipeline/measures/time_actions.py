"""Time a policy's actions: one episode alone, one thread.

    python -m pipeline make latency/local_dt_halfcheetah

Seconds do not repeat, so this evidence names the machine and stands apart from the returns.
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
from pipeline.worlds import environments


def time_actions(policy, run) -> np.ndarray:
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


def main() -> None:
    """Time one run and write its median, 95th percentile and machine."""
    parser = command.parser(__doc__, recipes.LATENCIES)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="write to results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.LATENCIES, arguments.into)
    torch.set_num_threads(1)
    milliseconds = time_actions(policies.module(recipe.run.method).load(recipe.run), recipe.run)
    values = {
        "actions": len(milliseconds),
        "threads": 1,
        "median_ms": float(np.median(milliseconds)),
        "p95_ms": float(np.percentile(milliseconds, 95)),
    }
    records.write(recipe, values, arguments.into)


if __name__ == "__main__":
    command.run(main)
