"""Playing and evaluating in a world that can be computed on paper: three episodes of three steps.

An episode of seed s shows s, s + 1, s + 2. Acting by a hundredth of that it earns 10 + s / 100, 20 + (s + 1) / 100 and
30 + (s + 2) / 100, together 60.03 + 3 s / 100.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline import PipelineError
from pipeline.measures import evaluate
from pipeline.study import runs
from pipeline.worlds import environments
from pipeline.worlds.world import WORLDS
from tests.stubs import KNOWN, WORLD, Follower, World

RUN = runs.Evaluation("toy", "follower", environment=WORLD, episodes=5, shard_episodes=2, first_seed=100)
RETURNS = [63.03, 63.06, 63.09, 63.12, 63.15]  # of seeds 100 to 104


@pytest.fixture(autouse=True)
def worlds(monkeypatch) -> list[World]:
    """The worlds that were made."""
    made = []

    def make_many(environment, count):
        assert environment == WORLD
        made.append(World(count))
        return made[-1]

    monkeypatch.setattr(environments, "make_many", make_many)
    monkeypatch.setitem(WORLDS, "Paper", KNOWN)
    return made


def test_what_is_played_is_what_was_seen_done_and_earned_in_its_order(worlds):
    policy, ticks = Follower(), []
    played = environments.play(policy, WORLD, [100, 200, 300], tick=lambda: ticks.append(1))
    seen = [[100, 101, 102], [200, 201, 202], [300, 301, 302]]
    assert played["observations"].tolist() == [[[number, number] for number in row] for row in seen]
    assert played["actions"] == pytest.approx(np.array(seen, dtype=np.float64)[..., None] / 100)
    assert played["rewards"] == pytest.approx(np.array([[11.0, 21.01, 31.02], [12.0, 22.01, 32.02], [13.0, 23.01, 33.02]]))
    assert {name: array.dtype for name, array in played.items()} == {
        "observations": np.float32, "actions": np.float32, "rewards": np.float64, "lengths": np.int64, "terminated": bool,
    }  # fmt: skip
    assert played["lengths"].tolist() == [3, 3, 3] and not played["terminated"].any()
    assert policy.begun == [[100, 200, 300]] and len(ticks) == 3 and [world.closed for world in worlds] == [True]


def test_a_policy_is_shown_what_its_last_action_earned_and_nothing_at_first():
    policy = Follower()
    environments.play(policy, WORLD, [100, 200, 300])
    assert [rewards.tolist() for _, rewards in policy.shown] == [
        [0.0, 0.0, 0.0],
        pytest.approx([11.0, 12.0, 13.0]),
        pytest.approx([21.01, 22.01, 23.01]),
    ]
    assert all(observations.dtype == np.float32 for observations, _ in policy.shown)


@pytest.fixture
def falls(monkeypatch) -> dict[int, int]:
    """With which step the episodes of some seeds end; a test fills it in."""
    known: dict[int, int] = {}
    monkeypatch.setattr(environments, "make_many", lambda environment, count: World(count, falls=known))
    return known


def test_an_episode_that_ends_early_earns_nothing_more_and_no_policy_sees_what_comes_after(falls):
    falls.update({100: 1, 300: 2})
    policy, ticks = Follower(), []
    played = environments.play(policy, WORLD, [100, 200, 300], tick=lambda: ticks.append(1))
    assert played["lengths"].tolist() == [1, 3, 2] and played["terminated"].tolist() == [True, False, True]
    assert played["rewards"] == pytest.approx(np.array([[11.0, 0, 0], [12.0, 22.01, 32.02], [13.0, 23.01, 0]]))
    assert played["observations"][..., 0].tolist() == [[100, 0, 0], [200, 201, 202], [300, 301, 0]]
    assert played["actions"][..., 0] == pytest.approx(np.array([[1.0, 0, 0], [2.0, 2.01, 2.02], [3.0, 3.01, 0]]))
    shown = [(observations[:, 0].tolist(), rewards.tolist()) for observations, rewards in policy.shown]
    assert shown == [  # zeros, and never what a fallen body shows
        ([100, 200, 300], [0, 0, 0]),
        ([0, 201, 301], [0, 12.0, 13.0]),
        ([0, 202, 0], [0, pytest.approx(22.01), 0]),
    ]
    assert len(ticks) == 3


def test_when_all_episodes_are_over_nothing_is_played_and_the_rest_is_padding(falls):
    falls.update({100: 2, 200: 1})
    policy = Follower()
    played = environments.play(policy, WORLD, [100, 200])
    assert len(policy.shown) == 2 and played["lengths"].tolist() == [2, 1]
    assert played["rewards"] == pytest.approx(np.array([[11.0, 21.01, 0], [12.0, 0, 0]]))
    assert played["observations"].shape == (2, 3, 2) and played["actions"].shape == (2, 3, 1)


def test_an_episode_that_ends_with_the_last_step_it_may_take_terminated(falls):
    falls[100] = 3
    played = environments.play(Follower(), WORLD, [100, 101])
    assert played["lengths"].tolist() == [3, 3] and played["terminated"].tolist() == [True, False]


def test_the_return_of_an_episode_that_ends_early_stops_there(falls):
    falls[103] = 2
    assert evaluate.play_shard(Follower(), RUN, 1) == [RETURNS[2], pytest.approx(11.03 + 21.04)]


def test_what_a_policy_keeps_of_an_observation_is_its_own():
    kept = []

    class Keeper(Follower):
        def act(self, observations, rewards):
            kept.append(observations)
            observations[:] = 7
            return np.zeros((len(observations), 1))

    assert environments.play(Keeper(), WORLD, [100])["observations"][0, :, 0].tolist() == [100, 101, 102]


def test_an_episode_may_be_cut_short():
    played = environments.play(Follower(), WORLD, [0], steps=2)
    assert played["rewards"].tolist() == [pytest.approx([10.0, 20.01])]


def test_a_policy_that_fails_leaves_no_world_open(worlds):
    policy = Follower()
    policy.act = lambda observations, rewards: 1 / 0
    with pytest.raises(ZeroDivisionError):
        environments.play(policy, WORLD, [0])
    assert worlds[0].closed


@pytest.mark.parametrize(
    ("episodes", "shard", "shards"),
    [(5, 2, [[100, 101], [102, 103], [104]]), (4, 2, [[100, 101], [102, 103]]), (2, 3, [[100, 101]]), (1, 1, [[100]])],
)
def test_shards_part_the_episodes_of_a_run(episodes, shard, shards):
    run = replace(RUN, episodes=episodes, shard_episodes=shard)
    assert evaluate.shard_count(run) == len(shards)
    assert [evaluate.shard_seeds(run, number) for number in range(len(shards))] == shards


def test_the_returns_of_a_shard_are_the_sums_of_its_rewards():
    ticks, policy = [], Follower()
    assert evaluate.play_shard(policy, RUN, 1, lambda: ticks.append(1)) == RETURNS[2:4]
    assert policy.begun == [[102, 103]] and len(ticks) == 3


@pytest.mark.parametrize("action", [np.nan, np.inf])
def test_a_return_that_is_not_finite_is_one_sentence(action):
    policy = Follower()
    policy.act = lambda observations, rewards: np.where(observations[:, :1] == 103, action, 0.0)
    with pytest.raises(PipelineError, match=r"^toy: an episode's return is not finite; the policy gave an action that is not"):
        evaluate.play_shard(policy, RUN, 1)


def test_an_evaluation_holds_every_episodes_return_in_the_order_of_the_seeds(tmp_path):
    policy = Follower()
    assert evaluate.evaluate(RUN, policy, tmp_path) == RETURNS
    assert policy.begun == [[100, 101], [102, 103], [104]]


def test_a_resumed_evaluation_plays_what_is_missing_alone(tmp_path):
    evaluate.evaluate(RUN, Follower(), tmp_path)
    (tmp_path / "shard_001.json").unlink()
    (tmp_path / "shard_002.json").write_text(json.dumps([7.5]))  # kept, whatever it says
    policy = Follower()
    assert evaluate.evaluate(RUN, policy, tmp_path) == [*RETURNS[:4], 7.5]
    assert policy.begun == [[102, 103]]


@pytest.mark.parametrize(("shards", "episodes"), [(1, 2), (2, 4), (3, 5), (9, 5), (None, 5)])
def test_of_an_evaluation_the_first_shards_may_be_played_alone(tmp_path, shards, episodes):
    assert evaluate.evaluate(RUN, Follower(), tmp_path, shards) == RETURNS[:episodes]
    assert len(list(tmp_path.iterdir())) == -(-episodes // 2)
