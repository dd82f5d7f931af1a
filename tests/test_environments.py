"""The simulator: recorded transitions replay, and lockstep keeps episodes apart."""

import numpy as np
import pytest

from pipeline import arrays, environments, recipes
from pipeline.policies.random_actions import RandomPolicy


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


def test_the_reward_is_forward_speed_less_a_price_for_effort():
    simulator = environments.make("HalfCheetah-v4")
    simulator.reset(seed=0)
    before = simulator.unwrapped.data.qpos[0]
    action = np.full(6, 0.5, dtype=np.float32)
    _, reward, *_ = simulator.step(action)
    speed = (simulator.unwrapped.data.qpos[0] - before) / 0.05
    assert reward == pytest.approx(speed - 0.1 * 6 * 0.25, abs=1e-6)
    simulator.close()
