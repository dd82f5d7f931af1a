"""The simulators, many episodes at once.

HalfCheetah-v4 has 17 observation dimensions (8 positions without the root's x, then 9 velocities), 6 torques in
[-1, 1], a control step of 0.05 s (20 Hz), 1000 steps an episode and no early termination. Its reward is the forward
velocity in m/s minus 0.1 times the squared norm of the action (gymnasium/envs/mujoco/half_cheetah_v4.py).
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

import gymnasium
import numpy as np

from pipeline import PipelineError


def import_mujoco() -> ModuleType:
    """MuJoCo, which looks for OpenGL as soon as it is imported: not here, where nothing is drawn, whatever MUJOCO_GL says."""
    kept = {name: os.environ.pop(name) for name in ("MUJOCO_GL",) if name in os.environ}
    if "mujoco" not in sys.modules:  # else whoever draws has imported it
        os.environ["MUJOCO_GL"] = "disable"
    try:
        import mujoco
    finally:
        os.environ.pop("MUJOCO_GL", None)
        os.environ.update(kept)
    return mujoco


mujoco = import_mujoco()


def _warn(message: str) -> None:
    """Pass MuJoCo's warnings on, but for the one its own HalfCheetah model earns at every start."""
    if "settotalmass" not in message:
        warnings.warn(message, RuntimeWarning, stacklevel=2)


mujoco.set_mju_user_warning(_warn)

EPISODE_STEPS = {"HalfCheetah-v4": 1000}


def make(environment: str, render: bool = False, **options) -> gymnasium.Env:
    """One simulator. With `render` its `render()` returns frames as uint8 (height, width, 3).

    The two warnings gymnasium prints for every v4 environment are silenced: the version is the post's subject.
    """
    if render:
        options = {"render_mode": "rgb_array", "camera_name": "track", **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", message=".*out of date.*")
        return gymnasium.make(environment, disable_env_checker=True, **options)


def make_many(environment: str, count: int) -> gymnasium.vector.SyncVectorEnv:
    """`count` simulators stepped in lockstep, each seeded on its own: `reset(seed=[...])`."""
    return gymnasium.vector.SyncVectorEnv([lambda: make(environment)] * count)


def play(policy, environment: str, seeds: Sequence[int], steps: int | None = None, tick=lambda: None) -> dict[str, np.ndarray]:
    """Play one episode per seed, all in lockstep, and keep everything.

    Args:
        policy: anything with `reset(seeds)` and `act(observations, rewards) -> actions` (see `pipeline.policies`).
        environment: a gymnasium id.
        seeds: one per episode; each seeds its simulator and its policy's own randomness.
        steps: steps per episode; the environment's own length by default.
        tick: called once per time step, for progress.

    Returns:
        observations (episode, step, observation) float32, actions (episode, step, action) float32,
        rewards (episode, step) float64.

    Raises:
        PipelineError: the episodes' length is not known, or one ends early.
    """
    if not steps and environment not in EPISODE_STEPS:
        raise PipelineError(f"how long an episode of {environment} lasts is not known: known are {', '.join(EPISODE_STEPS)}")
    steps = steps or EPISODE_STEPS[environment]
    simulators = make_many(environment, len(seeds))
    try:
        policy.reset(seeds)
        observation, _ = simulators.reset(seed=list(seeds))
        reward = np.zeros(len(seeds))
        observations, actions, rewards = [], [], []
        for step in range(steps):
            action = np.asarray(policy.act(observation.astype(np.float32), reward), dtype=np.float32)
            observations.append(observation.astype(np.float32))
            observation, reward, terminated, *_ = simulators.step(action)
            if terminated.any():
                raise PipelineError(
                    f"{environment} ended the episode of seed {seeds[int(terminated.argmax())]} after {step + 1} steps, and "
                    "what an episode is worth that ends early is not known here: only episodes of one length can be played"
                )
            actions.append(action)
            rewards.append(reward)
            tick()
    finally:
        simulators.close()
    return {
        "observations": np.stack(observations, axis=1),
        "actions": np.stack(actions, axis=1),
        "rewards": np.stack(rewards, axis=1),
    }
