"""The simulator: recorded transitions replay, and lockstep keeps episodes apart."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.evidence import arrays, recipes
from pipeline.methods.random_actions.policy import RandomPolicy
from pipeline.worlds import environments
from pipeline.worlds.world import HOPPER, WALKER2D, World


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
    together = environments.play(RandomPolicy(6), "HalfCheetah-v4", [5, 6, 7], steps=30)
    alone = environments.play(RandomPolicy(6), "HalfCheetah-v4", [6], steps=30)
    for name, values in together.items():
        assert np.array_equal(values[1], alone[name][0])


class Seen(RandomPolicy):
    """Uniform torques of each episode's own seed; what is shown is kept."""

    def reset(self, seeds) -> None:
        """Begin one episode per seed."""
        super().reset(seeds)
        self.shown = []

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action)."""
        self.shown.append((observations.copy(), np.asarray(rewards).copy()))
        return super().act(observations, rewards)


def plain_loop(known: World, seed: int) -> tuple[np.ndarray, list[float], bool]:
    """Observations (step, observation) and rewards of one episode alone under the same torques, played as gymnasium's own
    documentation does, and whether it terminated.
    """
    simulator, torques = environments.make(known.identifier), np.random.default_rng([seed, 1])
    observation, _ = simulator.reset(seed=seed)
    observations, rewards, terminated, truncated = [], [], False, False
    while not (terminated or truncated):
        observations.append(observation)
        action = torques.uniform(-1, 1, known.action_dim).astype(np.float32)
        observation, reward, terminated, truncated, _ = simulator.step(action)
        rewards.append(float(reward))
    simulator.close()
    return np.array(observations), rewards, terminated


@pytest.mark.parametrize("known", [HOPPER, WALKER2D], ids=lambda known: known.identifier)
def test_an_episode_that_ends_early_ends_where_a_plain_loop_ends_with_its_return(known):
    seeds, policy = [100, 101, 102], Seen(known.action_dim)
    played = environments.play(policy, known.identifier, seeds)
    assert played["rewards"].shape == (3, known.episode_steps)
    for episode, seed in enumerate(seeds):
        observations, rewards, terminated = plain_loop(known, seed)
        length = played["lengths"][episode]
        assert (length, played["terminated"][episode]) == (len(rewards), terminated) and length < 100
        assert played["rewards"][episode, :length].tolist() == rewards and not played["rewards"][episode, length:].any()
        assert played["rewards"][episode].sum() == pytest.approx(sum(rewards), abs=1e-9)
        assert np.array_equal(played["observations"][episode, :length], observations.astype(np.float32))
        assert not played["observations"][episode, length:].any() and not played["actions"][episode, length:].any()
        after = [(shown[episode], earned[episode]) for shown, earned in policy.shown[length:]]
        assert all(not shown.any() and earned == 0 for shown, earned in after), "nothing is seen of what comes after the end"
    assert len(set(played["lengths"].tolist())) > 1, "lockstep goes on for the others"
    assert len(policy.shown) == played["lengths"].max(), "and ends with the last of them"


def test_random_torques_in_hopper_fall_after_11_and_15_steps_and_earn_no_more():
    played = environments.play(RandomPolicy(HOPPER.action_dim), "Hopper-v4", [100, 101])
    assert played["lengths"].tolist() == [11, 15]
    assert played["rewards"].sum(axis=1) == pytest.approx([7.487, 10.544], abs=0.01)  # and not 767.2 and 830.7


def test_a_world_that_is_not_known_is_refused_before_anything_is_played():
    with pytest.raises(PipelineError, match="^Swimmer-v4 is not known"):
        environments.play(RandomPolicy(2), "Swimmer-v4", [100])


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
