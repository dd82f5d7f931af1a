"""Hold what a planner imagines against what the simulator does under the same actions.

    python -m pipeline make imagination/local_tt_halfcheetah_k32

Along a rollout, plans are made anew from the recorded past. The simulator is put into the state each plan begins in, plays the
plan's actions, and its observations and rewards are compared with those imagined. Two yardsticks stand beside: that nothing
will change, and the rounding of the true observations to the planner's own bins.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from tqdm import tqdm

from pipeline import files
from pipeline.evidence import arrays, recipes, records
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.statistics.intervals import interval
from pipeline.worlds import environments

if TYPE_CHECKING:
    from pipeline.study.measurements import Imagination


def play_plan(simulator, position: np.ndarray, velocity: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Observations (step, observation) and rewards (step,) after each action (step, action), from a state."""
    simulator.reset(seed=0)
    simulator.unwrapped.set_state(position, velocity)
    played = [simulator.step(action.astype(np.float32))[:2] for action in actions]
    return np.array([observation for observation, _ in played]), np.array([reward for _, reward in played])


def limbs(simulator, observation: np.ndarray, x: float) -> np.ndarray:
    """Ends of the cheetah's limbs and trunk (limb, end, (x, z)) in metres, for an observation and the root's x."""
    model, data = simulator.unwrapped.model, mujoco.MjData(simulator.unwrapped.model)
    data.qpos[:] = [x, *observation[: model.nq - 1]]
    mujoco.mj_forward(model, data)
    capsules = [geom for geom in range(model.ngeom) if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE]
    axes = data.geom_xmat[capsules].reshape(-1, 3, 3)[:, :, 2] * model.geom_size[capsules, 1][:, None]
    centres = data.geom_xpos[capsules]
    return np.stack([centres - axes, centres + axes], axis=1)[..., [0, 2]]


def errors(imagined: np.ndarray, real: np.ndarray, scale: np.ndarray) -> list[dict]:
    """Root mean square over dimensions of the difference in units of `scale`, for each step ahead: mean, interval over plans.

    imagined, real: (plan, step, dimension).
    """
    each = np.sqrt(np.square((imagined - real) / scale).mean(axis=-1))
    return [interval(step) for step in each.T]


def summarize(
    policy, states: dict[str, np.ndarray], run: Imagination, environment: str, seed: int
) -> tuple[dict, dict[str, np.ndarray]]:
    """The evidence's values, and one plan's beams as arrays.

    Args:
        policy: a planner, with `encode`, `plan`, `discretizer` and `action`.
        states: a rollout (see `pipeline.measures.roll_out.roll_out`).
        run: from which step on, and how often, is planned.
        environment: the world that was played in.
        seed: the rollout's, from which plans draw.
    """
    context = policy.search.context
    steps = np.arange(max(run.first_step, context), len(states["rewards"]) - policy.search.horizon, run.every)
    observations = states["observations"]
    tokens = policy.encode(observations, states["actions"], states["rewards"])
    past = np.stack([tokens[step - context : step] for step in steps])
    plans = policy.plan(past, observations[steps], [[seed, int(step)] for step in steps])
    beams = policy.discretizer.decode(plans.tokens.numpy())
    best, width = beams[:, 0], observations.shape[1]
    simulator = environments.make(environment)
    played = [
        play_plan(simulator, states["positions"][step], states["velocities"][step], plan[:, policy.action])
        for step, plan in zip(tqdm(steps, unit="plan", desc=run.name), best, strict=True)
    ]
    real, rewards = (np.array(parts) for parts in zip(*played, strict=True))
    real, imagined, scale = real[:, :-1], best[:, 1:, :width], observations.std(axis=0)
    still = np.repeat(observations[steps][:, None], real.shape[1], axis=1)
    rounded = policy.discretizer.decode(policy.discretizer.encode(real))
    values = {
        "plans": len(steps),
        "beams": beams.shape[1],
        "steps_ahead": list(range(1, real.shape[1] + 1)),
        "imagined": errors(imagined, real, scale),
        "nothing_changes": errors(still, real, scale),
        "rounded_to_bins": errors(rounded, real, scale),
        "reward_imagined": [interval(step) for step in best[..., -2].T],
        "reward_real": [interval(step) for step in rewards.T],
        "reward_error": [interval(step) for step in np.abs(best[..., -2] - rewards).T],
        "gain_of_best_beam": interval(plans.scores[:, 0].numpy() - plans.scores[:, -1].numpy()),
    }
    shown = np.argsort(np.square((imagined - real) / scale)[:, -1].sum(axis=-1))[len(steps) // 2]  # neither luck nor bad luck
    drawn = draw_beams(simulator, beams[shown], real[shown], plans.scores[shown].numpy(), width)
    simulator.close()
    return values, drawn


def draw_beams(simulator, beams: np.ndarray, real: np.ndarray, scores: np.ndarray, width: int) -> dict[str, np.ndarray]:
    """One plan's beams as limbs at every step, and what became of the best: x counts from now.

    Args:
        simulator: places the limbs.
        beams: (beam, transition, dimension), what was imagined.
        real: (transition, observation), what followed when the best was played.
        scores: (beam,).
        width: of an observation.

    Returns:
        limbs (beam, transition, limb, end, 2), limbs_real (transition, limb, end, 2), scores (beam,).
    """
    speed = (width - 1) // 2  # the root's forward velocity, after the positions
    real = np.concatenate([beams[0, :1, :width], real])

    def place(observations: np.ndarray) -> np.ndarray:
        x = np.concatenate([[0.0], np.cumsum(observations[1:, speed] * simulator.unwrapped.dt)])
        return np.stack([limbs(simulator, *pair) for pair in zip(observations, x, strict=True)])

    return {
        "limbs": np.stack([place(beam[:, :width]) for beam in beams]).astype(np.float32),
        "limbs_real": place(real).astype(np.float32),
        "scores": scores.astype(np.float32),
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One run's values, and the beams of one of its plans."""
    run, (rolled, played) = recipe.run, recipe.holds
    source = recipes.ROLLOUTS[rolled.name]
    records.read(source.path())
    return Found(*summarize(policies.load(played), arrays.read(source), run, played.environment, rolled.seed))
