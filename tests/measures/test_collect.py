"""Collecting: shards, statistics and contexts, on episodes that can be computed on paper."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.data import episodes
from pipeline.data.demonstrations import Demonstrations
from pipeline.data.episodes import Episodes
from pipeline.measures import collect, collect_study, demonstrate
from pipeline.study import runs, studies
from pipeline.worlds import environments
from pipeline.worlds.world import HALFCHEETAH, HOPPER, WORLDS
from tests.stubs import KNOWN, WORLD, Follower, World

RUN = runs.Collection(
    "toy", "follower", environment=WORLD, episodes=4, shard_episodes=2, first_seed=10, contexts=3, context_length=2,
    contexts_from_last=3,
)  # fmt: skip


def numbered(count: int, steps: int) -> Episodes:
    """Episode e shows 100 e + t at step t and does a thousandth of that; it earns e + 1 at each step."""
    place = 100.0 * np.arange(count)[:, None] + np.arange(steps)
    rewards = np.repeat(1.0 + np.arange(count)[:, None], steps, axis=1)
    parts = place[..., None], place[..., None] / 1000, rewards
    return Episodes(*(part.astype(np.float32) for part in parts))


@pytest.fixture
def world(monkeypatch):
    """A world of the simulator's dimensions, in place of it."""
    monkeypatch.setattr(environments, "make_many", lambda environment, count: World(count, dimensions=17))
    monkeypatch.setitem(WORLDS, "Paper", KNOWN)


def test_shards_part_the_seeds_of_a_collection():
    assert [list(collect.shard_seeds(RUN, shard)) for shard in range(2)] == [[10, 11], [12, 13]]


def test_a_collection_is_its_shards_one_after_the_other_and_resumes_where_one_is_missing(world, tmp_path):
    policy, work = Follower(action_dim=6), tmp_path / "work"
    work.mkdir()
    whole = collect.collect(RUN, policy, work)
    # seed s sees s + t and earns 10 (t + 1) + (s + t) / 100
    assert whole.observations[..., 0].tolist() == [[10, 11, 12], [11, 12, 13], [12, 13, 14], [13, 14, 15]]
    expected = [[10.1, 20.11, 30.12], [10.11, 20.12, 30.13], [10.12, 20.13, 30.14], [10.13, 20.14, 30.15]]
    assert whole.rewards == pytest.approx(np.array(expected)) and whole.rewards.dtype == np.float32
    assert whole.actions[3, 2].tolist() == pytest.approx([0.15] * 6)
    assert policy.begun == [[10, 11], [12, 13]]
    (work / "shard_000.hdf5").unlink()
    again = Follower(action_dim=6)
    assert episodes.sha256(collect.collect(RUN, again, work)) == episodes.sha256(whole)
    assert again.begun == [[10, 11]]


def test_statistics_of_a_dataset_of_two_episodes():
    whole = Episodes(
        np.array([[[1.0], [3.0]], [[5.0], [7.0]]], dtype=np.float32),
        np.array([[[0.0, 1.0], [0.5, 1.0]], [[0.0, 1.0], [0.5, 1.0]]], dtype=np.float32),
        np.array([[100.0, 20.0], [300.0, 60.0]], dtype=np.float32),
    )
    found = collect.statistics(whole, HALFCHEETAH)
    digest = hashlib.sha256()
    for name, array in episodes.flat_arrays(whole).items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    assert found["observation_mean"].tolist() == [4.0]
    assert found["observation_std"].tolist() == pytest.approx([5**0.5 + 1e-6])  # of -3, -1, 1 and 3: sqrt(20 / 4)
    assert found["action_std"].tolist() == [0.25, 0.0]
    assert {name: value for name, value in found.items() if not name.startswith(("observation", "action"))} == {
        "episodes": 2,
        "steps": 2,
        "transitions": 4,
        "return_mean": 240.0,  # of 120 and 360
        "return_sd": pytest.approx(120 * 2**0.5),
        "return_min": 120.0,
        "return_max": 360.0,
        "score_mean": pytest.approx(100 * (240 + 280.178953) / 12415.178953),
        "score_max": pytest.approx(100 * (360 + 280.178953) / 12415.178953),
        "arrays_sha256_of_dataset": digest.hexdigest(),
    }


def test_a_collection_in_which_episodes_end_early_is_the_same_when_it_resumes(monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "make_many", lambda environment, count: World(count, 17, falls={10: 1, 13: 2}))
    monkeypatch.setitem(WORLDS, "Paper", replace(KNOWN, ends_early=True))
    whole = collect.collect(RUN, Follower(action_dim=6), tmp_path)
    assert whole.lengths.tolist() == [1, 3, 3, 2] and whole.terminated.tolist() == [True, False, False, True]
    assert whole.observations[..., 0].tolist() == [[10, 0, 0], [11, 12, 13], [12, 13, 14], [13, 14, 0]]
    assert whole.returns == pytest.approx([10.1, 60.36, 60.39, 30.27])
    policy = Follower(action_dim=6)
    assert episodes.sha256(collect.collect(RUN, policy, tmp_path)) == episodes.sha256(whole) and policy.begun == []
    (tmp_path / "shard_001.hdf5").unlink()
    assert episodes.sha256(collect.collect(RUN, policy, tmp_path)) == episodes.sha256(whole) and policy.begun == [[12, 13]]


def test_a_shard_in_which_an_episode_was_cut_short_is_played_again(monkeypatch, tmp_path):
    world = replace(KNOWN, ends_early=True)
    parts = np.zeros((2, 3, 17), np.float32), np.zeros((2, 3, 6), np.float32), np.zeros((2, 3), np.float32)
    for terminated, usable in (([False, True], True), ([False, False], False)):
        kept = Episodes(*parts, lengths=np.array([3, 2]), terminated=np.array(terminated))
        episodes.write(tmp_path / "shard.hdf5", kept, {})
        assert (collect.read_shard(tmp_path / "shard.hdf5", 2, world) is not None) == usable
    assert collect.read_shard(tmp_path / "shard.hdf5", 3, world) is None


