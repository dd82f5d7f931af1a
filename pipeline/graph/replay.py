"""Play recorded episodes again, step by step from what was recorded, where whole episodes are too much or chaos too strong.

    python -m pipeline.graph.replay local_dt_halfcheetah_6000

Prints what it found as JSON.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch

from pipeline.evidence import arrays, recipes
from pipeline.evidence.records import Recipe
from pipeline.graph import command
from pipeline.methods import policies
from pipeline.worlds import environments

Steps = range | None  # of an episode; None for all


def one_step(environment: str, seed: int, states: dict[str, np.ndarray]) -> float:
    """Largest absolute difference of positions, velocities, observations and rewards: those recorded, and those one step of the
    simulator after each recorded state, under the recorded action. The first state is the seed's.

    Args:
        states: a rollout (see `pipeline.measures.roll_out.roll_out`).
    """
    simulator = environments.make(environment)
    observation, _ = simulator.reset(seed=seed)
    data, far = simulator.unwrapped.data, 0.0
    for step in range(len(states["actions"])):
        if step:
            simulator.unwrapped.set_state(states["positions"][step - 1], states["velocities"][step - 1])
            observation, reward, *_ = simulator.step(states["actions"][step - 1])
            far = max(far, abs(reward - states["rewards"][step - 1]))
        found = {"positions": data.qpos, "velocities": data.qvel, "observations": observation}
        far = max(far, *(np.abs(found[name] - states[name][step]).max() for name in found))
    simulator.unwrapped.set_state(states["positions"][-1], states["velocities"][-1])
    _, reward, *_ = simulator.step(states["actions"][-1])
    simulator.close()
    return float(max(far, abs(reward - states["rewards"][-1])))


def actions(policy, seed: int, states: dict[str, np.ndarray], steps: Steps = None) -> np.ndarray:
    """Actions (step, action) of a policy that is told the recorded observations and rewards, whatever it did itself.

    A planner is also told the recorded actions, and can begin anywhere: it knows the last transitions alone.
    """
    steps = steps or range(len(states["actions"]))
    plans = hasattr(policy, "search")
    policy.reset([seed])
    if plans:
        first = max(0, steps.start - policy.search.context)
        past = [states[name][first : steps.start] for name in ("observations", "actions", "rewards")]
        policy.past = policy.encode(past[0].astype(np.float32), *past[1:])[None]
        policy.step = steps.start
        if steps.start:
            policy.observations, policy.actions = (states[name][[steps.start - 1]] for name in ("observations", "actions"))
            policy.observations, policy.past = policy.observations.astype(np.float32), policy.past[:, :-1]
    taken = []
    for step in steps if plans else range(steps.stop):
        reward = states["rewards"][[step - 1]] if step else np.zeros(1)
        taken.append(np.asarray(policy.act(states["observations"][[step]].astype(np.float32), reward), dtype=np.float32)[0])
        if plans:
            policy.actions = states["actions"][[step]]
    return np.stack(taken)[-len(steps) :]


def rollout(recipe: Recipe, steps: Steps = None) -> dict:
    """How a recorded episode agrees with the simulator and with the policy, one step at a time.

    Returns:
        steps; step: see `one_step`; action: largest difference of an action, and same: share of steps at which all of it is the
        same, both over `steps`; in_tokens: whether actions come as tokens, so that they are the same or far apart.
    """
    torch.set_num_threads(1)
    run = recipe.run
    evaluated = recipes.EVALUATIONS[run.evaluation].run
    states = arrays.read(recipe)
    policy = policies.load(evaluated)
    steps = steps or range(len(states["actions"]))
    recorded, taken = states["actions"][steps.start : steps.stop], actions(policy, run.seed, states, steps)
    return {
        "steps": len(steps),
        "step": one_step(evaluated.environment, run.seed, states),
        "action": float(np.abs(taken - recorded).max()),
        "same": float((taken == recorded).all(axis=1).mean()),
        "in_tokens": hasattr(policy, "search"),
    }


def main() -> None:
    """Print what is found of one rollout."""
    print(json.dumps(rollout(recipes.ROLLOUTS[sys.argv[1]])))


if __name__ == "__main__":
    command.run(main)
