"""The simulators of the worlds, many episodes at once."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

import gymnasium
import numpy as np

from pipeline.worlds.world import find_world


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
    """Pass MuJoCo's warnings on, but for the one its own models earn at every start."""
    if "settotalmass" not in message:
        warnings.warn(message, RuntimeWarning, stacklevel=2)


mujoco.set_mju_user_warning(_warn)


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


def masked(values: np.ndarray, playing: np.ndarray) -> np.ndarray:
    """Values (episode, ...), zeros for episodes that are not `playing` (episode,), whatever stood there."""
    return np.where(playing.reshape(-1, *[1] * (values.ndim - 1)), values, 0)


def pad_steps(rows: list[np.ndarray], steps: int) -> np.ndarray:
    """Values (episode, ...) of the first time steps as one array (episode, `steps`, ...), zeros after the last of them."""
    known = np.stack(rows, axis=1)
    return np.concatenate([known, np.zeros((len(known), steps - len(rows), *known.shape[2:]), known.dtype)], axis=1)


def play(policy, environment: str, seeds: Sequence[int], steps: int | None = None, tick=lambda: None) -> dict[str, np.ndarray]:
    """Play one episode per seed, all in lockstep, and keep everything.

    An episode that reaches a terminal state is over. It stays in the batch, so that how a policy's arithmetic rounds does not
    hang on who else has fallen, but from then on its observations and rewards are shown as zeros and its actions are dropped.

    Args:
        policy: anything with `reset(seeds)` and `act(observations, rewards) -> actions` (see `pipeline.methods.policies`).
        environment: a gymnasium id.
        seeds: one per episode; each seeds its simulator and its policy's own randomness.
        steps: steps an episode takes at most; the world's own limit by default.
        tick: called once per time step, for progress.

    Returns:
        observations (episode, step, observation) float32, actions (episode, step, action) float32 and rewards (episode, step)
        float64, zeros once an episode is over; lengths (episode,) int64, steps until then; terminated (episode,) bool, whether
        a terminal state ended it, and not the want of steps.

    Raises:
        PipelineError: the world is not known, and with it the episodes' limit.
    """
    steps = steps or find_world(environment).episode_steps
    simulators = make_many(environment, len(seeds))
    try:
        policy.reset(seeds)
        observation, _ = simulators.reset(seed=list(seeds))
        reward, lengths = np.zeros(len(seeds)), np.zeros(len(seeds), dtype=np.int64)
        playing, ended = np.ones(len(seeds), dtype=bool), np.zeros(len(seeds), dtype=bool)
        observations, actions, rewards = [], [], []
        while len(rewards) < steps and playing.any():
            observations.append(observation.astype(np.float32))
            action = np.asarray(policy.act(observations[-1].copy(), reward), dtype=np.float32)
            actions.append(masked(action, playing))
            observation, reward, terminated, *_ = simulators.step(actions[-1])
            rewards.append(masked(reward, playing))
            lengths += playing
            ended |= playing & terminated
            playing = playing & ~terminated
            observation, reward = masked(observation, playing), masked(reward, playing)
            tick()
    finally:
        simulators.close()
    return {
        "observations": pad_steps(observations, steps),
        "actions": pad_steps(actions, steps),
        "rewards": pad_steps(rewards, steps),
        "lengths": lengths,
        "terminated": ended,
    }
