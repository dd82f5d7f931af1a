"""The simulator: recorded transitions replay, and lockstep keeps episodes apart."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.evidence import arrays, recipes
from pipeline.policies.random_actions import RandomPolicy
from pipeline.worlds import environments


@pytest.mark.parametrize("name", recipes.SOURCES["local"]["roll_out"])
def test_recorded_transitions_replay_exactly(name):
    states = arrays.read(recipes.ROLLOUTS[name])
    simulator = environments.make("HalfCheetah-v4")
    observation, _ = simulator.reset(seed=recipes.ROLLOUTS[name].run.seed)
    for step in range(100):
        np.testing.assert_allclose(observation, states["observations"][step], rtol=0, atol=1e-9)
        observation, reward, *_ = simulator.step(states["actions"][step])
        assert reward == pytest.approx(states["rewards"][step], abs=1e-9)
    simulator.close()


def test_an_episode_does_not_depend_on_its_batch_mates():
    together = environments.play(RandomPolicy(), "HalfCheetah-v4", [5, 6, 7], steps=30)
    alone = environments.play(RandomPolicy(), "HalfCheetah-v4", [6], steps=30)
    for name, values in together.items():
        assert np.array_equal(values[1], alone[name][0])


class Still:
    """A policy of three torques that does nothing."""

    def reset(self, seeds):
        self.count = len(seeds)

    def act(self, observations, rewards):
        return np.zeros((self.count, 3), np.float32)


def test_an_environment_that_ends_episodes_early_is_refused():
    with pytest.raises(PipelineError, match="how long an episode of Hopper-v4 lasts is not known"):
        environments.play(Still(), "Hopper-v4", [100])
    with pytest.raises(
        PipelineError, match=r"Hopper-v4 ended the episode of seed 10[01] after \d+ steps, .* is not known"
    ) as error:
        environments.play(Still(), "Hopper-v4", [100, 101], steps=1000)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("setting", ["cgl", "nonsense", None])
def test_what_draws_nothing_ignores_settings_of_opengl(setting):
    code = (
        "import os; from pipeline.worlds import environments; print(environments.mujoco.__name__, os.environ.get('MUJOCO_GL'))"
    )
    surroundings = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"}
    surroundings |= {"MUJOCO_GL": setting} if setting else {}
    done = subprocess.run([sys.executable, "-c", code], cwd=files.ROOT, env=surroundings, capture_output=True, text=True)
    assert done.stdout.split() == ["mujoco", str(setting)], done.stderr


def test_the_reward_is_forward_speed_less_a_price_for_effort():
    simulator = environments.make("HalfCheetah-v4")
    simulator.reset(seed=0)
    before = simulator.unwrapped.data.qpos[0]
    action = np.full(6, 0.5, dtype=np.float32)
    _, reward, *_ = simulator.step(action)
    speed = (simulator.unwrapped.data.qpos[0] - before) / 0.05
    assert reward == pytest.approx(speed - 0.1 * 6 * 0.25, abs=1e-6)
    simulator.close()
