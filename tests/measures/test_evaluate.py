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
from tests.stubs import WORLD, Follower, World

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
    monkeypatch.setitem(environments.EPISODE_STEPS, WORLD, 3)
    return made


def test_what_is_played_is_what_was_seen_done_and_earned_in_its_order(worlds):
    policy, ticks = Follower(), []
    played = environments.play(policy, WORLD, [100, 200, 300], tick=lambda: ticks.append(1))
    seen = [[100, 101, 102], [200, 201, 202], [300, 301, 302]]
    assert played["observations"].tolist() == [[[number, number] for number in row] for row in seen]
    assert played["actions"] == pytest.approx(np.array(seen, dtype=np.float64)[..., None] / 100)
    assert played["rewards"] == pytest.approx(np.array([[11.0, 21.01, 31.02], [12.0, 22.01, 32.02], [13.0, 23.01, 33.02]]))
    assert {name: array.dtype for name, array in played.items()} == {
        "observations": np.float32, "actions": np.float32, "rewards": np.float64,
    }  # fmt: skip
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