def test_statistics_count_no_padding():
    whole = replace(numbered(2, 3), lengths=np.array([3, 1]), terminated=np.array([False, True]))
    whole.rewards[1, 1:] = whole.observations[1, 1:] = whole.actions[1, 1:] = 0
    found = collect.statistics(whole, HOPPER)
    assert (found["episodes"], found["steps"], found["transitions"]) == (2, 3, 4)
    assert found["observation_mean"].tolist() == [25.75]  # of 0, 1, 2 and 100
    assert found["action_std"].tolist() == [pytest.approx(np.std([0, 0.001, 0.002, 0.1]), rel=1e-5)]
    # 1 + 1 + 1 and 2, and where they lie between a random policy of Hopper and D4RL's expert
    assert (found["return_min"], found["return_max"], found["return_mean"]) == (2.0, 3.0, 2.5)
    assert found["score_mean"] == pytest.approx(100 * (2.5 + 20.272305) / (3234.3 + 20.272305))


def test_contexts_are_drawn_from_episodes_that_are_long_enough():
    whole = replace(numbered(6, 4), lengths=np.array([4, 1, 2, 1, 3, 4]), terminated=np.array([False, *[True] * 4, False]))
    found = collect.draw_contexts(whole, replace(RUN, contexts_from_last=5))
    assert found["episode"].tolist() == [2, 4, 5]
    assert (found["timesteps"][:, -1].numpy() < np.array([2, 3, 4])).all()
    too_many = replace(RUN, contexts=4, contexts_from_last=5)
    with pytest.raises(PipelineError, match="^of the last 5 episodes of toy 3 are as long as a context of 2 steps, and 4 are "):
        collect.draw_contexts(whole, too_many)


def test_contexts_as_long_as_episodes_are_the_last_ones_whole():
    found = collect.draw_contexts(numbered(5, 4), replace(RUN, context_length=4))
    assert found["episode"].tolist() == [2, 3, 4]
    assert found["observations"][..., 0].tolist() == [[200, 201, 202, 203], [300, 301, 302, 303], [400, 401, 402, 403]]
    assert found["actions"][1, :, 0].tolist() == pytest.approx([0.3, 0.301, 0.302, 0.303])
    assert found["rewards"].tolist() == [[3] * 4, [4] * 4, [5] * 4]
    assert found["returns_to_go"].tolist() == [[12, 9, 6, 3], [16, 12, 8, 4], [20, 15, 10, 5]]
    assert found["timesteps"].tolist() == [[0, 1, 2, 3]] * 3
    assert found["returns_to_go"].dtype == torch.float32


def test_a_context_is_a_window_of_its_episode_and_its_returns_count_to_the_episodes_end():
    found = collect.draw_contexts(numbered(40, 9), replace(RUN, contexts=30, contexts_from_last=30))
    episode, steps = found["episode"], found["timesteps"]
    assert episode.tolist() == list(range(10, 40)), "each from another of the last 30 episodes, in their order"
    assert set(steps[:, 0].tolist()) == set(range(8)), "every window that fits is drawn among thirty"
    assert torch.equal(steps[:, 1], steps[:, 0] + 1)
    assert torch.equal(found["observations"][..., 0], (100 * episode[:, None] + steps).float())
    # an episode of nine steps that each earn e + 1 has (9 - t) (e + 1) to go at step t
    assert torch.equal(found["returns_to_go"], ((9 - steps) * (episode[:, None] + 1)).float())


def test_contexts_are_drawn_by_their_own_seed():
    whole = numbered(40, 9)
    drawn = [collect.draw_contexts(whole, replace(RUN, contexts_from_last=30, contexts_seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0]["observations"], drawn[1]["observations"])
    assert not torch.equal(drawn[0]["observations"], drawn[2]["observations"])


def test_statistics_of_two_demonstrations():
    ends = np.array([False, False, True, True])  # three actions, then one
    actions = np.array([2, 2, 3, 5])
    level = "go_to_local_s7n5"
    empty = np.zeros((4, 19, 19, 3), np.uint8), *(np.zeros((4, size), np.int64) for size in (3, 2, 9))
    found = demonstrate.statistics(Demonstrations(level, *empty, actions, ends))
    assert len(found.pop("arrays_sha256_of_dataset")) == 64
    assert found == {
        "level": level,
        "episodes": 2,
        "transitions": 4,
        "length_mean": 2.0,
        "length_sd": pytest.approx(2**0.5),
        "length_max": 3,
        "action_shares": {"left": 0.0, "right": 0.0, "forward": 0.5, "pickup": 0.25, "drop": 0.0, "toggle": 0.25},
    }


def test_a_throttled_collection_plays_its_shards_with_a_factor_for_each_episode(world, monkeypatch, tmp_path):
    run = studies.ThrottledCollection(
        "toy", "follower", environment=WORLD, episodes=4, shard_episodes=2, first_seed=10, factors=(0.0, 0.5)
    )
    monkeypatch.setattr(collect_study.checkpoints, "load", lambda *words: None)
    monkeypatch.setattr(collect_study, "BehaviourPolicy", lambda model: Follower(action_dim=6))
    whole, label, labels = collect_study.play(run, tmp_path)
    assert label == "factor" and labels.tolist() == [0.0, 0.5, 0.0, 0.5]
    # seed s sees s + t, and its policy does a hundredth of that
    assert whole.actions[:, 2, 0].tolist() == pytest.approx([0.0, 0.065, 0.0, 0.075])
