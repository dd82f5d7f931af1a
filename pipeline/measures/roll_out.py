"""Play one episode and keep the simulator's states, so that it can be drawn later, anywhere.

    python -m pipeline make rollouts/local_dt_halfcheetah_6000

The actions are kept too: played again from the same seed they must give the same states, which the tests check.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.statistics import summaries
from pipeline.worlds import environments


def roll_out(policy, environment: str, seed: int, steps: int) -> dict[str, np.ndarray]:
    """Positions (step, position) and velocities (step, velocity) before each action, actions (step, action), observations
    (step, observation), rewards (step,); fewer than `steps` where the episode ends early.
    """
    simulator = environments.make(environment)
    policy.reset([seed])
    observation, _ = simulator.reset(seed=seed)
    reward, terminated = 0.0, False
    kept: dict[str, list] = {name: [] for name in ("positions", "velocities", "observations", "actions", "rewards")}
    with tqdm(total=steps, unit="step", desc=f"seed {seed}") as bar:
        while len(kept["rewards"]) < steps and not terminated:
            data = simulator.unwrapped.data
            action = np.asarray(policy.act(observation[None].astype(np.float32), np.array([reward])), dtype=np.float32)[0]
            before = {"positions": data.qpos.copy(), "velocities": data.qvel.copy()}
            before |= {"observations": observation, "actions": action}
            observation, reward, terminated, *_ = simulator.step(action)
            for name, value in {**before, "rewards": reward}.items():
                kept[name].append(value)
            bar.update()
    simulator.close()
    return {name: np.asarray(values) for name, values in kept.items()}


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """The states of one run."""
    run, (played,) = recipe.run, recipe.holds
    states = roll_out(policies.load(played), played.environment, run.seed, run.steps)
    return Found(summaries.rolled_out(states), states)
